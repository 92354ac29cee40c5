/** `atlaspay webhooks deliveries`, `resend`, `replay` and so on: what became of a partner's webhooks, and how they are sent again. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { isBatchId } from "../domain/identifiers.ts"
import { instantOf } from "../domain/written-time.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import {
  DELIVERIES_PER_PAGE_MAX,
  DeliveryLog,
  deliveryStates,
  type ListedDelivery,
} from "../webhooks/delivery-log.ts"
import { type Replay, Replays, SEQUENCE_MAX } from "../webhooks/replays.ts"
import { administrator, partnerFlag, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

const partner = partnerFlag("The partner")
const endpoint = Flag.String("endpoint").pipe(
  Flag.withMetavar("ID"),
  Flag.withDescription("The endpoint: we_…"),
)
const event = Argument.String("EVENT").pipe(
  Argument.withDescription("The id of the event, as deliveries lists it"),
)
const asJson = json("Print JSON, one line for each")

const timeFlag = (name: string, description: string) =>
  Flag.optional(
    Flag.String(name).pipe(
      Flag.withMetavar("TIME"),
      Flag.withDescription(description),
      Flag.mapTryCatch(
        (text) => {
          const at = instantOf(text)
          if (at === undefined || at < 0) throw new Error("no time")
          return at
        },
        () => "expected a time such as 2026-11-27T10:00:00Z",
      ),
    ),
  )

const within = (minimum: number, maximum: number) =>
  Flag.filter(
    (given: number) => given >= minimum && given <= maximum,
    () => `expected ${minimum} to ${maximum}`,
  )

const since = timeFlag("since", "Only from this time on")
const until = timeFlag("until", "Only before this time")

const deliveries = Command.make(
  "deliveries",
  {
    partner,
    endpoint: Flag.optional(endpoint),
    state: Flag.optional(
      Flag.Literals("state", deliveryStates).pipe(Flag.withDescription("Only those in this state")),
    ),
    batch: Flag.optional(Flag.String("batch").pipe(Flag.withDescription("Only events of this batch: pb_…"))),
    since,
    until,
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(`How many to show, the newest first; at most ${DELIVERIES_PER_PAGE_MAX}`),
      within(1, DELIVERIES_PER_PAGE_MAX),
      Flag.withDefault(50),
    ),
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, limit, dataDir, json, ...flags }) {
    const filter = {
      endpoint: Option.getOrUndefined(flags.endpoint),
      state: Option.getOrUndefined(flags.state),
      batch: Option.getOrUndefined(flags.batch),
      since: Option.getOrUndefined(flags.since),
      until: Option.getOrUndefined(flags.until),
    }
    const found = yield* withAccess(dataDir, listed(partner, filter, limit))
    const lines = json ? found.map((one) => JSON.stringify(one)) : aligned(found.map(cells))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("List deliveries of a partner's webhooks, the newest first"))

/** The first of a list, of as many pages as it takes. */
const listed = Effect.fnUntraced(function* (
  partner: Parameters<DeliveryLog["Service"]["list"]>[0],
  filter: Parameters<DeliveryLog["Service"]["list"]>[1],
  limit: number,
) {
  const { list } = yield* DeliveryLog
  const found: Array<ListedDelivery> = []
  let cursor: string | undefined
  do {
    const page = yield* list(partner, filter, { limit: limit - found.length, cursor })
    found.push(...page.deliveries)
    cursor = page.next
  } while (cursor !== undefined && found.length < limit)
  return found
})

const cells = ({ createdAt, endpoint, event, eventType, state, attempts, lastAttempt }: ListedDelivery) => [
  createdAt.toISOString(),
  endpoint,
  event,
  eventType,
  state,
  `${attempts}`,
  lastAttempt?.error ?? `${lastAttempt?.status ?? ""}`,
]

const delivery = Command.make(
  "delivery",
  { event, partner, endpoint, dataDir },
  Effect.fn(function* ({ event, partner, endpoint, dataDir }) {
    const { body: _, ...shown } = yield* withAccess(
      dataDir,
      Effect.flatMap(DeliveryLog, ({ show }) => show(partner, { endpoint, event })),
    )
    yield* Console.log(JSON.stringify(shown, null, 2))
  }),
).pipe(Command.withDescription("Show a delivery with its attempts"))

const resend = Command.make(
  "resend",
  { event, partner, endpoint, dataDir },
  Effect.fn(function* ({ event, partner, endpoint, dataDir }) {
    const { stateBefore } = yield* withAccess(
      dataDir,
      Effect.flatMap(DeliveryLog, ({ resend }) => resend(partner, { endpoint, event }, administrator())),
    )
    yield* Console.log(`Sent again: ${event}, which was ${stateBefore}`)
  }),
).pipe(Command.withDescription("Send a webhook again, under the same id"))

const redrive = Command.make(
  "redrive",
  { partner, endpoint, since, until, dataDir },
  Effect.fn(function* ({ partner, endpoint, since, until, dataDir }) {
    const time = { since: Option.getOrUndefined(since), until: Option.getOrUndefined(until) ?? Date.now() }
    const resent = yield* withAccess(
      dataDir,
      Effect.gen(function* () {
        const log = yield* DeliveryLog
        let resent = 0
        for (;;) {
          const some = yield* log.redrive(partner, endpoint, time, administrator())
          resent += some.resent
          if (some.isComplete) return resent
        }
      }),
    )
    yield* Console.log(`Sent again: ${resent}`)
  }),
).pipe(Command.withDescription("Send all webhooks again that were given up for an endpoint"))

const replay = Command.make(
  "replay",
  {
    partner,
    endpoint,
    batch: Flag.optional(
      Flag.String("batch").pipe(Flag.withDescription("The batch whose events to send: pb_…")),
    ),
    fromSequence: Flag.optional(
      Flag.Int("from-sequence").pipe(
        Flag.withDescription("With --batch: from this event on; from the first by default"),
        within(1, SEQUENCE_MAX),
      ),
    ),
    since,
    until,
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, endpoint, batch, fromSequence, since, until, dataDir, json }) {
    const named = Option.getOrUndefined(batch)
    const from = Option.getOrUndefined(since)
    if ((named === undefined) === (from === undefined) || (named !== undefined && !isBatchId(named)))
      return yield* new CliFailure({ reason: "Name either --batch pb_… or --since." })
    const to = Option.getOrUndefined(until)
    const sequence = Option.getOrUndefined(fromSequence)
    if (named === undefined ? sequence !== undefined : to !== undefined)
      return yield* new CliFailure({ reason: "--from-sequence is for --batch, and --until for --since." })
    const asked =
      named === undefined ? { since: from ?? 0, until: to } : { batch: named, fromSequence: sequence ?? 1 }
    const started = yield* withAccess(
      dataDir,
      Effect.flatMap(Replays, ({ start }) => start(partner, endpoint, asked, administrator())),
    )
    yield* Console.log(json ? JSON.stringify(started) : `Started: ${started.id}`)
  }),
).pipe(
  Command.withDescription("Send events to an endpoint again from the logs; the webhooks role works it off"),
)

const replays = Command.make(
  "replays",
  { partner, endpoint, dataDir, json: asJson },
  Effect.fn(function* ({ partner, endpoint, dataDir, json }) {
    const found = yield* withAccess(
      dataDir,
      Effect.flatMap(Replays, ({ list }) => list(partner, endpoint)),
    )
    const lines = json ? found.map((one) => JSON.stringify(one)) : aligned(found.map(replayCells))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("Show how far replays to an endpoint have come, the newest first"))

const replayCells = ({ id, createdAt, state, batches, events, reason }: Replay) => [
  id,
  createdAt.toISOString(),
  state,
  `${batches} batches`,
  `${events} events`,
  reason ?? "",
]

/** The commands of this file. */
export const webhookDeliveries = [deliveries, delivery, resend, redrive, replay, replays] as const
