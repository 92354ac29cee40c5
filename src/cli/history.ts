/** What an operator does when a store came back older than it was: look, and, once the loss is reconciled, accept it. */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { repairReadModels } from "../projections/read-model-repair.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { FOLLOWER as PUBLISHER } from "../publisher/relay.ts"
import { DecisionRegister } from "../register/decision-register.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { EventLog } from "../streams/event-log.ts"
import { StoreWatch } from "../streams/store-watch.ts"
import { CliFailure } from "./cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { withServices } from "./service-layers.ts"

/** Batches that were frozen are looked at again after an hour by themselves. */
const FROZEN_MS = 3_600_000
const WAKE_MAX = 256
/** Batches that were decided about, read together. */
const DECIDED_MAX = 256

const show = Command.make(
  "show",
  { dataDir, json: json("Print each partition as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const lost = yield* withServices(
      dataDir,
      Effect.gen(function* () {
        const { partitions } = yield* EventLog
        const { objection } = yield* StoreWatch
        const found = Array.from({ length: partitions }, (_, partition) => ({
          partition,
          objection: objection(partition) ?? null,
        }))
        for (const one of found)
          yield* Console.log(
            json ? JSON.stringify(one) : `partition ${one.partition}: ${one.objection ?? "no history lost"}`,
          )
        return found.filter(({ objection }) => objection !== null).length
      }),
    )
    if (lost > 0) return yield* new CliFailure({ reason: `Payments are stopped in ${lost} partitions.` })
  }),
).pipe(
  Command.withDescription(
    "Show in which partitions payments are stopped, and why. Status 0 if there are none",
  ),
)

const accept = Command.make(
  "accept",
  {
    partition: Flag.Int("partition").pipe(Flag.withDescription("The partition that lost history")),
    by: Flag.optional(Flag.String("by").pipe(Flag.withDescription("Who accepts the loss"))),
    reason: Flag.optional(
      Flag.String("reason").pipe(Flag.withDescription("What was reconciled, and with what")),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partition, by, reason, dataDir }) {
    if (Option.isNone(by) || Option.isNone(reason)) return yield* new CliFailure({ reason: WHAT_IT_MEANS })
    yield* withServices(dataDir, acceptLoss(partition, by.value, reason.value))
  }),
).pipe(Command.withDescription("Accept that a partition lost history, and continue from its present logs"))

const WHAT_IT_MEANS = [
  "This accepts that the partition lost history: the service continues from its present logs. Before you do this, stop all",
  "workers, projectors and publishers, and reconcile every day since the moment to which the store was set back. Afterwards",
  "lost decisions are applied again before anything is paid, and banks are asked about lost attempts. To confirm, add:",
  '--by NAME --reason "what was reconciled, and with what"',
].join("\n")

const acceptLoss = Effect.fnUntraced(function* (partition: number, by: string, reason: string) {
  const log = yield* EventLog
  if (partition < 0 || partition >= log.partitions)
    return yield* new CliFailure({ reason: `--partition: expected 0 to ${log.partitions - 1}.` })
  const cursors = yield* CursorStore
  yield* (yield* DecisionRegister).acceptLoss(partition, by, reason)
  const { written, gone } = yield* repairReadModels(partition)
  // Followers handle again what the feed still has: they have seen the events of it, or others in their place.
  for (const follower of [PROJECTION, PUBLISHER]) yield* cursors.restart(follower, partition)
  const recalled = yield* recallDecisions(partition)
  // Frozen batches would be looked at within the hour; batches that sleep for another reason find nothing to do.
  while ((yield* log.wake(Date.now() + FROZEN_MS, WAKE_MAX)) > 0);
  yield* Console.log(
    `Partition ${partition}: the loss is accepted. The read models of ${written.length} batches were rewritten.`,
  )
  if (recalled > 0) yield* Console.log(`Decisions about ${recalled} batches will be applied again.`)
  for (const id of gone)
    yield* Console.log(`${id}: its log is lost; the batch was removed from the read models`)
})

/**
 * Has workers take decisions again whose answers the logs of a partition have lost: a batch that is at rest, as its log
 * is now, would not be looked at by anybody. Gives about how many batches.
 */
const recallDecisions = Effect.fnUntraced(function* (partition: number) {
  const log = yield* EventLog
  const { decided, recall } = yield* DecisionRegister
  let recalled = 0
  let after = ""
  while (true) {
    const page = yield* decided(after, DECIDED_MAX)
    const last = page.at(-1)
    if (last === undefined) return recalled
    after = last.batch
    const ours = page.filter(({ batch }) => log.partitionOf(batch) === partition)
    const lost = yield* Effect.filter(ours, ({ batch, answered }) =>
      answered === undefined
        ? Effect.succeed(true)
        : Effect.map(log.read(batch, answered.version - 1, 1), ([event]) => event?.hash !== answered.head),
    )
    yield* recall(lost.map(({ batch }) => batch))
    recalled += lost.length
  }
})

export const history = Command.make("history").pipe(
  Command.withDescription("Recover after a store was restored to an older state"),
  Command.withSubcommands([show, accept]),
)
