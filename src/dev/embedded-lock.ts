/*
 * A lock between processes, which is free again when its holder is killed.
 *
 * The lock is a folder with one file that is named after its holder. To take the lock, a process renames a prepared
 * folder onto it: this is atomic, and succeeds only while the lock is missing or empty. To break the lock of a dead
 * holder, a process removes the file *by its name*, so it never breaks a newer lock by mistake.
 */
import { randomUUID } from "node:crypto"
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { FILE_MODE } from "./data-folder.ts"
import { identityOf } from "./embedded-process.ts"

const POLL_MS = 50

/** The lock's folder cannot be used, or a live process held the lock for too long. */
export class LockError extends Schema.TaggedError<LockError>()("LockError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/**
 * Runs `effect` while this process alone holds the lock, and waits for it up to `waitMs`. Not re-entrant.
 * The folder above `path` must exist.
 */
export const withLock =
  (path: string, waitMs: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | LockError, R> =>
    Effect.acquireUseRelease(
      acquire(path, waitMs),
      () => effect,
      (holder) => release(path, holder),
    )

/** Interruptible while it waits, but not in the step that takes the lock. */
const acquire = Effect.fnUntraced(function* (path: string, waitMs: number) {
  const holder = newHolder()
  for (let waitedMs = 0; waitedMs <= waitMs; waitedMs += POLL_MS) {
    if (yield* tryTake(path, holder)) return holder
    yield* Effect.interruptible(Effect.sleep(POLL_MS))
  }
  return yield* new LockError({
    message: `process ${holderOf(path)} has not released the lock ${path} for over ${waitMs} ms`,
  })
})

const release = (path: string, holder: string): Effect.Effect<void> =>
  Effect.sync(() => rmSync(join(path, holder), { force: true }))

const tryTake = (path: string, holder: string): Effect.Effect<boolean, LockError> =>
  Effect.try({
    try: () => {
      removeDeadHolder(path)
      return take(path, holder)
    },
    catch: (cause) => new LockError({ message: `cannot use the lock ${path}`, cause }),
  })

const take = (path: string, holder: string): boolean => {
  const prepared = `${path}.${holder}`
  mkdirSync(prepared, { mode: 0o700 })
  try {
    writeFileSync(join(prepared, holder), "", { mode: FILE_MODE })
    renameSync(prepared, path)
    return true
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true })
    if (hasCode(error, "ENOTEMPTY", "EEXIST")) return false
    throw error
  }
}

const removeDeadHolder = (path: string): void => {
  const holder = holderOf(path)
  if (holder !== undefined && !isHolderAlive(holder)) rmSync(join(path, holder), { force: true })
}

const holderOf = (path: string): string | undefined => {
  try {
    return readdirSync(path)[0]
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined
    throw error
  }
}

/** The random part distinguishes two holders in one process. */
const newHolder = (): string => {
  const self = identityOf(process.pid)
  return [process.pid, self?.startedAt.replaceAll(/\W/g, "-"), randomUUID().slice(0, 8)].join("_")
}

const isHolderAlive = (holder: string): boolean => {
  const [pid, startedAt] = holder.split("_")
  const now = identityOf(Number(pid))
  return now?.startedAt.replaceAll(/\W/g, "-") === startedAt
}

const hasCode = (error: unknown, ...codes: ReadonlyArray<string>): boolean =>
  error instanceof Error && "code" in error && codes.includes(String(error.code))
