/** What the replication barrier has to find of what a function said it wrote: a read of one key, and what it answers. */
import type { Evidence } from "../platform/redis-barrier.ts"
import type { StreamEntry } from "./stream-entry.ts"

/** A log up to a version with its hash; the hash stands for all before it. */
export const logUpTo = (log: string, version: number, head: string): Evidence => ({
  command: ["XRANGE", log, `${version}-0`, `${version}-0`],
  isIn: (answer) => (answer as ReadonlyArray<StreamEntry>)[0]?.[1][3] === head,
})

/** A log that begins with this event; it was written in one step with what follows. */
export const logFrom = (log: string, first: string): Evidence => ({
  command: ["XRANGE", log, "1-0", "1-0"],
  isIn: (answer) => (answer as ReadonlyArray<StreamEntry>)[0]?.[1][1] === first,
})

/** The mark that `tell` left in the step in which it put a command into the mailbox; it outlives the command. */
export const commandTold = (told: string, digest: string): Evidence => ({
  command: ["GET", told],
  isIn: (answer) => answer === digest,
})

/** The entries of a feed from a position on, or that there are none. */
export const feedFrom = (feed: string, position: string, entries: ReadonlyArray<StreamEntry>): Evidence => ({
  command: ["XRANGE", feed, position, "+", "COUNT", Math.max(entries.length, 1)],
  isIn: (answer) => JSON.stringify(answer) === JSON.stringify(entries),
})

/** A field of a hash with its value. */
export const fieldIs = (key: string, field: string, value: string): Evidence => ({
  command: ["HGET", key, field],
  isIn: (answer) => answer === value,
})
