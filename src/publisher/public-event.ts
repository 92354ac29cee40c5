/**
 * The public events: CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec), the same on NATS and in webhooks.
 * docs/EVENTS.md describes them. The contract only grows: a change that would break a reader gets a new `.v2` type.
 *
 * Events contain no account number and no beneficiary's name. A partner identifies an item by its own reference.
 */
import { Schema } from "effect"
import { batchStates } from "../domain/batch.ts"
import { PayeeMatch } from "../domain/clearance-answers.ts"
import { ClosedState } from "../domain/events.ts"
import { Failure } from "../domain/failure-codes.ts"
import { AttemptNumber, BatchId, ItemNumber, PartnerId } from "../domain/identifiers.ts"
import { type ItemEnd, publicItemStates } from "../domain/item-state.ts"
import { Currency } from "../domain/money.ts"
import { schemes } from "../domain/scheme.ts"

const text = (description: string) => Schema.String.annotate({ description })
const optionalText = (description: string) => Schema.optionalKey(text(description))
/** RFC 3339, in UTC. */
const time = (description: string) => Schema.String.annotate({ description, format: "date-time" })
const decimalsByCurrency = (description: string) =>
  Schema.Record(Schema.String, Schema.String).annotate({ description })

export const Amount = Schema.Struct({ currency: Currency, value: Schema.String }).annotate({
  description: "A decimal string with exactly the currency's decimals: 12.34 EUR, 1200 JPY.",
})

/** The CloudEvents type of each event, by its name. */
export const publicEventTypes = {
  PayoutBatchAccepted: "com.atlaspay.payout-batch.accepted.v1",
  PayoutBatchAwaitingFunds: "com.atlaspay.payout-batch.awaiting-funds.v1",
  PayoutBatchCommandRefused: "com.atlaspay.payout-batch.command-refused.v1",
  PayoutHeld: "com.atlaspay.payout.held.v1",
  PayoutRejected: "com.atlaspay.payout.rejected.v1",
  PayoutSettled: "com.atlaspay.payout.settled.v1",
  PayoutFailed: "com.atlaspay.payout.failed.v1",
  PayoutReturned: "com.atlaspay.payout.returned.v1",
  PayoutCancelled: "com.atlaspay.payout.cancelled.v1",
  PayoutUnrouted: "com.atlaspay.payout.unrouted.v1",
  PayoutParked: "com.atlaspay.payout.parked.v1",
  PayoutClearanceWithdrawn: "com.atlaspay.payout.clearance-withdrawn.v1",
  PayoutBatchClosed: "com.atlaspay.payout-batch.closed.v1",
} as const
export type PublicEventName = keyof typeof publicEventTypes

export const PublicEventType = Schema.Literals(Object.values(publicEventTypes))
export type PublicEventType = typeof PublicEventType.Type

const names = new Map(Object.entries(publicEventTypes).map(([name, type]) => [type, name as PublicEventName]))

/** "PayoutSettled" for `com.atlaspay.payout.settled.v1`. */
export const nameOf = (event: PublicEvent): PublicEventName => {
  const name = names.get(event.type)
  if (name === undefined) throw new Error(`${event.type} has no name`)
  return name
}

/** Ten digits, from "0000000001": the CloudEvents sequence extension asks for strings that sort. */
const Sequence = Schema.String.check(Schema.isPattern(/^[0-9]{10}$/u)).annotate({
  description: "The place among the public events of its batch, gapless from 0000000001. It sorts as text.",
})

/** As in the header (W3C Trace Context, level 1). */
const TraceParent = Schema.String.check(Schema.isPattern(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/u)).annotate({
  description:
    "The trace of the batch, if its partner named one, and the event as its span (Distributed Tracing).",
})

export const sequenceText = (sequence: number): string => String(sequence).padStart(10, "0")

const envelope = {
  specversion: Schema.Literal("1.0"),
  id: text(
    "`<batch>:<version>` of the log entry. `:<item>` follows if the entry is about several items, and `:2` for its second " +
      "event about the same item. It never changes: drop repetitions by it.",
  ),
  source: Schema.Literal("/atlaspay"),
  subject: text("The batch, or `<batch>/<item>`."),
  time: time("When it happened."),
  datacontenttype: Schema.Literal("application/json"),
  partner: PartnerId,
  traceparent: Schema.optionalKey(TraceParent),
  sequence: Sequence,
}

const batch = { batchId: BatchId, partner: PartnerId }

const reference = optionalText("The partner's own reference of the batch, if it gave one.")

const payout = {
  ...batch,
  item: ItemNumber,
  itemReference: text("The partner's own reference of the item."),
  amount: Amount,
  payee: Schema.optionalKey(
    PayeeMatch.annotate({
      description:
        "Whether the beneficiary's name is the one on the account, if the compliance engine reported it.",
    }),
  ),
}

const reason = text("Why: a bank's code, or a sentence. For people, except for a bank's code.")

/** The meaning of a reason, or of the bank's code. */
const failure = Schema.optionalKey(Failure)

const bankCode = optionalText("The bank's own code for the refusal or the return, as it came.")

/** The attempt that the event is about, its bank, and the routing rule (with the rules' version) that chose the bank. */
const transfer = {
  attempt: AttemptNumber,
  bank: Schema.String,
  uetr: optionalText("The transfer's unique end-to-end transaction reference, a UUID."),
  rule: optionalText("The routing rule that chose the bank."),
  rulesVersion: optionalText("The version of the rules."),
}

/** When the money should be there, and when it was known to be paid. Events of older releases have none. */
const Arrival = Schema.Struct({
  scheme: Schema.Literals(schemes),
  orderedAt: time("When the payment was ordered. A bank that takes files gets it with its next file."),
  expectedOn: Schema.String.annotate({
    description:
      "The day by which it should be on the account: by the rules of the scheme, in its time zone.",
    format: "date",
  }),
  confirmedAt: time("When the bank's report that it paid came, or when an operator established it."),
})

const contract = <Name extends PublicEventName, Data extends Schema.Struct.Fields>(
  name: Name,
  description: string,
  data: Data,
) =>
  Schema.Struct({
    ...envelope,
    type: Schema.Literal(publicEventTypes[name]),
    data: Schema.Struct(data),
  }).annotate({ title: name, description })

/** The schema of each event. A name without a schema does not compile. */
export const publicEventContracts = {
  PayoutBatchAccepted: contract("PayoutBatchAccepted", "All items of a batch are in the log.", {
    ...batch,
    reference,
    state: Schema.Literal("received"),
    itemCount: ItemNumber,
    accepted: decimalsByCurrency("Decimal totals by currency."),
  }),
  PayoutBatchAwaitingFunds: contract(
    "PayoutBatchAwaitingFunds",
    "The ledger did not reserve the money for some items, because the partner's funds do not cover it.",
    {
      ...batch,
      reference,
      state: Schema.Literal("awaiting-funds"),
      itemCount: ItemNumber,
      refused: decimalsByCurrency("Decimal totals by currency of the holds that the ledger refused."),
      retryAt: time("When AtlasPay asks the ledger again, unless funds arrive before."),
    },
  ),
  PayoutBatchCommandRefused: contract(
    "PayoutBatchCommandRefused",
    "The batch refused a command that was acknowledged with 202 before.",
    {
      ...batch,
      reference,
      state: Schema.Literals(batchStates),
      itemCount: ItemNumber,
      commandId: text("The id that the 202 to the command has."),
      command: Schema.Literals(["approve", "decline", "cancel", "review", "retry", "resolve", "reschedule"]),
      reason: text("Why the batch refused it; docs/SPEC.md lists the reasons."),
      item: Schema.optionalKey(ItemNumber),
      by: text("The name of who gave it."),
    },
  ),
  PayoutHeld: contract("PayoutHeld", "Compliance requires a manual review.", {
    ...payout,
    state: Schema.Literal("held"),
    reason: Schema.optionalKey(reason),
  }),
  PayoutRejected: contract("PayoutRejected", "The compliance engine or a reviewer rejected the item.", {
    ...payout,
    state: Schema.Literal("rejected"),
    reason: Schema.optionalKey(reason),
  }),
  PayoutSettled: contract("PayoutSettled", "The bank paid.", {
    ...payout,
    ...transfer,
    state: Schema.Literal("settled"),
    arrival: Schema.optionalKey(Arrival),
  }),
  PayoutFailed: contract(
    "PayoutFailed",
    "The bank refused for good, or the order was withdrawn before it was sent, or an operator established that it was not paid.",
    {
      ...payout,
      ...transfer,
      state: Schema.Literal("failed"),
      reason,
      failure,
      bankCode,
    },
  ),
  PayoutReturned: contract(
    "PayoutReturned",
    "The money came back, perhaps long after the batch was closed.",
    {
      ...payout,
      ...transfer,
      state: Schema.Literal("returned"),
      reason,
      failure,
      bankCode,
    },
  ),
  PayoutCancelled: contract(
    "PayoutCancelled",
    "The item will not be paid: it was cancelled in time, or its batch was refused or not approved.",
    { ...payout, state: Schema.Literal("cancelled"), reason },
  ),
  PayoutUnrouted: contract(
    "PayoutUnrouted",
    "No rule routes the item to a bank: it is parked until an operator fixes the rules.",
    { ...payout, state: Schema.Literal("parked"), reason },
  ),
  PayoutParked: contract(
    "PayoutParked",
    "The outcome of the transfer is unknown, or the bank contradicts itself: an operator has to decide.",
    { ...payout, ...transfer, state: Schema.Literal("parked"), reason },
  ),
  PayoutClearanceWithdrawn: contract(
    "PayoutClearanceWithdrawn",
    "An alarm: the compliance engine found something against an item after it was sent to a bank.",
    {
      ...payout,
      state: Schema.Literals(publicItemStates),
      decision: Schema.Literals(["review", "rejected"]),
      reason: Schema.optionalKey(reason),
    },
  ),
  PayoutBatchClosed: contract("PayoutBatchClosed", "Every item has reached a final state.", {
    ...batch,
    reference,
    state: ClosedState,
    itemCount: ItemNumber,
    totals: Schema.Record(
      Schema.String,
      Schema.Struct({
        accepted: Schema.String,
        settled: Schema.String,
        failed: Schema.String,
        returned: Schema.String,
        rejected: Schema.String,
        cancelled: Schema.String,
      } satisfies Readonly<Record<"accepted" | ItemEnd, typeof Schema.String>>),
    ).annotate({ description: "Decimal totals by currency. `accepted` is the sum of the others." }),
  }),
} satisfies {
  readonly [Name in PublicEventName]: Schema.Schema<{ readonly type: (typeof publicEventTypes)[Name] }>
}

export const PublicEvent = Schema.Union(Object.values(publicEventContracts))
export type PublicEvent = typeof PublicEvent.Type

const publicEventJson = Schema.fromJsonString(PublicEvent)

/**
 * Writes a public event. It was made by us, so it is not validated again: it differs from its JSON form in nothing. A test
 * compares this with the schema.
 */
export const encodePublicEvent = (event: PublicEvent): string => JSON.stringify(event)

/**
 * The `traceparent` of an event, from its JSON as it was published; `undefined` if it has none. Only what comes before `data` is looked at,
 * and all of that is ours.
 */
export const traceParentIn = (body: string): string | undefined => encodedTraceParent.exec(body)?.[1]

const encodedTraceParent = /^{[^{]*"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-0[01])"/

/** Decodes a public event from JSON, or fails with a sentence that names the field. */
export const decodePublicEvent = Schema.decodeUnknownResult(publicEventJson)
