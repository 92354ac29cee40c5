/** The mailboxes of batches on Redis Streams. */
import { Array as Arr, Effect, type Scope } from "effect"
import { encodeMail } from "../domain/event-codec.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { attempt } from "../platform/redis-failure.ts"
import { inTime, partitionTimeout } from "./deadline.ts"
import { commandEnqueued } from "./evidence.ts"
import type { LogUnlinking } from "./log-unlinking.ts"
import { type CommandId, CommandIdReused, type Mailbox, MailboxFull, NoSuchBatch } from "./mailbox.ts"
import { type PartitionKeys, type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { withLog } from "./restoring.ts"
import { readMail } from "./stream-entry.ts"

/** How long a command may wait for its turn and for the step, as long as for any command of Redis. */
const ENQUEUE_MS_MAX = 10_000

/** Enqueues while the scope is open, in logs that `restore` brings back from the archive if need be. Gives up a command after `msMax` milliseconds; it may still have been enqueued. */
export const mailbox = (
  steps: PartitionSteps,
  scope: Scope.Scope,
  restore: LogUnlinking["Service"]["restore"],
  msMax = ENQUEUE_MS_MAX,
): Mailbox["Service"] => ({
  enqueue: enqueuing(steps, scope, restore, msMax),
  wasEnqueued: wasEnqueued(steps),
  mail: Effect.fnUntraced(function* (batch, limit) {
    const entries = yield* range(steps, steps.keysOf(batch).mail(batch), "-", limit)
    return entries.map(readMail)
  }),
  withMail: lookingForMail(steps),
})

/** Mailboxes that one call looks into. */
const LOOKED_AT_TOGETHER_MAX = 64

/** One call looks into many mailboxes: a command for each would cost several times as much. */
const lookingForMail = ({
  commands,
  keysOf,
  partitionOf,
  call,
}: PartitionSteps): Mailbox["Service"]["withMail"] => {
  const withMailIn = (group: ReadonlyArray<BatchId>) =>
    inTime(
      call(
        "count-mail",
        group.map((batch) => keysOf(batch).mail(batch)),
        [],
      ),
    ).pipe(
      Effect.map((counts) => group.filter((_, index) => (counts as ReadonlyArray<number>)[index] !== 0)),
      Effect.catchTag("StoreUnavailable", () => Effect.succeed(group)),
    )
  return (batches) => {
    // On a cluster, one call can read only keys in one slot: those of a partition.
    const slots = commands.isCluster ? [...Map.groupBy(batches, partitionOf).values()] : [batches]
    const groups = slots.flatMap((slot) => Arr.chunksOf(slot, LOOKED_AT_TOGETHER_MAX))
    return Effect.map(Effect.forEach(groups, withMailIn, { concurrency: "unbounded" }), (found) =>
      found.flat(),
    )
  }
}

interface Enqueued {
  readonly batch: BatchId
  readonly command: string
  readonly as: CommandId
}

/** Commands that one step enqueues in a partition. */
const ENQUEUED_TOGETHER_MAX = 16

/**
 * Commands to batches of one partition that come at the same time are enqueued in one step. If a server does not answer, they
 * do not wait for each other's steps to fail: what callers hold meanwhile is missing for the other partitions.
 */
const enqueuing = (
  steps: PartitionSteps,
  scope: Scope.Scope,
  restore: LogUnlinking["Service"]["restore"],
  msMax: number,
): Mailbox["Service"]["enqueue"] => {
  const { keysOf, partitionOf, partitions, isReplicated, replicated } = steps
  const patience = { msMax, tooLate: partitionTimeout }
  const queues = partitions.map((keys) =>
    groupCommit(scope, enqueueAll(steps, keys), ENQUEUED_TOGETHER_MAX, patience),
  )
  return Effect.fnUntraced(function* (batch, command, as) {
    const queue = queues[partitionOf(batch)]
    if (queue === undefined) return yield* Effect.die(new Error("a batch is in no partition"))
    const asked = { batch, command: encodeMail(command), as }
    const answer = yield* withLog(batch, queue(asked), restore)
    if (answer === "REUSED") return yield* new CommandIdReused({ batch })
    if (answer === "FULL") return yield* new MailboxFull({ batch })
    if (answer === "NONE" || answer === undefined) return yield* new NoSuchBatch({ batch })
    if (!isReplicated) return
    const mark = keysOf(batch).told(batch, as.id)
    yield* replicated(mark, commandEnqueued(mark, as.digest))
  })
}

const enqueueAll =
  (
    { call, limits }: PartitionSteps,
    { log, told, mail, ready, scheduled, lanes, waiting, archivedNames }: PartitionKeys,
  ) =>
  (commands: ReadonlyArray<Enqueued>) =>
    Effect.map(
      call(
        "enqueue",
        [
          ...[ready, scheduled, lanes, waiting, archivedNames],
          ...commands.flatMap(({ batch, as }) => [log(batch), told(batch, as.id), mail(batch)]),
        ],
        [
          ...[limits.partnerShare, limits.mailboxMax],
          ...commands.flatMap(({ batch, command, as }) => [batch, command, as.digest, as.keptMs, as.id]),
        ],
      ),
      (answers) => answers as ReadonlyArray<"ENQUEUED" | "REUSED" | "FULL" | "ASK" | "NONE">,
    )

const wasEnqueued = ({ commands, keysOf, replicated }: PartitionSteps): Mailbox["Service"]["wasEnqueued"] =>
  Effect.fn("Mailbox.wasEnqueued")(function* (batch, { id, digest }) {
    const mark = keysOf(batch).told(batch, id)
    const before = yield* attempt(() => commands.get(mark)).pipe(unavailable("was enqueued"))
    if (before === null) return false
    if (before !== digest) return yield* new CommandIdReused({ batch })
    yield* replicated(mark, commandEnqueued(mark, digest))
    return true
  })
