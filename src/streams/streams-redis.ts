/**
 * All ports of the streams on Redis. One layer provides them, because one function may change the keys of several ports: an
 * append writes to the log, the mailbox, the run queue and the feed in one step. docs/STREAMS.md describes the keys, and
 * functions/*.lua are the atomic steps. Logs that are archived are
 * read from the archive (log-archive.ts).
 */
import { Context, Effect, Layer } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { AppendWatch, makeAppendWatch } from "./append-watch.ts"
import { completeArchive } from "./complete-archive.ts"
import { EventStore } from "./event-store.ts"
import { eventStore } from "./event-store-redis.ts"
import { Feed } from "./feed.ts"
import { feed, feedTail } from "./feed-redis.ts"
import { LogArchive } from "./log-archive.ts"
import { LogUnlinking } from "./log-unlinking.ts"
import { logUnlinking, stageIn, unlinkedCounts } from "./log-unlinking-redis.ts"
import { Mailbox } from "./mailbox.ts"
import { mailbox } from "./mailbox-redis.ts"
import { openPartitions } from "./partition-steps-redis.ts"
import { Partitions } from "./partitions.ts"
import { QueueDepth } from "./queue-depth.ts"
import { queueDepth } from "./queue-depth-redis.ts"
import { restoringOnce } from "./restoring.ts"
import { RunQueue } from "./run-queue.ts"
import { runQueue } from "./run-queue-redis.ts"

export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const steps = yield* openPartitions
    const archive = completeArchive(yield* LogArchive, unlinkedCounts(steps))
    const scope = yield* Effect.scope
    const feeds = feed(steps)
    const restore = restoringOnce(scope, {
      archive,
      stageOf: () => stageIn(steps),
      pass: yield* CrashPoints,
    })
    return Context.make(Partitions, { count: steps.partitions.length, of: steps.partitionOf }).pipe(
      Context.add(EventStore, yield* eventStore(steps, archive)),
      Context.add(Mailbox, mailbox(steps, scope, restore)),
      Context.add(LogUnlinking, logUnlinking(steps, archive, restore)),
      Context.add(RunQueue, yield* runQueue(steps)),
      Context.add(QueueDepth, queueDepth(steps)),
      Context.add(Feed, feeds),
      Context.add(
        AppendWatch,
        yield* makeAppendWatch({ feed: feeds, partitionOf: steps.partitionOf, tailOf: feedTail(steps) }),
      ),
    )
  }),
)
