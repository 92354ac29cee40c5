import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { expect, test, vi } from "vitest"
import { identityOf, isAlive, type ProcessIdentity } from "../../src/dev/embedded-process.ts"
import { type LeashOptions, spawnLeashed } from "../../src/dev/leashed-process.ts"

const HOLDER = fileURLToPath(new URL("leash-holder.ts", import.meta.url))
const WITHIN = { timeout: 10_000, interval: 20 }
/** Says when its signal handling is in place, then stays until a signal ends it. */
const STAYING = "echo ready; while :; do sleep 0.05; done"
const STUBBORN = `trap '' TERM; ${STAYING}`

test("A leashed process ends with the scope", async () => {
  const { pid } = await Effect.runPromise(Effect.scoped(spawnReady(STAYING)))
  expect(identityOf(pid)).toBeUndefined()
})

test("A leashed process that does not stop when it is asked to is killed", async () => {
  const since = Date.now()
  const { pid, exited } = await Effect.runPromise(Effect.scoped(spawnReady(STUBBORN, { stopWithinMs: 300 })))
  expect(await Effect.runPromise(exited)).toEqual({ code: null, signal: "SIGKILL" })
  expect(identityOf(pid)).toBeUndefined()
  expect(Date.now() - since).toBeGreaterThanOrEqual(300)
})

test("A leashed process that was asked to stop in its own way hears that signal", async () => {
  const program = `trap 'exit 42' INT; ${STAYING}`
  const { exited } = await Effect.runPromise(Effect.scoped(spawnReady(program, { stopSignal: "SIGINT" })))
  expect(await Effect.runPromise(exited)).toEqual({ code: 42, signal: null })
})

test("A leashed process that ends by itself tells how, and takes its own children along", async () => {
  const program = "sleep 600 & echo $!; exit 3"
  const [exit, grandchild] = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const child = yield* spawnLeashed({ command: "/bin/sh", args: ["-c", program], stdout: "pipe" })
        const [pid] = yield* Effect.promise(() => once(child.stdout ?? process.stdin, "data"))
        return [yield* child.exited, Number(pid)] as const
      }),
    ),
  )
  expect(exit).toEqual({ code: 3, signal: null })
  await vi.waitFor(() => expect(identityOf(grandchild)).toBeUndefined(), WITHIN)
})

test("A command that does not exist ends, and its log says why", async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), "leash-")), "log")
  const child = spawnLeashed({ command: "/no/such/program", args: [], logFile })
  const exit = await Effect.runPromise(Effect.scoped(Effect.flatMap(child, ({ exited }) => exited)))
  expect(exit.code).toBe(127)
  expect(readFileSync(logFile, "utf8")).toContain("/no/such/program")
})

test.each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "A leashed process ends when its parent is ended by %s",
  async (signal) => {
    const child = await heldByAnotherProcess(STAYING)
    child.holder.kill(signal)
    await vi.waitFor(() => expect(isAlive(child.identity)).toBe(false), WITHIN)
  },
)

test("A stubborn leashed process is killed when its parent was", async () => {
  const child = await heldByAnotherProcess(STUBBORN)
  child.holder.kill("SIGKILL")
  await vi.waitFor(() => expect(isAlive(child.identity)).toBe(false), WITHIN)
})

const spawnReady = Effect.fnUntraced(function* (program: string, options: Partial<LeashOptions> = {}) {
  const child = yield* spawnLeashed({ command: "/bin/sh", args: ["-c", program], stdout: "pipe", ...options })
  yield* Effect.promise(() => once(child.stdout ?? process.stdin, "data"))
  return child
})

const heldByAnotherProcess = async (program: string) => {
  const holder = spawn(process.execPath, [HOLDER, program], { stdio: ["ignore", "pipe", "inherit"] })
  const [pid] = await once(holder.stdout, "data")
  const identity: ProcessIdentity | undefined = identityOf(Number(pid))
  if (identity === undefined) throw new Error("the leashed process is not there")
  return { holder, identity }
}
