/** `GET /payout-batches/:id/events`: the batch's own log, with accounts masked. */
import { Effect } from "effect"
import { maskedAccount } from "../../domain/beneficiary.ts"
import type { PayoutItem, RecordedEvent, TransferIntent } from "../../domain/events.ts"
import { formatAmount } from "../../domain/money.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { access } from "../../identity/access.ts"
import { EventStore } from "../../streams/event-store.ts"
import { VERSION_MAX } from "../edge/query.ts"
import { caller } from "../routing/guards.ts"
import { wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { ownBatch, partnerOf } from "./batch-from-log.ts"
import { BatchEventPage, batchInPath, exampleEvent, type ShownEvent } from "./shapes.ts"

const PAGE_DEFAULT = 100
const PAGE_MAX = 500

/** A page of events after a version, and the version to continue from, if there may be more. */
export const listBatchEvents = route({
  method: "GET",
  path: "/payout-batches/:id/events",
  operationId: "listBatchEvents",
  tag: "Payout batches",
  summary: "List the events of a batch's log",
  description: "The log itself, with accounts masked. An event has more fields than those that all have.",
  guard: caller(access.readBatches),
  parameters: batchInPath,
  query: {
    after: wholeNumber({
      description: "A version: `next` of the previous page.",
      minimum: 0,
      maximum: VERSION_MAX,
      fallback: 0,
    }),
    limit: wholeNumber({
      description: "How many events a page has at most.",
      minimum: 1,
      maximum: PAGE_MAX,
      fallback: PAGE_DEFAULT,
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: BatchEventPage,
      example: { events: [exampleEvent], next: null },
    },
  },
  failures: ["CorruptEntry", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters, query: { after, limit } }) {
    const id = yield* ownBatch(yield* partnerOf(caller, parameters.id), parameters.id)
    const events = yield* (yield* EventStore).read(id, after, limit)
    return reply(200, {
      events: events.map(shownEvent),
      next: events.length === limit ? (events.at(-1)?.version ?? null) : null,
    })
  }),
)

/** An event as it is shown: its version, its type, its times in ISO 8601, without account numbers. */
export const shownEvent = ({ version, event }: RecordedEvent): typeof ShownEvent.Encoded => {
  const { _tag, at, ...data } = event
  const shown = { version, type: _tag, at: new Date(at).toISOString(), ...withTimes(data) }
  switch (event._tag) {
    case "ItemsReceived":
      return { ...shown, items: event.items.map(shownItem), sealed: undefined }
    case "TransfersRequested":
      return { ...shown, transfers: event.transfers.map(shownTransfer) }
    default:
      return shown
  }
}

/** A transfer with the reference under which its bank and all banks on its way know it, where it has one. */
const shownTransfer = (transfer: TransferIntent) => {
  const uetr = uetrOf(transfer.reference)
  return uetr === undefined ? transfer : { ...transfer, uetr }
}

/** Fields of events, or of objects in them, that the log has in milliseconds since the epoch. A test holds this to their schemas. */
export const timesOfEvents: ReadonlyArray<string> = [
  "executeAt",
  "expiresAt",
  "decideBy",
  "retryAt",
  "inquireAt",
]

/**
 * The fields of an event with its times in ISO 8601, as all times of the API are. Earlier releases showed numbers there:
 * these go on being shown, as `executeAtMs` and so on.
 */
const withTimes = (fields: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]): ReadonlyArray<readonly [string, unknown]> => {
      if (typeof value === "number" && timesOfEvents.includes(name))
        return [
          [name, new Date(value).toISOString()],
          [`${name}Ms`, value],
        ]
      return [[name, name === "approval" ? withTimes(value) : value]]
    }),
  )

const shownItem = ({ item, reference, beneficiary, currency, minor, remittance }: PayoutItem) => ({
  item,
  reference,
  amount: { currency, value: formatAmount(minor, currency) },
  beneficiary: {
    name: beneficiary.name,
    account: maskedAccount(beneficiary.account),
    ...(beneficiary.addressCountry === undefined ? {} : { addressCountry: beneficiary.addressCountry }),
  },
  ...(remittance === undefined ? {} : { remittance }),
})
