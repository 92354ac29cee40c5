/**
 * An archive whose "I have no such log" counts. Redis asks it only for names that may have left, so an archive that came back older
 * would let them be opened a second time, and answer banks and partners that there is no such batch. So before it is believed, it has
 * to count as many logs that left Redis as Redis does. New names are hardly ever asked for: this costs what a mistake of the filter does.
 */
import { Effect, Semaphore } from "effect"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { LogArchive } from "./log-archive.ts"
import type { LogUnlinking } from "./log-unlinking.ts"

/** Both counts move while they are read, so what differs is looked at again. */
const LOOKS = 3
/** For how long it holds, in milliseconds, that the counts agree: less than it takes to set Postgres back. */
const AGREED_MS = 5_000

/** The same archive, which fails instead of denying a log while it has forgotten some. `counts` are those of Redis. */
export const completeArchive = (
  archive: LogArchive["Service"],
  counts: LogUnlinking["Service"]["counts"],
): LogArchive["Service"] => {
  const isComplete = completeness(archive, counts)
  return {
    ...archive,
    find: (batch) => Effect.tap(archive.find(batch), (log) => (log === undefined ? isComplete : Effect.void)),
    entries: (batch, after, limit) =>
      Effect.tap(archive.entries(batch, after, limit), (entries) =>
        after === 0 && limit > 0 && entries.length === 0 ? isComplete : Effect.void,
      ),
  }
}

/** Fails while Redis counts more logs that left it than the archive does. One look at a time, which all share who wait for it. */
const completeness = (
  archive: LogArchive["Service"],
  counts: LogUnlinking["Service"]["counts"],
): Effect.Effect<void, StoreUnavailable> => {
  let agreedAt = Number.NEGATIVE_INFINITY
  const look = Effect.gen(function* () {
    const at = performance.now()
    // In this order: the archive notes that a log is about to leave before it does.
    const inRedis = yield* counts
    const inArchive = yield* archive.unlinkedCounts
    if (inRedis.some(({ partition, unlinked }) => unlinked > (inArchive.get(partition) ?? 0))) return false
    agreedAt = at
    return true
  })
  return Effect.gen(function* () {
    for (let looks = 0; looks < LOOKS; looks += 1)
      if (performance.now() - agreedAt < AGREED_MS || (yield* look)) return
    return yield* forgetful
  }).pipe(Semaphore.makeUnsafe(1).withPermits(1))
}

const forgetful = new StoreUnavailable({
  store: "postgres",
  step: "find an archived log",
  reason: "Postgres came back older: it has forgotten logs that left Redis",
})
