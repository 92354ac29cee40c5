/**
 * The calls of the Payouts API v1 that we make, and how their answers are read. Only what this reads counts: any other answer leaves
 * open whether the call had its effect. PayPal leaves `details` and `links` out in several ways, so these are read leniently.
 */
import { type Effect, Result, Schema } from "effect"
import type { BeneficiaryAccount } from "../../../domain/beneficiary.ts"
import { codedReason } from "../../../domain/coded-reason.ts"
import { formatAmount } from "../../../domain/money.ts"
import type { ProviderChannel } from "../../calling/channel.ts"
import type { ProviderUnavailable } from "../../calling/provider-error.ts"
import {
  type Answers,
  callProvider,
  type Provider,
  type ProviderCall,
  reading,
} from "../../calling/provider-http.ts"
import type { HeldTransfer } from "../orders/held-transfer.ts"
import { type BatchStatus, batchStatuses, type ItemStatus, itemStatuses } from "./item-states.ts"
import { type PayPalBank, wholeCurrencies } from "./paypal-settings.ts"

/** Items of one page: an answer has 1 MiB at most, and an item with its links about 2 KiB. */
export const PAGE_SIZE = 250

const literals = <A extends string>(table: Readonly<Record<A, unknown>>) =>
  Schema.Literals(Object.keys(table) as ReadonlyArray<string> as readonly [A, ...ReadonlyArray<A>])

const text = (lengthMax: number) => Schema.String.check(Schema.isMaxLength(lengthMax))
/** Ids are put into paths. */
const PayPalObjectId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,30}$/))

const SentHeader = Schema.Struct({ sender_batch_id: text(256) })
const Header = Schema.Struct({
  payout_batch_id: PayPalObjectId,
  batch_status: literals<BatchStatus>(batchStatuses),
  sender_batch_header: SentHeader,
})
const Created = Schema.Struct({ batch_header: Header })

const ItemFields = Schema.Struct({
  payout_item_id: PayPalObjectId,
  payout_batch_id: PayPalObjectId,
  transaction_status: Schema.optionalKey(literals<ItemStatus>(itemStatuses)),
  payout_item: Schema.Struct({
    sender_item_id: Schema.optionalKey(text(63)),
    amount: Schema.Struct({ currency: text(3), value: text(32) }),
  }),
  errors: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(text(200)) })),
})
export type PayPalItem = typeof ItemFields.Type

const Page = Schema.Struct({
  total_items: Schema.Int,
  total_pages: Schema.Int,
  batch_header: Header,
  items: Schema.optionalKey(Schema.Array(ItemFields)),
})

const Refusal = Schema.Struct({
  name: text(200),
  links: Schema.optionalKey(Schema.Unknown),
  details: Schema.optionalKey(Schema.Unknown),
})
const Link = Schema.Struct({ href: text(20_000), rel: text(100) })
const decodeLinks = Schema.decodeUnknownResult(Schema.Array(Link))
/** PayPal's document has the links beside the details; PayPal itself puts the one to a known payout batch into a detail. */
const decodeDetails = Schema.decodeUnknownResult(
  Schema.Array(Schema.Struct({ link: Schema.optionalKey(Schema.Unknown) })),
)

/** What became of a call to create a payout batch. */
export type Creation =
  | { readonly _tag: "Created"; readonly payoutBatchId: string }
  /** Its id was used before, by this payout batch if the answer says so truly. */
  | { readonly _tag: "Known"; readonly payoutBatchId: string }
  /** Refused as a whole. */
  | { readonly _tag: "Refused"; readonly code: string }
  /** The answer is about another payout batch. */
  | { readonly _tag: "Strange" }

export interface PayoutPage {
  readonly payoutBatchId: string
  readonly senderBatchId: string
  readonly status: BatchStatus
  readonly itemsInAll: number
  readonly pages: number
  readonly items: ReadonlyArray<PayPalItem>
}

export interface PayoutsApi {
  readonly create: (
    senderBatchId: string,
    transfers: ReadonlyArray<HeldTransfer>,
  ) => Effect.Effect<Creation, ProviderUnavailable>
  /** A page of a payout batch, from 1 on. */
  readonly page: (payoutBatchId: string, page: number) => Effect.Effect<PayoutPage, ProviderUnavailable>
  /** Cancels an unclaimed item; false if it cannot be cancelled any more. */
  readonly cancel: (payoutItemId: string) => Effect.Effect<boolean, ProviderUnavailable>
}

/** The API of a bank, through its channel; it is asked for so many items at a time. */
export const payoutsApi = (
  provider: Provider,
  channel: ProviderChannel,
  bank: PayPalBank,
  patienceMs: number,
  pageSize: number = PAGE_SIZE,
): PayoutsApi => {
  const ask = <A>(
    call: ProviderCall,
    answers: Answers<A>,
    outcomeOf: (answer: A) => string | undefined = () => undefined,
  ) =>
    // Whoever calls repeats it at the next pass, where it is known what may be repeated.
    channel.call(
      { step: call.step, repeatable: false, patienceMs, outcomeOf },
      callProvider(provider, call, answers),
    )
  return {
    create: (senderBatchId, transfers) =>
      ask(
        {
          step: "create payout",
          method: "POST",
          path: "/v1/payments/payouts",
          idempotencyKey: senderBatchId,
          keyHeader: "paypal-request-id",
          body: bodyOf(bank, senderBatchId, transfers),
        },
        creationAnswers(senderBatchId),
        ({ _tag }) => _tag,
      ),
    page: (payoutBatchId, page) =>
      ask(
        {
          step: "show payout",
          method: "GET",
          path: `/v1/payments/payouts/${payoutBatchId}?page=${page}&page_size=${pageSize}&total_required=true`,
        },
        { 200: reading(Page, pageOf) },
      ),
    cancel: (payoutItemId) =>
      ask(
        {
          step: "cancel payout item",
          method: "POST",
          path: `/v1/payments/payouts-item/${payoutItemId}/cancel`,
          body: {},
        },
        {
          200: reading(ItemFields, ({ transaction_status }) => transaction_status === "RETURNED"),
          400: reading(Refusal, () => false),
          404: reading(Refusal, () => false),
        },
      ),
  }
}

const bodyOf = (
  { emailSubject, emailMessage }: PayPalBank,
  senderBatchId: string,
  transfers: ReadonlyArray<HeldTransfer>,
) => ({
  sender_batch_header: {
    sender_batch_id: senderBatchId,
    ...(emailSubject !== undefined && { email_subject: emailSubject }),
    ...(emailMessage !== undefined && { email_message: emailMessage }),
  },
  items: transfers.map(({ reference, currency, minor, details: { account, remittance } }) => ({
    ...receiverOf(account),
    amount: { currency, value: amountOf(minor, currency) },
    sender_item_id: reference,
    ...(remittance !== undefined && { note: remittance }),
  })),
})

/** An amount as PayPal takes it: decimals where it has none refuse the whole payout batch, even if they are zeros. */
const amountOf = (minor: bigint, currency: string): string => {
  const value = formatAmount(minor, currency)
  return wholeCurrencies.has(currency) ? value.replace(/\.0+$/, "") : value
}

/** How PayPal addresses a wallet. Telephone numbers have no sign there. */
export const receiverOf = (
  account: BeneficiaryAccount,
): { readonly recipient_type: "EMAIL" | "PHONE" | "PAYPAL_ID"; readonly receiver: string } => {
  switch (account.scheme) {
    case "email":
      return { recipient_type: "EMAIL", receiver: account.email }
    case "phone":
      return { recipient_type: "PHONE", receiver: account.phone.slice(1) }
    case "paypal-id":
      return { recipient_type: "PAYPAL_ID", receiver: account.paypalId }
    default:
      // The limits of the kind refuse such an order before it is stored.
      throw new Error(`PayPal pays no account of the scheme ${account.scheme}`)
  }
}

const creationAnswers = (senderBatchId: string): Answers<Creation> => {
  const refused = reading(Refusal, ({ name, links, details }): Creation => {
    const known = [links, ...linksIn(details)].flatMap((found) => payoutIn(found) ?? [])[0]
    return known === undefined
      ? { _tag: "Refused", code: codedReason(name).code }
      : { _tag: "Known", payoutBatchId: known }
  })
  return {
    201: reading(
      Created,
      ({ batch_header: { payout_batch_id, sender_batch_header } }): Creation =>
        sender_batch_header.sender_batch_id === senderBatchId
          ? { _tag: "Created", payoutBatchId: payout_batch_id }
          : { _tag: "Strange" },
    ),
    400: refused,
    422: refused,
  }
}

const linksIn = (details: unknown): ReadonlyArray<unknown> => {
  const read = decodeDetails(details)
  return Result.isFailure(read) ? [] : read.success.map(({ link }) => link)
}

/** The payout batch that an error links to: the one that has the id. Only its path counts, because it is asked where all are. */
const payoutIn = (links: unknown): string | undefined => {
  const read = decodeLinks(links)
  if (Result.isFailure(read)) return undefined
  const ids = read.success.flatMap(
    ({ href }) => /\/v1\/payments\/payouts\/([A-Za-z0-9_-]{1,30})(?:\?|$)/.exec(href)?.[1] ?? [],
  )
  return ids[0]
}

const pageOf = ({ total_items, total_pages, batch_header, items = [] }: typeof Page.Type): PayoutPage => ({
  payoutBatchId: batch_header.payout_batch_id,
  senderBatchId: batch_header.sender_batch_header.sender_batch_id,
  status: batch_header.batch_status,
  itemsInAll: total_items,
  pages: total_pages,
  items,
})
