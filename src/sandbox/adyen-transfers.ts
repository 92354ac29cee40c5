/** Transfers as Adyen's published Transfers API v4 writes them: in requests, in answers and in notifications. */
import { createHmac } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { minorOf, toDecimal, toMinor } from "./amount.ts"
import type { Transfer, TransferOrder } from "./bank-books.ts"
import type { CallbackFormat } from "./callbacks.ts"

/** How many digits more (or fewer) Adyen's minor unit has than that of ISO 4217. */
const moreDigits: Readonly<Record<string, number | undefined>> = { CLP: 2, ISK: 2, CVE: -2, IDR: -2 }

/** The amount of a number of Adyen's; undefined if it is not an amount in a currency. */
const amountOf = ({ currency, value }: { readonly currency: string; readonly value: number }) => {
  const digits = moreDigits[currency] ?? 0
  const shift = 10 ** Math.abs(digits)
  const minor = digits > 0 ? value / shift : value * shift
  if (!Number.isSafeInteger(minor)) return undefined
  const amount = { currency, value: toDecimal(currency, BigInt(minor)) }
  return toMinor(currency, amount.value) === undefined ? undefined : amount
}

/** The number of Adyen's for an amount. */
export const adyenNumberOf = (amount: TransferOrder["amount"]): number => {
  const digits = moreDigits[amount.currency] ?? 0
  const shift = 10 ** Math.abs(digits)
  const minor = Number(minorOf(amount))
  return digits > 0 ? minor * shift : Math.round(minor / shift)
}

const TransferInfo = Schema.Struct({
  amount: Schema.Struct({ currency: Schema.String, value: Schema.Int }).check(
    Schema.makeFilter((amount) => amountOf(amount) !== undefined || "not an amount in Adyen's minor units"),
  ),
  balanceAccountId: Schema.String,
  category: Schema.Literal("bank"),
  reference: Schema.String.check(Schema.isBetweenLength(1, 35)),
  description: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(140))),
  counterparty: Schema.Struct({
    bankAccount: Schema.Struct({
      accountHolder: Schema.Struct({ fullName: Schema.String.check(Schema.isBetweenLength(1, 200)) }),
      accountIdentification: Schema.Record(Schema.String, Schema.Unknown),
    }),
  }),
})
const decodeInfo = Schema.decodeUnknownResult(TransferInfo)

/** Reads an order from the body of `POST /transfers`; `notify` is the URL of the webhook that is to be told of it. */
export const decodeOrder =
  (notify: () => string | undefined) =>
  (json: unknown): Result.Result<TransferOrder, Schema.SchemaError> =>
    Result.map(decodeInfo(json), ({ amount, balanceAccountId, reference, description, counterparty }) => {
      const { accountHolder, accountIdentification } = counterparty.bankAccount
      const callbackUrl = notify()
      return {
        reference,
        amount: amountOf(amount) ?? { currency: amount.currency, value: "0" },
        beneficiary: {
          name: accountHolder.fullName,
          account: { ...accountIdentification, paidFrom: balanceAccountId },
        },
        ...(description !== undefined && { remittance: description }),
        ...(callbackUrl !== undefined && { callbackUrl }),
      }
    })

export const balanceAccountOf = ({ order }: Transfer): string => String(order.beneficiary.account.paidFrom)

type Status = Transfer["status"]

/** The steps of a transfer up to its status, each with what it is called at Adyen. */
const steps: Readonly<Record<Status, readonly string[]>> = {
  accepted: ["received"],
  settled: ["received", "authorised", "booked"],
  rejected: ["received", "failed"],
  returned: ["received", "authorised", "booked", "returned"],
}

/** The status and its reason, as the books or a report of them have it. */
export interface Told {
  readonly status: Status
  readonly code?: string | undefined
}

/** What Adyen itself refuses is `refused`, what the other bank does is `failed`. */
const statusOf = ({ status, code }: Told): string =>
  status === "rejected" && code === "notEnoughBalance" ? "refused" : (steps[status].at(-1) ?? "received")

const reasonOf = ({ status, code }: Told): string =>
  status === "accepted" ? "pending" : (code ?? "approved")

/** A transfer in the answer to its order. */
export const shownTransfer = (transfer: Transfer, told: Told = transfer) => {
  const { transferId: id, order, orderedAt } = transfer
  const { paidFrom, ...accountIdentification } = order.beneficiary.account
  return {
    id,
    accountHolder: { id: "AH00000000000000000000001" },
    amount: { currency: order.amount.currency, value: adyenNumberOf(order.amount) },
    ...(typeof paidFrom === "string" && { balanceAccount: { id: paidFrom } }),
    category: "bank",
    categoryData: { type: "bank", priority: "regular" },
    counterparty: {
      bankAccount: { accountHolder: { fullName: order.beneficiary.name }, accountIdentification },
    },
    createdAt: orderedAt,
    ...(order.remittance !== undefined && { description: order.remittance }),
    direction: "outgoing",
    reason: reasonOf(told),
    reference: order.reference,
    status: statusOf(told),
    type: "bankTransfer",
  }
}

export const balancePlatform = "SANDBOX"

/** A transfer with its history, as lists and notifications have it. */
export const shownData = (transfer: Transfer, told: Told = transfer) => {
  const { currency, value } = shownTransfer(transfer).amount
  const names = [...steps[told.status].slice(0, -1), statusOf(told)]
  return {
    ...shownTransfer(transfer, told),
    balancePlatform,
    events: names.map((status) => ({
      id: `${transfer.transferId}.${status}`,
      type: "accounting",
      status,
      bookingDate: transfer.orderedAt,
      ...(status === "booked" && { mutations: [{ currency, balance: -value }] }),
    })),
    sequenceNumber: names.length,
    updatedAt: transfer.at,
  }
}

/** A transfer that this bank has no books of: it speaks of another bank's. */
const invented = (reference: string): Transfer => ({
  transferId: "invented",
  order: {
    reference,
    amount: { currency: "EUR", value: "1.00" },
    beneficiary: { name: "Nobody", account: { type: "iban", iban: "DE89370400440532013000" } },
  },
  magic: undefined,
  orderedAt: new Date().toISOString(),
  status: "rejected",
  at: new Date().toISOString(),
})

const statuses: readonly string[] = Object.keys(steps)

/** Notifications about transfers: the signature is the HMAC-SHA256 of the body, in base64. */
export const notificationFormat =
  (known: (transferId: string) => Transfer | undefined): CallbackFormat =>
  ({ transferId, reference, status, code, at }, key) => {
    const told = {
      status: statuses.includes(String(status)) ? (status as Status) : "rejected",
      ...(typeof code === "string" && { code }),
    } as const
    const transfer = known(String(transferId)) ?? invented(String(reference))
    const type = `balancePlatform.transfer.${told.status === "accepted" ? "created" : "updated"}`
    const body = JSON.stringify({
      data: shownData(transfer, told),
      environment: "test",
      timestamp: String(at),
      type,
    })
    const signature = createHmac("sha256", key).update(body).digest("base64")
    return {
      body,
      headers: { "content-type": "application/json", hmacsignature: signature, protocol: "HmacSHA256" },
    }
  }
