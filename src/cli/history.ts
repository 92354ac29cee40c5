/** For an operator after a store came back older than it was: show what was lost, and accept the loss once it is reconciled. */
import { Console, Effect, type Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ArchiveStore } from "../archive/archive-store.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { cleanText, type OutsideText } from "../domain/outside-text.ts"
import { repairReadModels } from "../projections/read-model-repair.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { Rebuilds } from "../projections/rebuilds.ts"
import { FOLLOWER as PUBLISHER } from "../publisher/relay.ts"
import { DecisionRegister } from "../register/decision-register.ts"
import { ClaimMarks } from "../streams/claim-marks.ts"
import { CursorStore } from "../streams/cursor-store.ts"
import { EventStore } from "../streams/event-store.ts"
import { LogUnlinking } from "../streams/log-unlinking.ts"
import { Partitions } from "../streams/partitions.ts"
import { RunQueue } from "../streams/run-queue.ts"
import { StoreWatch } from "../streams/store-watch.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { administrator } from "./access-stores.ts"
import { audited } from "./audited.ts"
import { dataDir, json } from "./flags.ts"
import { type Failure, withLayer } from "./service-layer.ts"

/** Workers look at frozen batches again after an hour. */
const FROZEN_MS = 3_600_000
const WAKE_MAX = 256
/** How many batches with decisions are read at a time. */
const DECIDED_MAX = 256

const show = Command.make(
  "show",
  { dataDir, json: json("Print each partition as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const lost = yield* withServices(
      dataDir,
      Effect.gen(function* () {
        const partitions = yield* Partitions
        const { objection } = yield* StoreWatch
        const found = Array.from({ length: partitions.count }, (_, partition) => ({
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

/** The user of the machine is who acts. */
const noteOfWho = Flag.optional(
  Flag.String("by").pipe(Flag.withDescription("A name to record beside the user of this machine")),
)

const accept = Command.make(
  "accept",
  {
    partition: Flag.Int("partition").pipe(Flag.withDescription("The partition that lost history")),
    by: noteOfWho,
    reason: Flag.optional(
      Flag.String("reason").pipe(Flag.withDescription("What was reconciled, and with what")),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partition, by, reason, dataDir }) {
    if (Option.isNone(reason)) return yield* new CliFailure({ reason: WHAT_IT_MEANS })
    yield* withServices(dataDir, acceptLoss(partition, Option.getOrUndefined(by), reason.value))
  }),
).pipe(Command.withDescription("Accept that a partition lost history, and continue from its present logs"))

const WHAT_IT_MEANS = [
  "This accepts that the partition lost history: the service continues from its present logs. Before you do this, stop all",
  "workers, projectors and publishers, and reconcile every day since the moment to which the store was set back. Afterwards",
  "lost decisions are applied again before anything is paid, and banks are asked about lost attempts. To confirm, add:",
  '--reason "what was reconciled, and with what"',
].join("\n")

const acceptLoss = Effect.fnUntraced(function* (partition: number, name: string | undefined, reason: string) {
  const { count } = yield* Partitions
  if (partition < 0 || partition >= count)
    return yield* new CliFailure({ reason: `--partition: expected 0 to ${count - 1}.` })
  const { objection } = yield* StoreWatch
  yield* audited(
    {
      act: "history.accept",
      subject: `partition:${partition}`,
      before: { objection: objection(partition) ?? null, reason: cleanText(reason) },
      name: name && cleanText(name),
    },
    continueFrom(partition, cleanText(reason)),
    (done) => done,
  )
})

/** Makes the present logs of a partition the history that counts. Says how much was rewritten, lost and recalled. */
const continueFrom = Effect.fnUntraced(function* (partition: number, reason: OutsideText) {
  const cursors = yield* CursorStore
  // Before anything is read: what is archived is no loss, and its names are not taken for new ones again.
  const { unlinked } = yield* ArchiveStore
  const archived = yield* (yield* LogUnlinking).recount(partition, unlinked)
  yield* (yield* DecisionRegister).acceptLoss(partition, administrator().who, reason)
  // What it has copied may be of the lost history.
  yield* (yield* Rebuilds).abandon
  const { written, gone } = yield* repairReadModels(partition)
  // Followers process again what the feed still has: they have seen these events, or others in their place.
  for (const follower of [PROJECTION, PUBLISHER]) yield* cursors.restart(follower, partition)
  const recalled = yield* recallDecisions(partition)
  // Workers would look at frozen batches within the hour; batches that wait for another reason find nothing to do.
  const queue = yield* RunQueue
  while ((yield* queue.wake(Date.now() + FROZEN_MS, WAKE_MAX)) > 0);
  yield* Console.log(
    `Partition ${partition}: the loss is accepted. The read models of ${written.length} batches were rewritten.`,
  )
  if (archived > 0) yield* Console.log(`${archived} logs of the partition are in the archive alone.`)
  if (recalled > 0) yield* Console.log(`Decisions about ${recalled} batches will be applied again.`)
  for (const id of gone)
    yield* Console.log(`${id}: its log is lost; the batch was removed from the read models`)
  return { rewritten: written.length, lost: gone.length, recalled, archived }
})

/**
 * Makes workers take decisions again whose answers the logs of a partition have lost. Otherwise no worker would look at a
 * batch that is at rest by its present log. Returns the number of these batches, approximately.
 */
const recallDecisions = Effect.fnUntraced(function* (partition: number) {
  const [store, partitions] = [yield* EventStore, yield* Partitions]
  const { decided, recall } = yield* DecisionRegister
  let recalled = 0
  let after = ""
  while (true) {
    const page = yield* decided(after, DECIDED_MAX)
    const last = page.at(-1)
    if (last === undefined) return recalled
    after = last.batch
    const ours = page.filter(({ batch }) => partitions.of(batch) === partition)
    const lost = yield* Effect.filter(ours, ({ batch, answered }) =>
      answered === undefined
        ? Effect.succeed(true)
        : Effect.map(store.read(batch, answered.version - 1, 1), ([event]) => event?.hash !== answered.head),
    )
    yield* recall(lost.map(({ batch }) => batch))
    recalled += lost.length
  }
})

const acceptClaims = Command.make(
  "accept-claims",
  {
    partner: Flag.String("partner").pipe(Flag.withDescription("The partner whose batches are refused")),
    by: noteOfWho,
    reason: Flag.optional(
      Flag.String("reason").pipe(Flag.withDescription("How duplicates of what was lost are avoided")),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partner, by, reason, dataDir }) {
    if (!isPartnerId(partner)) return yield* new CliFailure({ reason: `${partner} is not a partner's name.` })
    if (Option.isNone(reason)) return yield* new CliFailure({ reason: WHAT_CLAIMS_MEAN })
    yield* withServices(dataDir, acceptLostClaims(partner, Option.getOrUndefined(by), reason.value))
  }),
).pipe(Command.withDescription("Accept that the register of payouts lost entries of a partner"))

const isPartnerId = Schema.is(PartnerId)

const WHAT_CLAIMS_MEAN = [
  "This accepts that the register of payouts has lost entries of the partner: new batches are compared with what it has,",
  "and a duplicate of a lost entry is not found. Before you do this, tell the partner from which moment on batches are missing.",
  'To confirm, add: --reason "how duplicates are avoided"',
].join("\n")

const acceptLostClaims = Effect.fnUntraced(function* (
  partner: PartnerId,
  name: string | undefined,
  reason: string,
) {
  const { forget } = yield* ClaimMarks
  const given = { reason: cleanText(reason) }
  yield* audited(
    {
      act: "history.accept-claims",
      subject: `partner:${partner}`,
      before: given,
      name: name && cleanText(name),
    },
    forget(partner),
    () => given,
  )
  const { who: by } = administrator()
  yield* Effect.logWarning("the loss of claims on payouts is accepted", { partner, by, ...given })
  yield* Console.log(`${partner}: the loss is accepted. New batches are compared with what the register has.`)
})

export const history = Command.make("history").pipe(
  Command.withDescription("Recover after a store was restored to an older state"),
  Command.withSubcommands([show, accept, acceptClaims]),
)

/** Runs an effect with the services that maintain the logs. */
const withServices = <A, E extends Failure>(
  dataDir: string,
  use: Effect.Effect<A, E, Layer.Success<typeof import("../app.ts")["historyLayer"]>>,
) => withLayer(dataDir, ({ historyLayer }) => historyLayer, use)
