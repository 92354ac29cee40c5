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

/** An amount as a decimal string with exactly the currency's decimals: 12.34 EUR, 1200 JPY. */
export const Amount = Schema.Struct({ currency: Currency, value: Schema.String })

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
const Sequence = Schema.String.check(Schema.isPattern(/^[0-9]{10}$/))

/** As in the header (W3C Trace Context, level 1). */
const TraceParent = Schema.String.check(Schema.isPattern(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/))

export const sequenceText = (sequence: number): string => String(sequence).padStart(10, "0")

const envelope = {
  specversion: Schema.Literal("1.0"),
  /**
   * `<batch>:<version>` of the log entry. `:<item>` follows if the entry is about several items, and `:2` for its second
   * event about the same item.
   */
  id: Schema.String,
  source: Schema.Literal("/atlaspay"),
  /** The batch id, or `<batch>/<item>`. */
  subject: Schema.String,
  /** When it happened: RFC 3339, UTC. */
  time: Schema.String,
  datacontenttype: Schema.Literal("application/json"),
  partner: PartnerId,
  /** The trace of the batch, if its partner named one: the CloudEvents extension Distributed Tracing. */
  traceparent: Schema.optionalKey(TraceParent),
  /** The place among the public events of its batch, gapless from 1. */
  sequence: Sequence,
}

const batch = { batchId: BatchId, partner: PartnerId }

/** The partner's own reference of the batch, if it gave one. */
const reference = Schema.optionalKey(Schema.String)

const payout = {
  ...batch,
  item: ItemNumber,
  itemReference: Schema.String,
  amount: Amount,
  /** Whether the beneficiary's name is the one on the account, if the compliance engine reported it. */
  payee: Schema.optionalKey(PayeeMatch),
}

const reason = Schema.String

/** The meaning of a reason that is a bank's code. */
const failure = Schema.optionalKey(Failure)

/** The attempt that the event is about, its bank, and the routing rule (with the rules' version) that chose the bank. */
const transfer = {
  attempt: AttemptNumber,
  bank: Schema.String,
  /** The transfer's unique end-to-end transaction reference, a UUID. */
  uetr: Schema.optionalKey(Schema.String),
  rule: Schema.optionalKey(Schema.String),
  rulesVersion: Schema.optionalKey(Schema.String),
}

const contract = <Name extends PublicEventName, Data extends Schema.Struct.Fields>(name: Name, data: Data) =>
  Schema.Struct({
    ...envelope,
    type: Schema.Literal(publicEventTypes[name]),
    data: Schema.Struct(data),
  })

/** The schema of each event. A name without a schema does not compile. */
const contracts = {
  PayoutBatchAccepted: contract("PayoutBatchAccepted", {
    ...batch,
    reference,
    state: Schema.Literal("received"),
    itemCount: ItemNumber,
    /** Decimal totals by currency. */
    accepted: Schema.Record(Schema.String, Schema.String),
  }),
  PayoutBatchAwaitingFunds: contract("PayoutBatchAwaitingFunds", {
    ...batch,
    reference,
    state: Schema.Literal("awaiting-funds"),
    itemCount: ItemNumber,
    /** Decimal totals by currency of the holds that the ledger refused. */
    refused: Schema.Record(Schema.String, Schema.String),
    /** When AtlasPay asks the ledger again, unless funds arrive before: RFC 3339, UTC. */
    retryAt: Schema.String,
  }),
  PayoutBatchCommandRefused: contract("PayoutBatchCommandRefused", {
    ...batch,
    reference,
    state: Schema.Literals(batchStates),
    itemCount: ItemNumber,
    /** The id that the 202 to the command has, and what was asked for. */
    commandId: Schema.String,
    command: Schema.Literals(["approve", "decline", "cancel", "review", "retry", "resolve", "reschedule"]),
    /** Why the batch refused it; docs/SPEC.md lists the reasons. */
    reason,
    item: Schema.optionalKey(ItemNumber),
    /** The name of who gave it. */
    by: Schema.String,
  }),
  PayoutHeld: contract("PayoutHeld", {
    ...payout,
    state: Schema.Literal("held"),
    reason: Schema.optionalKey(reason),
  }),
  PayoutRejected: contract("PayoutRejected", {
    ...payout,
    state: Schema.Literal("rejected"),
    reason: Schema.optionalKey(reason),
  }),
  PayoutSettled: contract("PayoutSettled", { ...payout, ...transfer, state: Schema.Literal("settled") }),
  PayoutFailed: contract("PayoutFailed", {
    ...payout,
    ...transfer,
    state: Schema.Literal("failed"),
    reason,
    failure,
  }),
  PayoutReturned: contract("PayoutReturned", {
    ...payout,
    ...transfer,
    state: Schema.Literal("returned"),
    reason,
    failure,
  }),
  PayoutCancelled: contract("PayoutCancelled", { ...payout, state: Schema.Literal("cancelled"), reason }),
  PayoutUnrouted: contract("PayoutUnrouted", { ...payout, state: Schema.Literal("parked"), reason }),
  PayoutParked: contract("PayoutParked", { ...payout, ...transfer, state: Schema.Literal("parked"), reason }),
  PayoutClearanceWithdrawn: contract("PayoutClearanceWithdrawn", {
    ...payout,
    state: Schema.Literals(publicItemStates),
    decision: Schema.Literals(["review", "rejected"]),
    reason: Schema.optionalKey(reason),
  }),
  PayoutBatchClosed: contract("PayoutBatchClosed", {
    ...batch,
    reference,
    state: ClosedState,
    itemCount: ItemNumber,
    /** Decimal totals by currency. `accepted` is the sum of the others. */
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
    ),
  }),
} satisfies {
  readonly [Name in PublicEventName]: Schema.Schema<{ readonly type: (typeof publicEventTypes)[Name] }>
}

export const PublicEvent = Schema.Union(Object.values(contracts))
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
