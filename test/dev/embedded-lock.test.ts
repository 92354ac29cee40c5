import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Deferred, Effect, Fiber, Option } from "effect"
import { expect, test } from "vitest"
import { withLock as setupLock } from "../../infra/lock.mjs"
import { LockError, withLock } from "../../src/dev/embedded-lock.ts"
import { identityOf } from "../../src/dev/embedded-process.ts"

test("Only one holds the lock at a time", async () => {
  const path = newPath()
  const inside = { now: 0, most: 0 }
  const enter = Effect.gen(function* () {
    inside.now += 1
    inside.most = Math.max(inside.most, inside.now)
    yield* Effect.sleep(5)
    inside.now -= 1
  })
  const all = Effect.all(
    Array.from({ length: 8 }, () => enter.pipe(withLock(path, 20_000))),
    { concurrency: 8 },
  )
  await Effect.runPromise(all)
  expect(inside.most).toBe(1)
  expect(readdirSync(path)).toEqual([])
})

test("Waiting too long for a lock fails and names its holder", async () => {
  const path = newPath()
  const failure = await Effect.runPromise(
    Effect.void.pipe(withLock(path, 100), withLock(path, 100), Effect.flip),
  )
  expect(failure).toBeInstanceOf(LockError)
  expect(failure.message).toContain(`process ${process.pid}`)
})

test("A lock is released when its holder is interrupted", async () => {
  const path = newPath()
  const answer = await Effect.runPromise(
    Effect.gen(function* () {
      const entered = yield* Deferred.make<void>()
      const stay = Deferred.succeed(entered, undefined).pipe(Effect.andThen(Effect.never), withLock(path, 0))
      const fiber = yield* Effect.forkChild(stay)
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
      return yield* Effect.succeed("mine").pipe(withLock(path, 0))
    }),
  )
  expect(answer).toBe("mine")
})

test("Waiting for a lock can be interrupted", async () => {
  const path = newPath()
  const waiting = Effect.void.pipe(withLock(path, 60_000), Effect.timeoutOption(100))
  const answer = await Effect.runPromise(waiting.pipe(withLock(path, 0)))
  expect(Option.isNone(answer)).toBe(true)
})

test("A dead holder's lock is taken over", async () => {
  const dead = await deadHolder()
  const path = newPath()
  mkdirSync(path)
  writeFileSync(join(path, dead), "")
  expect(await Effect.runPromise(Effect.succeed("mine").pipe(withLock(path, 0)))).toBe("mine")
})

test("The set-up's lock is taken over from a dead holder, and kept from others meanwhile", async () => {
  const path = newPath()
  mkdirSync(path)
  writeFileSync(join(path, await deadHolder()), "")
  const refused = () => setupLock(path, 0, () => "second")
  expect(() => setupLock(path, 0, refused)).toThrow("another set-up")
  expect(setupLock(path, 0, () => "mine")).toBe("mine")
  expect(readdirSync(path)).toEqual([])
})

const newPath = (): string => join(mkdtempSync(join(tmpdir(), "lock-")), "lock")

const deadHolder = async (): Promise<string> => {
  const child = spawn("/bin/sleep", ["600"])
  await once(child, "spawn")
  const { pid, startedAt } = identityOf(child.pid ?? 0) ?? { pid: 0, startedAt: "" }
  child.kill("SIGKILL")
  await once(child, "exit")
  return `${pid}_${startedAt}_0`
}
