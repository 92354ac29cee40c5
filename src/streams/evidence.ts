/** Evidence of a write, for the replication barrier: a read of one key, and the answer that proves the write. */
import type { Evidence } from "../platform/redis-barrier.ts"
import type { StreamEntry } from "./stream-entry.ts"

/** A log up to a version with its hash, which covers all events before it. */
export const logUpTo = (log: string, version: number, head: string): Evidence => ({
  command: ["XRANGE", log, `${version}-0`, `${version}-0`],
  isIn: (answer) => (answer as ReadonlyArray<StreamEntry>)[0]?.[1][3] === head,
})

/** A log that begins with this event. The events that opened it were written in the same step. */
export const logFrom = (log: string, first: string): Evidence => ({
  command: ["XRANGE", log, "1-0", "1-0"],
  isIn: (answer) => (answer as ReadonlyArray<StreamEntry>)[0]?.[1][1] === first,
})

/** The mark that `enqueue` writes in the same step as a command. It outlives the command in the mailbox. */
export const commandEnqueued = (mark: string, digest: string): Evidence => ({
  command: ["GET", mark],
  isIn: (answer) => answer === digest,
})

/** The mark of a reservation, with its time as text. */
export const reservedAt = (mark: string, at: string): Evidence => ({
  command: ["GET", mark],
  // A later reservation of the same name renews the mark.
  isIn: (answer) => Number(answer) >= Number(at),
})

/** The entries of a feed from a position on, or their absence. */
export const feedFrom = (feed: string, position: string, entries: ReadonlyArray<StreamEntry>): Evidence => ({
  command: ["XRANGE", feed, position, "+", "COUNT", Math.max(entries.length, 1)],
  isIn: (answer) => JSON.stringify(answer) === JSON.stringify(entries),
})

/** A field of a Redis hash with its value. */
export const fieldIs = (key: string, field: string, value: string): Evidence => ({
  command: ["HGET", key, field],
  isIn: (answer) => answer === value,
})

/** The absence of a key. */
export const isGone = (key: string): Evidence => ({
  command: ["EXISTS", key],
  isIn: (answer) => answer === 0,
})
