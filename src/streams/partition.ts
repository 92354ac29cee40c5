/**
 * The keys of a batch and of its partition. All keys of a partition have the same hash tag, so one function can change them
 * atomically, and a Redis Cluster spreads the partitions over its primaries.
 */
import type { BatchId } from "../domain/identifiers.ts"

/** The partition of a batch: FNV-1a over its id, so it is the same in every process and release. */
export const partitionOf = (batch: BatchId, partitions: number): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < batch.length; index++) {
    hash = Math.imul(hash ^ batch.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % partitions
}

export const partitionKeys = (prefix: string, partition: number) => {
  const tag = `${prefix}:{${partition}}`
  return {
    log: (batch: BatchId) => `${tag}:log:${batch}`,
    staged: (batch: BatchId, commandId: string) => `${tag}:staged:${batch}:${commandId}`,
    /** The mark that the name of a batch is reserved (see `reserve` of the event store). */
    reserved: (batch: BatchId) => `${tag}:reserved:${batch}`,
    /** The marks of command ids that were enqueued; the key has the name that it was first stored under. */
    told: (batch: BatchId, id: string) => `${tag}:told:${batch}:${id}`,
    mail: (batch: BatchId) => `${tag}:mail:${batch}`,
    ready: `${tag}:ready`,
    scheduled: `${tag}:scheduled`,
    /** Counts by partner shard; the key has the name that it was first stored under. */
    lanes: `${tag}:lanes`,
    waiting: `${tag}:waiting`,
    timers: `${tag}:timers`,
    open: `${tag}:open`,
    shares: `${tag}:shares`,
    feed: `${tag}:feed`,
    /** How many logs were unlinked: `unlinked` without those that were restored since, `unlinks` ever. */
    archived: `${tag}:archived`,
    /** The filter of names that may be archived. */
    archivedNames: `${tag}:archived-names`,
    /** Batches whose logs were restored and not unlinked since, by when. */
    restored: `${tag}:restored`,
  }
}
