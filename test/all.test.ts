/** What `npm test` and CI end with, with programs of our own in the place of npm and Vitest. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const program = fileURLToPath(new URL("./all.ts", import.meta.url))
const ciProgram = fileURLToPath(new URL("../.ci/run", import.meta.url))

/** What stands in Vitest's place prints this if no arguments are given. */
const ordinary = "vitest run --config test/quick.config.ts\n"

/** What each of them does, as a line of sh. */
interface Doings {
  readonly check?: string
  readonly lint?: string
  readonly openApi?: string
  readonly asyncApi?: string
  readonly vitest?: string
}

/** Runs a program that finds scripts of ours first in its PATH, by their names. */
const run = async (
  command: ReadonlyArray<string>,
  scripts: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
) => {
  const folder = mkdtempSync(join(tmpdir(), "all-"))
  try {
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(folder, name), 0o755)
    }
    const [file = "", ...args] = command
    const child = spawn(file, args, {
      env: {
        ...environment,
        PATH: environment.PATH === undefined ? folder : `${folder}:${environment.PATH}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    })
    const [[status], stdout, stderr] = await Promise.all([
      once(child, "close"),
      text(child.stdout),
      text(child.stderr),
    ])
    return { status, stdout, stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs `npm test`; its checks and its tests succeed unless told otherwise. */
const all = (
  { environment = {}, ...doings }: Doings & { readonly environment?: Readonly<Record<string, string>> },
  ...args: ReadonlyArray<string>
) => {
  const { check = "true", lint = "true", openApi = "true", asyncApi = "true", vitest = "true" } = doings
  const documents = `lint:openapi) ${openApi};; lint:asyncapi) ${asyncApi};;`
  const scripts = {
    npm: `case "$3" in check) ${check};; lint) ${lint};; ${documents} *) exit 9;; esac`,
    vitest: `echo "vitest $*"; ${vitest}`,
  }
  return run([process.execPath, program, ...args], scripts, environment)
}

describe("npm test", () => {
  it("succeeds if types, style, document and tests do, prints the tests alone, and passes its arguments to them", async () => {
    const { status, stdout, stderr } = await all(
      { check: "echo fine", lint: "echo fine", openApi: "echo fine", asyncApi: "echo fine" },
      "test/domain",
    )
    expect([status, stdout, stderr]).toEqual([0, "vitest run test/domain\n", ""])
  })

  it("leaves the slow files to a run of their own, unless its arguments pick the files", async () => {
    expect((await all({})).stdout).toBe(ordinary)
  })

  it.each(["check", "lint", "openApi", "asyncApi"] as const)(
    "fails if `%s` does, and prints what it says",
    async (script) => {
      const { status, stdout, stderr } = await all({ [script]: "echo on stdout; echo on stderr >&2; exit 2" })
      expect([status, stdout]).toEqual([1, ordinary])
      expect(stderr).toContain("on stdout\non stderr\n")
      expect(stderr).toContain("failed (status 2)")
    },
  )

  it.each([
    ["a test fails", "exit 1"],
    ["the tests are killed", "kill -9 $$"],
  ])("fails if %s", async (_, vitest) => {
    const { status, stderr } = await all({ vitest })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^\nthe tests failed \((?:status 1|SIGKILL)\)\n$/)
  })

  it.each([
    ["openApi", "docs/openapi.json"],
    ["asyncApi", "docs/asyncapi.json"],
  ] as const)(
    "says that the document of %s was not checked, which is a failure in CI",
    async (script, path) => {
      const unchecked = { [script]: "echo no network >&2; exit 75" }
      const here = await all(unchecked)
      expect([here.status, here.stdout]).toEqual([0, ordinary])
      expect(here.stderr).toBe(
        `no network\n\n${path} was NOT checked: why is printed above. CI will check it.\n`,
      )
      const inCi = await all({ ...unchecked, environment: { CI: "true" } })
      expect(inCi.status).toBe(1)
      expect(inCi.stderr).toContain(`the check of ${path} failed (status 75)`)
      expect(await all({ ...unchecked, lint: "exit 75" })).toMatchObject({ status: 1 })
    },
  )

  it("fails if a check is killed", async () => {
    const { status, stderr } = await all({ check: "kill -9 $$" })
    expect(status).toBe(1)
    expect(stderr).toContain("SIGKILL")
  })
})

describe(".ci/run", () => {
  const npm = (script: string) => ({ npm: `echo "npm $* in CI: $CI"; ${script}` })

  it("runs the tests and the slow ones, in CI", async () => {
    const { status, stdout } = await run([ciProgram], npm("exit 0"), process.env)
    expect([status, stdout]).toEqual([0, "npm test in CI: true\nnpm run test:slow in CI: true\n"])
  })

  it.each([
    ["npm test", '[ "$1" != test ]', 1],
    ["npm run test:slow", '[ "$1" = test ]', 1],
    ["both", "false", 2],
  ])(
    "fails if %s does, after all of it, and prints the end of what failed last",
    async (which, script, failed) => {
      const { status, stdout } = await run([ciProgram], npm(script), process.env)
      expect(status).toBe(failed)
      const commands = which === "both" ? ["npm test", "npm run test:slow"] : [which]
      const ends = commands.map(
        (command) => `\n${command} failed. The end of what it printed:\n${command} in CI: true\n`,
      )
      expect(stdout).toBe(`npm test in CI: true\nnpm run test:slow in CI: true\n${ends.join("")}`)
    },
  )
})
