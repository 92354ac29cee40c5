/**
 * Compares how many logs Redis and the archive say were unlinked from Redis. A store that was restored to an older state counts fewer.
 * Both counts move while they are read, so what differs is looked at again before it is believed.
 */
import { Effect } from "effect"
import { LogUnlinking } from "../streams/log-unlinking.ts"
import { ArchiveStore } from "./archive-store.ts"

/** A partition in which one store forgot logs that were unlinked, and how many at least. */
export interface Mismatch {
  readonly partition: number
  readonly older: "redis" | "postgres"
  readonly missing: number
}

const LOOKS = 3

/** The partitions in which a store came back older, each with the store that counts fewer. */
export const compareCounts = Effect.fn("Archive.compareCounts")(function* () {
  let found = yield* look
  for (let looks = 1; looks < LOOKS && found.length > 0; looks += 1) {
    const again = yield* look
    found = found.flatMap((one) => again.filter((other) => isSame(one, other)))
  }
  return found
})

const isSame = (one: Mismatch, other: Mismatch): boolean =>
  one.partition === other.partition && one.older === other.older

/**
 * The archive notes that a log is about to be unlinked, then Redis unlinks it, then the archive notes that. So what Redis counts is at
 * least what the archive counted before, and at most what it counts afterwards, with those that are under way. Logs that Redis restored
 * count in the archive until they go on.
 */
const look = Effect.gen(function* () {
  const [store, { counts }] = [yield* ArchiveStore, yield* LogUnlinking]
  const before = byPartition(yield* store.counts)
  const inRedis = yield* counts
  const after = byPartition(yield* store.counts)
  return inRedis.flatMap(({ partition, unlinked, restored }): ReadonlyArray<Mismatch> => {
    const [least, most] = [before.get(partition), after.get(partition)]
    const forgottenByRedis = (least?.unlinked ?? 0) - unlinked - restored
    const forgottenByPostgres = unlinked - (most?.unlinked ?? 0) - (most?.unlinking ?? 0)
    if (forgottenByRedis > 0) return [{ partition, older: "redis", missing: forgottenByRedis }]
    if (forgottenByPostgres > 0) return [{ partition, older: "postgres", missing: forgottenByPostgres }]
    return []
  })
})

const byPartition = <Count extends { readonly partition: number }>(counts: ReadonlyArray<Count>) =>
  new Map(counts.map((count) => [count.partition, count]))
