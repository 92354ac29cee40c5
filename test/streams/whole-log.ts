import { Effect } from "effect"
import { EventStore } from "../../src/streams/event-store.ts"
import { Feed } from "../../src/streams/feed.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"

/** All ports that one adapter provides together. */
export type Streams = EventStore | Mailbox | RunQueue | Feed | Partitions

/** The ports as one thing, for tests that play every part: who opens, who tells, who works and who follows. */
export type WholeLog = EventStore["Service"] &
  Mailbox["Service"] &
  RunQueue["Service"] &
  Feed["Service"] & { readonly partitions: Partitions["Service"] }

export const wholeLog: Effect.Effect<WholeLog, never, Streams> = Effect.gen(function* () {
  return {
    ...(yield* EventStore),
    ...(yield* Mailbox),
    ...(yield* RunQueue),
    ...(yield* Feed),
    partitions: yield* Partitions,
  }
})
