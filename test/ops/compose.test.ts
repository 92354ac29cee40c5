/** Compose itself reads infra/compose.yaml: its schema, what refers to what, and what comes before what. It starts nothing. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { findTool } from "../../src/dev/embedded-programs.mjs"

const root = join(import.meta.dirname, "../..")
/** Debian's Compose is older than the project's name in the file. */
const text = readFileSync(join(root, "infra/compose.yaml"), "utf8").replace(/^name: .*$/m, "")

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "compose-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const read = (compose: string, ...args: ReadonlyArray<string>) => {
  const tool = findTool(join(root, ".atlaspay"), "docker-compose", ["docker-compose"], process.env)
  if (tool === undefined)
    throw new Error("Compose is not on this machine: node infra/setup.mjs --with operations")
  const file = join(folder, "compose.yaml")
  writeFileSync(file, compose)
  const env = {
    ...process.env,
    ...tool.environment,
    PYTHONPATH: join(dirname(tool.folder), "lib/python3/dist-packages"),
  }
  const words = ["--project-directory", join(root, "infra"), "--file", file, ...args]
  const { status, stderr } = spawnSync(join(tool.folder, "docker-compose"), words, {
    encoding: "utf8",
    env,
  })
  return { status, stderr }
}

it("knows all that is in it", () => {
  expect(read(text, "--profile", "all", "config", "--quiet")).toMatchObject({ status: 0, stderr: "" })
})

it("would refuse what it does not know, and what leads nowhere", () => {
  expect(
    read(text.replace("    image: redis:8", "    imagine: redis:8"), "config", "--quiet").status,
  ).not.toBe(0)
  const dangling = text.replaceAll("migrate: { condition", "migration: { condition")
  expect(read(dangling, "--profile", "all", "config", "--quiet").status).not.toBe(0)
})
