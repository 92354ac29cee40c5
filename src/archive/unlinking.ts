/**
 * Takes archived logs out of Redis. Each is verified in the archive once more, right before: Postgres may have been restored, or
 * changed, since it was archived. Redis unlinks it only if its tail is still the archived one and nothing is left to do for its batch.
 */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import type { LogTail } from "../register/log-tail.ts"
import type { CorruptEntry } from "../streams/event-store.ts"
import { LogArchive } from "../streams/log-archive.ts"
import { LogUnlinking, type Unlinking } from "../streams/log-unlinking.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { ArchiveStore, type DueUnlinking, type Wanted } from "./archive-store.ts"
import { verifyArchived } from "./archive-verification.ts"
import { eachSound } from "./each-sound.ts"
import { rest } from "./intake-rest.ts"

/** Logs that one round takes, and for how long nobody else does. */
export const UNLINKED_MAX = 64
const HOLD_MS = 60_000
/** When a log is looked at again whose batch has something left to do, or that has gone on. */
const KEPT_MS = 600_000
/** When a log is looked at again that the archive does not have as it should. */
const FAULTY_MS = 24 * 3_600_000

/** What a round did. */
export interface Unlinked {
  readonly taken: number
  readonly unlinked: ReadonlyArray<BatchId>
  /** Logs that stay in Redis for now, and why. */
  readonly kept: ReadonlyArray<{ readonly batch: BatchId; readonly reason: Exclude<Unlinking, "unlinked"> }>
  readonly failed: ReadonlyArray<CorruptEntry>
}

/** Unlinks archived logs that are due, or the ones that are wanted, at most {@link UNLINKED_MAX}; none of some partitions. */
export const unlinkRound = Effect.fn("Archive.unlinkRound")(function* (
  wanted: Wanted,
  without: ReadonlyArray<number>,
) {
  const store = yield* ArchiveStore
  const due = yield* store.claimUnlinkings(wanted, UNLINKED_MAX, HOLD_MS, without)
  const tails = new Map<string, LogTail>(due.map((log) => [log.batch, log]))
  const failed: Array<CorruptEntry> = []
  const { archiveFailures, unlinkedLogs } = yield* Metrics
  const fail = Effect.fnUntraced(function* (failure: CorruptEntry) {
    failed.push(failure)
    archiveFailures.inc()
    const { batch, entry, reason } = failure
    yield* Effect.logError("a log is not unlinked: the archive does not have it as it should", {
      batch,
      entry,
      reason,
    })
    const tail = tails.get(batch)
    if (tail !== undefined) yield* store.kept(tail, FAULTY_MS, wanted.afterMs)
  })
  const answered = yield* rest(eachSound(due, fail, unlinkOne))
  const unlinked = answered.filter(({ answer }) => answer === "unlinked").map(({ log }) => log)
  yield* store.unlinked(unlinked)
  unlinkedLogs.inc(unlinked.length)
  const kept = answered.flatMap(({ log, answer }) =>
    answer === "unlinked" ? [] : [{ batch: log.batch, reason: answer, log }],
  )
  yield* Effect.forEach(kept, ({ log }) => store.kept(log, KEPT_MS, wanted.afterMs), { discard: true })
  return {
    taken: due.length,
    unlinked: unlinked.map(({ batch }) => batch),
    kept: kept.map(({ batch, reason }) => ({ batch, reason })),
    failed,
  } satisfies Unlinked as Unlinked
})

const unlinkOne = Effect.fnUntraced(function* (log: DueUnlinking) {
  const pass = yield* CrashPoints
  yield* verifyArchived(yield* LogArchive, log)
  yield* pass("before-unlink")
  const { batch, version, head, reservedName } = log
  const answer = yield* (yield* LogUnlinking).unlink({ batch, version, head, reservedName })
  yield* pass("after-unlink")
  return { log, answer }
})
