/*
 * `npm test`: the types, the style and the tests side by side, because tests often wait and leave a core to the others. All
 * three run to their end, and the status is 0 only if all three succeeded. Arguments are those of Vitest.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { buffer } from "node:stream/consumers"

const start = (script: string): ChildProcess =>
  spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "pipe"] })

/** Runs a check and prints what it says only if it fails: between the lines of the tests nobody looks for it. */
const check = async (what: string, child: ChildProcess): Promise<ReadonlyArray<string>> => {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error(`the output of ${what} cannot be read`)
  const [end, ...printed] = await Promise.all([once(child, "close"), buffer(stdout), buffer(stderr)])
  const [code, signal] = end
  if (code === 0) return []
  process.stderr.write(Buffer.concat(printed))
  return [`${what} failed (${signal ?? `status ${code}`})`]
}

const types = start("check")
const style = start("lint")
const tests = spawn("vitest", ["run", ...process.argv.slice(2)], { stdio: "inherit" })
// A terminal interrupts all of them; then this waits until the tests have stopped their servers.
process.on("SIGINT", () => undefined)
process.on("SIGTERM", () => {
  for (const child of [types, style, tests]) child.kill("SIGTERM")
})

const [checks, [code, signal]] = await Promise.all([
  Promise.all([check("the check of types", types), check("the check of style", style)]),
  once(tests, "close"),
])
const failures = checks.flat()
for (const failure of failures) process.stderr.write(`\n${failure}; it is printed above\n`)
if (signal !== null) process.stderr.write(`\nthe tests were ended by ${signal}\n`)
process.exitCode = failures.length === 0 && code === 0 ? 0 : 1
