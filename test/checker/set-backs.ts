/** Stores that came back older than they were, and what stands still since: nobody is paid from a history with a gap. */
import type { RedisSnapshot } from "./redis-snapshot.ts"

/** A store that forgot what was written between two moments. Milliseconds since 1970. */
export interface SetBack {
  readonly store: "redis" | "postgres"
  readonly from: number
  readonly at: number
}

/** How long after the set-back something arrives at a bank that was asked for before it, in files or on its way. */
const ARRIVES_WITHIN_MS = 8_000

/**
 * Whether Redis may have forgotten what happened at a moment, or between two: what was asked for before the set-back and
 * answered after it may have been written before it.
 */
export const mayBeForgotten = (
  setBacks: ReadonlyArray<SetBack>,
  untilMs: number,
  sinceMs = untilMs,
): boolean => setBacks.some(({ store, from, at }) => store === "redis" && from <= untilMs && sinceMs <= at)

/** Whether Redis may have forgotten why a bank has this order. */
export const mayBeUnexplained = (setBacks: ReadonlyArray<SetBack>, orderedAt: string): boolean =>
  setBacks.some(({ store, from, at }) => {
    const ordered = Date.parse(orderedAt)
    return store === "redis" && from <= ordered && ordered <= at + ARRIVES_WITHIN_MS
  })

/** Whether the log may have lost a word of the engine or a bank that the service had acknowledged. */
export const mayBeUnheard = (
  setBacks: ReadonlyArray<SetBack>,
  { toldAt }: { readonly toldAt?: string },
): boolean => toldAt !== undefined && mayBeForgotten(setBacks, Date.parse(toldAt))

/** What the service says stands still: batches, and partitions. */
export interface Frozen {
  readonly batches: ReadonlySet<string>
  readonly partitions: ReadonlySet<number>
}

/**
 * What is frozen with an alarm: an error in the service's own log names the batch, the partition, or the feed of the
 * partition. What stands still in silence is not frozen but stuck.
 */
export const frozenIn = (
  { partitions }: RedisSnapshot,
  setBacks: ReadonlyArray<SetBack>,
  alarms: ReadonlyArray<string>,
): Frozen => {
  if (setBacks.length === 0) return { batches: new Set(), partitions: new Set() }
  const named = new Set(alarms.flatMap((line) => line.match(/pb_[a-z2-7]{22}/g) ?? []))
  const numbered = new Set(alarms.flatMap(partitionsIn))
  const batches = [...partitions].flatMap(([batch, partition]) =>
    named.has(batch) || numbered.has(partition) ? [batch] : [],
  )
  const ofBatches = batches.flatMap((batch) => partitions.get(batch) ?? [])
  return { batches: new Set(batches), partitions: new Set([...numbered, ...ofBatches]) }
}

const partitionsIn = (line: string): ReadonlyArray<number> =>
  [...line.matchAll(/"partition":\s*"?(\d+)|\{(\d+)\}:|\b(?:feed|partition) (\d+)/g)].map(([, ...groups]) =>
    Number(groups.find((group) => group !== undefined)),
  )
