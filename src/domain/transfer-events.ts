/** The events of transfers, but for withdrawals: what is to be sent to banks, and what banks report of it. */
import { Schema } from "effect"
import { AttemptNumber, ItemNumber } from "./identifiers.ts"
import { Instant } from "./instant.ts"
import { TransferFinal } from "./outcomes.ts"
import { OutsideText } from "./outside-text.ts"
import { Route } from "./route.ts"

/** How a report about a transfer reached us. */
export const Evidence = Schema.Literals(["response", "callback", "inquiry"])
export type Evidence = typeof Evidence.Type

export const FailureCategory = Schema.Literals([
  "beneficiary",
  "bank",
  "compliance",
  "funds",
  "limit",
  "technical",
])

/** What an event about one attempt says of it. */
export const aboutAttempt = { at: Instant, item: ItemNumber, attempt: AttemptNumber }

/** One attempt to pay an item, as it will be sent. */
export const TransferIntent = Schema.Struct({
  item: ItemNumber,
  attempt: AttemptNumber,
  bank: Schema.String,
  reference: Schema.String,
  /** Absent in logs of releases that did not record rules. */
  route: Schema.optionalKey(Route),
  /** Its order waits with us before it is sent, so it can be withdrawn. Absent if the bank is called directly. */
  withdrawable: Schema.optionalKey(Schema.Literal(true)),
})
export type TransferIntent = typeof TransferIntent.Type

/** The intents of a chunk of transfers, recorded before their banks are called. */
export const TransfersRequested = Schema.TaggedStruct("TransfersRequested", {
  at: Instant,
  transfers: Schema.NonEmptyArray(TransferIntent),
})

/** The bank never saw the attempt, so it is sent again under the same key. */
export const TransferResent = Schema.TaggedStruct("TransferResent", aboutAttempt)

/** The bank accepted the transfer. It reports the outcome by callback, or is asked at `inquireAt`. */
export const TransferAccepted = Schema.TaggedStruct("TransferAccepted", {
  ...aboutAttempt,
  transferId: Schema.String,
  inquireAt: Instant,
})

/**
 * The banks accepted several transfers, each as {@link TransferAccepted} says; `at` is the latest of their times. It has each item once,
 * and at most `ITEMS_PER_EVENT_MAX`.
 */
export const TransfersAccepted = Schema.TaggedStruct("TransfersAccepted", {
  at: Instant,
  transfers: Schema.NonEmptyArray(
    Schema.Struct({ ...aboutAttempt, transferId: Schema.String, inquireAt: Instant }),
  ),
})

/** A refusal that has to be confirmed: its code, how it reached us, and whether it was about more than this transfer. */
export const OpenRefusal = Schema.Struct({
  /** The bank's own code. */
  code: OutsideText,
  evidence: Evidence,
  whole: Schema.optionalKey(Schema.Literal(true)),
})
export type OpenRefusal = typeof OpenRefusal.Type

/** It is not known yet whether the bank has the transfer. The bank is asked at `inquireAt`; nothing is guessed. */
export const TransferUnknown = Schema.TaggedStruct("TransferUnknown", {
  ...aboutAttempt,
  reason: OutsideText,
  inquireAt: Instant,
  /** Present if the reason is a refusal that may be about something else. */
  refusal: Schema.optionalKey(OpenRefusal),
})

export const TransferSettled = Schema.TaggedStruct("TransferSettled", { ...aboutAttempt, evidence: Evidence })

/** Several transfers settled, each as {@link TransferSettled} says, gathered like {@link TransfersAccepted}. */
export const TransfersSettled = Schema.TaggedStruct("TransfersSettled", {
  at: Instant,
  evidence: Evidence,
  transfers: Schema.NonEmptyArray(Schema.Struct(aboutAttempt)),
})

export const TransferFailed = Schema.TaggedStruct("TransferFailed", {
  ...aboutAttempt,
  evidence: Evidence,
  /** The bank's own code, all its reasons if there are more, and the meaning of the code when it came. */
  code: OutsideText,
  detail: Schema.optionalKey(OutsideText),
  category: FailureCategory,
  retryable: Schema.Boolean,
  /** Whether another bank may pay it; absent in logs of releases that did not reroute. */
  reroutable: Schema.optionalKey(Schema.Boolean),
})

/** A settled transfer was returned, perhaps days after the batch was closed. */
export const TransferReturned = Schema.TaggedStruct("TransferReturned", {
  ...aboutAttempt,
  evidence: Evidence,
  code: OutsideText,
  detail: Schema.optionalKey(OutsideText),
})

/** A person has to decide: the schedule of inquiries is exhausted, or the bank's code is not mapped. */
export const TransferParked = Schema.TaggedStruct("TransferParked", {
  ...aboutAttempt,
  reason: OutsideText,
  /** Present if the reason is a refusal that came after the attempt was parked. */
  refusal: Schema.optionalKey(OpenRefusal),
})

/**
 * The bank reported something about a closed attempt that contradicts the log: an alarm. `repost` books a payment that
 * was made after all; `review` leaves the item to a person.
 */
export const LateOutcomeDetected = Schema.TaggedStruct("LateOutcomeDetected", {
  ...aboutAttempt,
  recorded: TransferFinal,
  /** `accepted`: the bank has the transfer that it had refused. */
  reported: Schema.Literals(["accepted", ...TransferFinal.literals]),
  evidence: Evidence,
  compensation: Schema.Literals(["repost", "review"]),
})
