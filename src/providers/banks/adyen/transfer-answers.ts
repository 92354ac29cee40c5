/** What Adyen answers about a transfer. Only words about the very transfer count; every other answer leaves it open. */
import { Schema } from "effect"
import { codedReason } from "../../../domain/coded-reason.ts"
import { UNSPECIFIED } from "../../../domain/failure-codes.ts"
import { type Answers, ProviderId, reading } from "../../calling/provider-http.ts"
import { ambiguous, type BankAnswer, type OrderedAmount } from "../bank.ts"
import { adyenValueOf } from "./adyen-amount.ts"
import { isAboutKey, isCause, standingOf } from "./adyen-words.ts"

/** A word of Adyen's, or whatever it writes there. */
const Word = Schema.String.check(Schema.isMaxLength(200))

/** What is read of a transfer, in answers and in notifications alike. */
export const TransferView = Schema.Struct({
  id: ProviderId,
  reference: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(80))),
  amount: Schema.Struct({ currency: Word, value: Schema.Int }),
  balanceAccount: Schema.optionalKey(Schema.Struct({ id: Schema.optionalKey(Word) })),
  category: Word,
  direction: Schema.optionalKey(Word),
  type: Schema.optionalKey(Word),
  status: Word,
  reason: Schema.optionalKey(Word),
  /** What was before the current status. */
  events: Schema.optionalKey(Schema.Array(Schema.Struct({ status: Schema.optionalKey(Word) }))),
  tracking: Schema.optionalKey(Schema.Struct({ reason: Schema.optionalKey(Word) })),
})
export type TransferView = typeof TransferView.Type

/** Whether it is a payment by bank transfer from an account: a top-up, a fee or a payment of a card is no word about an order of ours. */
export const isPaymentFrom = (
  { category, direction = "outgoing", type = "bankTransfer", balanceAccount }: TransferView,
  account: string,
): boolean =>
  category === "bank" &&
  direction === "outgoing" &&
  type === "bankTransfer" &&
  (balanceAccount?.id ?? account) === account

/** What a transfer has come to; `undefined` if its status does not say it. */
export const outcomeOf = (
  transfer: TransferView,
): (BankAnswer & { readonly _tag: "Accepted" | "Settled" | "Failed" | "Returned" }) | undefined => {
  switch (standingOf(transfer.status)) {
    case "open":
      return { _tag: "Accepted", transferId: transfer.id }
    case "settled":
      return { _tag: "Settled" }
    case "failed":
      // Money that was booked has left the account: an instant payment that its bank then refuses comes back.
      return { _tag: wasBooked(transfer) ? "Returned" : "Failed", ...codedReason(causeOf(transfer)) }
    case "returned":
      return { _tag: "Returned", ...codedReason(causeOf(transfer)) }
    case "unclear":
      return undefined
  }
}

const wasBooked = ({ events = [] }: TransferView): boolean => events.some(({ status }) => status === "booked")

/** The reason of a transfer that failed, as Adyen writes it; its own review tells more than the transfer does. */
const causeOf = ({ reason = UNSPECIFIED, tracking }: TransferView): string => {
  const cause = tracking?.reason ?? reason
  return isCause(cause) ? cause : UNSPECIFIED
}

const standing = (transfer: TransferView): BankAnswer =>
  outcomeOf(transfer) ?? ambiguous("the transfer has a status that says nothing of a bank transfer")

const isOf = ({ amount }: TransferView, { currency, minor }: OrderedAmount): boolean =>
  amount.currency === currency && amount.value === adyenValueOf(minor, currency)

/** What a transfer was ordered with. */
export interface Ordered extends OrderedAmount {
  readonly reference: string
  readonly balanceAccount: string
}

/** A problem as Adyen describes it (RFC 9457), with what it adds. */
const Problem = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Literal(422),
  errorCode: Schema.NonEmptyString,
  detail: Schema.String,
  /** What became of each priority that was asked for. */
  routingDetails: Schema.optionalKey(Schema.Array(Schema.Struct({}))),
})

/**
 * The answers to an order. The status 422 is a refusal of this very request, which made no transfer, unless it is about the key: then the
 * first request with the key may have made one. Any other status leaves the transfer open: 401 and 403 are about us, 500 about Adyen.
 */
export const orderAnswers = ({
  reference,
  currency,
  minor,
  balanceAccount,
}: Ordered): Answers<BankAnswer> => {
  const taken = reading(TransferView, (transfer): BankAnswer => {
    if (transfer.reference !== reference || !isPaymentFrom(transfer, balanceAccount))
      return ambiguous("transfer: the answer is about another transfer")
    if (!isOf(transfer, { currency, minor })) return ambiguous("transfer: the answer is about another amount")
    return standing(transfer)
  })
  return {
    200: taken,
    202: taken,
    422: reading(Problem, ({ type, title, errorCode, routingDetails = [] }): BankAnswer => {
      if (isAboutKey(errorCode, type, title)) return ambiguous("transfer: the key was used before")
      return { _tag: "Failed", ...codedReason(routingDetails.length > 0 ? "routeNotFound" : errorCode) }
    }),
  }
}

const Found = Schema.Struct({
  data: Schema.Array(TransferView),
  _links: Schema.optionalKey(Schema.Struct({ next: Schema.optionalKey(Schema.NullOr(Schema.Struct({}))) })),
})

/**
 * The answers to the question for all transfers under a reference. Only an empty list that is complete says that Adyen has never seen it:
 * one with anything else in it does not.
 */
export const inquiryAnswers = (
  reference: string,
  balanceAccount: string,
  ordered: OrderedAmount | undefined,
): Answers<BankAnswer> => ({
  200: reading(Found, ({ data, _links }): BankAnswer => {
    if (_links?.next !== undefined && _links.next !== null)
      return ambiguous("inquiry: more transfers under one reference than a page has")
    const [transfer, another] = data
    if (transfer === undefined) return { _tag: "NeverSeen" }
    if (another !== undefined)
      return ambiguous("inquiry: several transfers under one reference, perhaps paid more than once")
    if (transfer.reference !== reference || !isPaymentFrom(transfer, balanceAccount))
      return ambiguous("inquiry: the answer is about another transfer")
    return ordered === undefined || isOf(transfer, ordered)
      ? standing(transfer)
      : ambiguous("inquiry: the answer is about another amount")
  }),
})
