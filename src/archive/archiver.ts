/**
 * The role `archiver`. It archives the logs of closed batches some time after their last event, and some time later takes them out of
 * Redis. Several processes may run it: each log is taken by one at a time. While nothing is due, a look costs two queries.
 */
import { Effect, Layer, Schedule } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { LogUnlinking } from "../streams/log-unlinking.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { countingFailures, keepReading } from "../telemetry/readings.ts"
import { ArchiveStore } from "./archive-store.ts"
import { archiveRound, CLAIMED_MAX } from "./archiving.ts"
import { compareCounts, type Mismatch } from "./count-comparison.ts"
import { UNLINKED_MAX, unlinkRound } from "./unlinking.ts"

/** How long after a look the next one begins: a fraction of the shorter wait, within these bounds. */
const LOOKS_PER_WAIT = 4
const LOOK_MS_MIN = 100
const LOOK_MS_MAX = 15_000
/** For how long a comparison of the counts holds. */
const COMPARED_MS_MAX = 60_000
/** Restored logs of a partition that are noted at a time, and for how long a list of them may take to be noted. */
const RESTORED_MAX = 64
const LISTED_MS_MAX = 60_000

/** Archives and unlinks for as long as the layer lives. What fails, also by a mistake of ours, is tried again at the next look. */
export const archiverLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { afterMs, unlinkAfterMs } = (yield* AppConfig).archive
    const everyMs = Math.min(
      LOOK_MS_MAX,
      Math.max(LOOK_MS_MIN, Math.min(afterMs, unlinkAfterMs) / LOOKS_PER_WAIT),
    )
    const unlink = yield* makeUnlinking(unlinkAfterMs)
    yield* keepReading("archive-overdue", LOOK_MS_MAX, readOverdue(afterMs))
    yield* Effect.forkScoped(looking("archive closed batches", archiveDue(afterMs), everyMs))
    yield* Effect.forkScoped(looking("unlink archived logs", unlink, everyMs))
  }),
)

const looking = <E extends { readonly step: string; readonly reason: string }, R>(
  part: string,
  look: Effect.Effect<void, E, R>,
  everyMs: number,
) =>
  look.pipe(
    Effect.catchDefect((defect) => Effect.fail({ step: "defect", reason: String(defect) })),
    Effect.catch(({ step, reason }) =>
      Effect.logWarning("the archiver tries again at its next look", { part, step, reason }),
    ),
    Effect.repeat(Schedule.spaced(everyMs)),
  )

/** Archives everything that is due. */
const archiveDue = Effect.fn("Archiver.archiveDue")(function* (afterMs: number) {
  while ((yield* archiveRound({ afterMs, which: "due" })).taken === CLAIMED_MAX);
})

/** Apart from the archiving: a long backlog and a round that hangs are what it is to show. */
const readOverdue = Effect.fnUntraced(function* (afterMs: number) {
  const { archiveOverdueSeconds } = yield* Metrics
  archiveOverdueSeconds.set((yield* (yield* ArchiveStore).overdueMs(afterMs)) / 1_000)
})

/** Unlinks everything that is due, except in partitions in which a store seems to have come back older. */
const makeUnlinking = Effect.fnUntraced(function* (afterMs: number) {
  const redis = yield* RedisConnections
  const counted = yield* countingFailures("archive-counts")
  let compared: { readonly at: number; readonly epoch: number; readonly found: ReadonlyArray<Mismatch> } = {
    at: Number.NEGATIVE_INFINITY,
    epoch: -1,
    found: [],
  }
  return Effect.gen(function* () {
    const [at, epoch] = [performance.now(), redis.epoch()]
    if (at - compared.at > COMPARED_MS_MAX || epoch !== compared.epoch) {
      const found = yield* counted(compareCounts())
      yield* report(compared.found, found)
      compared = { at, epoch, found }
    }
    yield* noteRestored
    const without = compared.found.map(({ partition }) => partition)
    while ((yield* unlinkRound({ afterMs, which: "due" }, without)).taken === UNLINKED_MAX);
  })
})

/** Logs that were restored for nothing that was added to them would otherwise stay in Redis. */
const noteRestored = Effect.gen(function* () {
  const batches = yield* (yield* LogUnlinking).restored(RESTORED_MAX)
  yield* (yield* ArchiveStore).restored(batches, LISTED_MS_MAX)
})

const report = Effect.fnUntraced(function* (before: ReadonlyArray<Mismatch>, now: ReadonlyArray<Mismatch>) {
  const { archiveMismatches } = yield* Metrics
  archiveMismatches.set(now.length)
  const isAmong = (all: ReadonlyArray<Mismatch>, { partition, older }: Mismatch) =>
    all.some((other) => other.partition === partition && other.older === older)
  for (const { partition, older, missing } of now.filter((one) => !isAmong(before, one)))
    yield* Effect.logError("nothing is unlinked in a partition: a store came back older", {
      partition,
      store: older,
      forgottenLogs: missing,
    })
  for (const { partition } of before.filter((one) => !isAmong(now, one)))
    yield* Effect.logInfo("archived logs are unlinked again in a partition", { partition })
})
