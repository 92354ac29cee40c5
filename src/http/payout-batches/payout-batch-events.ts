/** The events of a batch's own log as they are shown, with accounts masked. */
import { Effect } from "effect"
import { maskedAccount } from "../../domain/beneficiary.ts"
import type { ClearanceDecision } from "../../domain/clearance-answers.ts"
import type { PayoutItem, RecordedEvent } from "../../domain/events.ts"
import type { GatheredEvent } from "../../domain/gathered-events.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import type { TransferIntent } from "../../domain/transfer-events.ts"
import { uetrOf } from "../../domain/uetr.ts"
import { EventStore } from "../../streams/event-store.ts"
import type { ShownEvent } from "./shapes.ts"

/** A page of events after a version, and the version to continue from, if there may be more. */
export const eventPage = Effect.fnUntraced(function* (id: BatchId, after: number, limit: number) {
  const events = yield* (yield* EventStore).read(id, after, limit)
  return {
    events: events.map(shownEvent),
    next: events.length === limit ? (events.at(-1)?.version ?? null) : null,
  }
})

/** An event as it is shown: its version, its type, its times in ISO 8601, without account numbers. */
export const shownEvent = ({ version, event }: RecordedEvent): typeof ShownEvent.Encoded => {
  const { _tag, at, ...data } = event
  const shown = { version, type: _tag, at: new Date(at).toISOString(), ...withTimes(data) }
  switch (event._tag) {
    case "ItemsReceived":
      return { ...shown, items: event.items.map(shownItem), sealed: undefined }
    case "TransfersRequested":
      return { ...shown, transfers: event.transfers.map(shownTransfer) }
    case "TransfersAccepted":
    case "TransfersSettled":
      return { ...shown, transfers: event.transfers.map(shownReport) }
    case "ItemsScreened":
    case "ClearanceWithdrawn":
      return { ...shown, decisions: event.decisions.map(shownDecision) }
    default:
      return shown
  }
}

/** What was found on lists is for reviewers alone, and partners read these events. */
const shownDecision = ({ matches: _, ...decision }: ClearanceDecision) => decision

/** A transfer with the reference under which its bank and all banks on its way know it, where it has one. */
const shownTransfer = (transfer: TransferIntent) => {
  const uetr = uetrOf(transfer.reference)
  return uetr === undefined ? transfer : { ...transfer, uetr }
}

/** What was reported of one of several transfers, with its own time. */
const shownReport = ({ at, ...report }: GatheredEvent["transfers"][number]) => ({
  ...withTimes(report),
  at: new Date(at).toISOString(),
})

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
    ...(beneficiary.type === undefined ? {} : { type: beneficiary.type }),
    ...(beneficiary.addressCountry === undefined ? {} : { addressCountry: beneficiary.addressCountry }),
  },
  ...(remittance === undefined ? {} : { remittance }),
})
