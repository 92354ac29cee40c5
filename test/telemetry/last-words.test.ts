/** How a process of the service ends by an error: with a line of its log, and without what the error has in its fields. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { fileOf } from "../programs.ts"

const iban = "DE89370400440532013000"

const ended = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, args, {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
    encoding: "utf8",
  })
  return { status, lines: stderr.trimEnd().split("\n"), text: stderr + stdout }
}

it("logs an exception that nobody caught by its text, without the fields of a driver's error", () => {
  const module = fileURLToPath(new URL("../../src/telemetry/last-words.ts", import.meta.url))
  const program = `
    import { endWithLastWords } from ${JSON.stringify(module)}
    endWithLastWords()
    const error = Object.assign(new Error("no account ${iban}"), { command: { name: "auth", args: ["hidden-word"] } })
    void Promise.reject(error)`
  const { status, lines, text } = ended(["--input-type=module", "--eval", program])
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: "fatal",
      message: "uncaught exception",
      cause: expect.stringContaining("no account [redacted]"),
    },
  ])
  expect(status).toBe(1)
  for (const secret of [iban, "hidden-word"]) expect(text).not.toContain(secret)
})

it("logs why the service does not start as a line of its log", () => {
  const { status, lines } = ended([fileOf("src/main.ts")], { REDIS_URL: "redis//canary:hidden-word@host" })
  expect(status).toBe(1)
  const said = lines.map((line) => JSON.parse(line))
  expect(said.at(-1)).toMatchObject({ level: "fatal", message: "the process ends" })
  expect(lines.join("\n")).toContain("REDIS_URL")
  expect(lines.join("\n")).not.toContain("hidden-word")
})
