/**
 * Brings logs back from the archive, so that they can go on. A log is verified from its beginning, staged under a name of its own
 * and renamed, so it is in Redis wholly or not at all. Who dies meanwhile leaves what expires. A Redis that came back older may have
 * the beginning of an archived log: that gives way to the whole one. A log that goes on otherwise stays.
 *
 * A large log takes longer than a sender of mail waits. So a log is restored once for all who want it, and to its end when they
 * have given up; when they come again it is there.
 */
import { Effect, Fiber, type Scope, Semaphore } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { realTime } from "./deadline.ts"
import { CorruptEntry } from "./event-store.ts"
import { chainStart, linkOf } from "./hash-chain.ts"
import type { ArchivedLog, LogArchive } from "./log-archive.ts"
import type { Restoring } from "./log-unlinking.ts"
import type { StreamEntry } from "./stream-entry.ts"

/** Logs that are restored at a time, and those that wait for it. */
const RESTORED_TOGETHER_MAX = 2
const WAITING_MAX = 256
/** Entries that are read from the archive at a time. */
const ENTRIES_MAX = 128
/** Characters that are staged in one step, unless one event has more. */
const STAGED_TOGETHER_MAX = 512 * 1024

/** Entries of a log as they are staged: after a version, one line for each text, and its hash on the next line. */
export interface StagedEntries {
  readonly after: number
  readonly count: number
  readonly lines: string
}

export interface Stage {
  /** The version of the log in Redis; 0 if there is none. */
  readonly version: (batch: BatchId) => Effect.Effect<number, StoreUnavailable>
  /** Stages entries of a log. */
  readonly stage: (batch: BatchId, part: StagedEntries) => Effect.Effect<void, StoreUnavailable>
  /** Makes what was staged the log, if there is none, or only its beginning. */
  readonly finish: (log: ArchivedLog) => Effect.Effect<"restored" | "there", StoreUnavailable>
}

type Failure = StoreUnavailable | CorruptEntry

export interface RestoringFrom {
  readonly archive: LogArchive["Service"]
  /** A new place to stage a log in. */
  readonly stageOf: () => Stage
  /** Passes a crash point. */
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
}

/** Restores logs while the scope is open. */
export const restoringOnce = (
  scope: Scope.Scope,
  from: RestoringFrom,
): ((batch: BatchId) => Effect.Effect<Restoring, Failure>) => {
  const room = Semaphore.makeUnsafe(RESTORED_TOGETHER_MAX)
  const underWay = new Map<BatchId, Fiber.Fiber<Restoring, Failure>>()
  const begin = Effect.fnUntraced(function* (batch: BatchId) {
    if (underWay.size >= WAITING_MAX) return yield* unavailable("too many logs are being restored")
    const fiber = yield* restore(from, batch).pipe(
      room.withPermits(1),
      Effect.ensuring(Effect.sync(() => underWay.delete(batch))),
      Effect.forkIn(scope),
    )
    // It may have ended already.
    if (fiber.pollUnsafe() === undefined) underWay.set(batch, fiber)
    return fiber
  })
  return (batch) =>
    Effect.suspend(() => {
      const running = underWay.get(batch)
      return running === undefined ? begin(batch) : Effect.succeed(running)
    }).pipe(Effect.flatMap(Fiber.join))
}

const unavailable = (reason: string) =>
  new StoreUnavailable({ store: "redis", step: "restore a log", reason })

const restore = Effect.fnUntraced(function* (
  { archive, stageOf, pass }: RestoringFrom,
  batch: BatchId,
): Effect.fn.Return<Restoring, Failure> {
  const log = yield* archive.find(batch)
  if (log === undefined) return "not-archived"
  const { version: versionHere, stage, finish } = stageOf()
  if ((yield* versionHere(batch)) >= log.version) return "there"
  yield* pass("before-restore")
  let [version, head] = [0, chainStart(batch)]
  while (version < log.version) {
    const limit = Math.min(ENTRIES_MAX, log.version - version)
    const entries = yield* archive.entries(batch, version, limit)
    if (entries.length === 0) return yield* corrupt(batch, version + 1, "the archived log ends before it")
    for (const part of partsOf(version, entries)) {
      yield* stage(batch, part)
      yield* pass("within-restore")
    }
    head = yield* verified(batch, version, head, entries)
    version += entries.length
  }
  if (head !== log.head) return yield* corrupt(batch, version, "the archived log has another hash there")
  const done = yield* finish(log)
  yield* pass("after-restore")
  return done
})

const corrupt = (batch: BatchId, version: number, reason: string) =>
  new CorruptEntry({ batch, entry: `${version}-0`, reason })

/** Entries in parts that are small enough for one step. */
function* partsOf(after: number, entries: ReadonlyArray<StreamEntry>): Generator<StagedEntries> {
  let part = { after, count: 0, lines: "" }
  for (const [, [, text = "", , hash = ""]] of entries) {
    if (part.count > 0 && part.lines.length + text.length > STAGED_TOGETHER_MAX) {
      yield part
      part = { after: part.after + part.count, count: 0, lines: "" }
    }
    part = { ...part, count: part.count + 1, lines: `${part.lines}${text}\n${hash}\n` }
  }
  if (part.count > 0) yield part
}

/** The hash of the last of some entries, each of which follows its predecessor. */
const verified = Effect.fnUntraced(function* (
  batch: BatchId,
  after: number,
  before: string,
  entries: ReadonlyArray<StreamEntry>,
) {
  let [version, head] = [after, before]
  for (const [id, [, text = "", , hash = ""]] of entries) {
    version += 1
    head = linkOf(head, text)
    if (id !== `${version}-0` || hash !== head)
      return yield* corrupt(batch, version, "the archived log does not follow from its predecessor")
  }
  return head
})

/** How long mail waits for its log to be restored, in milliseconds. */
const MAIL_WAITS_MS_MAX = 8_000
/** A log that was restored may be unlinked before its mail arrives. */
const TRIES_MAX = 3

/**
 * Does a step that needs a log in Redis. If it says that only the archive may have the log, restores it and does the step again.
 * Gives nothing if there is no such log.
 */
export const withLog = Effect.fnUntraced(function* <A, E>(
  batch: BatchId,
  step: Effect.Effect<A | "ASK", E>,
  restore: (batch: BatchId) => Effect.Effect<Restoring, Failure>,
): Effect.fn.Return<A | undefined, E | StoreUnavailable> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const answer = yield* step
    if (answer !== "ASK") return answer
    const restored = yield* restore(batch).pipe(
      Effect.timeoutOrElse({
        duration: MAIL_WAITS_MS_MAX,
        orElse: () => Effect.fail(unavailable("TIMEOUT")),
      }),
      realTime,
      Effect.catchTag("CorruptEntry", ({ entry, reason }) =>
        Effect.fail(unavailable(`entry ${entry} of its archived log cannot be restored: ${reason}`)),
      ),
    )
    if (restored === "not-archived") return undefined
  }
  return yield* unavailable("it was unlinked each time")
})
