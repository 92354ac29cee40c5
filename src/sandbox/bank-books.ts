import * as Schema from "effect/Schema"
import { Amount, CurrencySums, minorOf } from "./amount.ts"
import { type CallbackOutcome, CallbackUrl } from "./callbacks.ts"
import { type MagicOutcome, magicOutcome } from "./magic-beneficiaries.ts"
import { type BooksPage, KeyedAnswers, nextOffset, pageOf } from "./server.ts"

export const TransferOrder = Schema.Struct({
  reference: Schema.String.check(Schema.isBetweenLength(1, 35)),
  amount: Amount,
  beneficiary: Schema.Struct({
    name: Schema.String.check(Schema.isBetweenLength(1, 200)),
    account: Schema.Record(Schema.String, Schema.Unknown),
  }),
  remittance: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
  callbackUrl: Schema.optionalKey(CallbackUrl),
})
export type TransferOrder = typeof TransferOrder.Type

/** What a bank's journal tells. Times are ISO 8601. */
export type BankEntry =
  | {
      readonly type: "ordered"
      readonly at: string
      readonly key: string
      readonly fingerprint: string
      readonly transferId: string
      readonly order: TransferOrder
    }
  | { readonly type: "settled"; readonly at: string; readonly transferId: string }
  | { readonly type: "rejected"; readonly at: string; readonly transferId: string; readonly code: string }
  | { readonly type: "returned"; readonly at: string; readonly transferId: string; readonly code: string }
  | { readonly type: "callback-ended"; readonly callback: string; readonly outcome: CallbackOutcome }

export interface Transfer {
  readonly transferId: string
  readonly order: TransferOrder
  readonly magic: MagicOutcome | undefined
  status: "accepted" | "settled" | "rejected" | "returned"
  code?: string
  at: string
}

/** What still has to happen to a transfer by itself. */
export type NextStep = "settle" | "reject" | "return" | undefined

export const nextStep = ({ status, magic }: Transfer): NextStep => {
  if (status === "accepted") return magic === "insufficient-funds" ? "reject" : "settle"
  return status === "settled" && magic === "returned-later" ? "return" : undefined
}

/** One delivery that is owed to the client: the same message (same id) may be owed twice. */
export interface OwedCallback {
  readonly delivery: string
  readonly url: string
  readonly message: {
    readonly id: string
    readonly bank: string
    readonly reference: string
    readonly transferId: string
    readonly status: string
    readonly code?: string
    readonly at: string
  }
}

/** A bank's books: a fold over its journal. */
export class BankBooks {
  readonly bank: string
  readonly answers = new KeyedAnswers<Transfer>()
  readonly #transfers = new Map<string, Transfer>()
  readonly unfinished = new Set<Transfer>()
  readonly owed = new Map<string, OwedCallback>()
  readonly #latest = new Map<string, Transfer>()
  readonly #payments: { readonly reference: string; readonly amount: Amount; readonly at: string }[] = []
  readonly #paymentsByReference = new Map<string, number>()
  readonly #settled = new CurrencySums()
  readonly #returned = new CurrencySums()
  readonly #callbacks = { delivered: 0, "given-up": 0 }
  #paidTwice = 0

  constructor(bank: string) {
    this.bank = bank
  }

  get size(): number {
    return this.#transfers.size
  }

  /** The latest transfer under a reference, or undefined when the bank has never seen it. */
  find(reference: string): Transfer | undefined {
    return this.#latest.get(reference)
  }

  transfer(transferId: string): Transfer {
    const transfer = this.#transfers.get(transferId)
    if (transfer === undefined) throw new Error(`no transfer ${transferId} is in the books`)
    return transfer
  }

  apply(entry: BankEntry): void {
    switch (entry.type) {
      case "ordered":
        this.#order(entry)
        return
      case "callback-ended":
        this.#callbacks[entry.outcome] += 1
        this.owed.delete(entry.callback)
        return
      default:
        this.#change(entry)
    }
  }

  #order({ at, key, fingerprint, transferId, order }: BankEntry & { type: "ordered" }): void {
    const magic = magicOutcome(order.beneficiary.name)
    const transfer: Transfer =
      magic === "closed-account"
        ? { transferId, order, magic, status: "rejected", code: "AC04", at }
        : { transferId, order, magic, status: "accepted", at }
    this.answers.remember(key, fingerprint, transfer)
    this.#transfers.set(transferId, transfer)
    this.#latest.set(order.reference, transfer)
    if (transfer.status === "accepted") this.unfinished.add(transfer)
  }

  #change(entry: BankEntry & { type: "settled" | "rejected" | "returned" }): void {
    const transfer = this.transfer(entry.transferId)
    transfer.status = entry.type
    transfer.at = entry.at
    if ("code" in entry) transfer.code = entry.code
    if (entry.type === "settled") this.#pay(transfer)
    if (entry.type === "returned") this.#takeBack(transfer)
    if (nextStep(transfer) === undefined) this.unfinished.delete(transfer)
    for (const callback of this.callbacksOf(transfer)) this.owed.set(callback.delivery, callback)
  }

  #pay({ order: { reference, amount }, at }: Transfer): void {
    this.#payments.push({ reference, amount, at })
    const times = (this.#paymentsByReference.get(reference) ?? 0) + 1
    this.#paymentsByReference.set(reference, times)
    if (times === 2) this.#paidTwice += 1
    this.#settled.add(amount.currency, minorOf(amount))
  }

  #takeBack({ order: { amount } }: Transfer): void {
    this.#settled.add(amount.currency, -minorOf(amount))
    this.#returned.add(amount.currency, minorOf(amount))
  }

  /** The deliveries that a transfer's present status is worth: none, one, or the same message twice. */
  callbacksOf({ transferId, order, magic, status, code, at }: Transfer): OwedCallback[] {
    const { reference, callbackUrl: url } = order
    if (url === undefined || magic === "timeout-after-paying") return []
    const id = `${transferId}.${status}`
    const message = { id, bank: this.bank, reference, transferId, status, ...(code && { code }), at }
    const copies = magic === "duplicate-callback" ? [1, 2] : [1]
    return copies.map((copy) => ({ delivery: `${id}.${copy}`, url, message }))
  }

  /** The answer to `GET /books`. Account numbers leave it with their last four characters only. */
  show(page: BooksPage) {
    const summary = {
      bank: this.bank,
      counts: { transfers: this.#transfers.size, payments: this.#payments.length },
      paidTwice: this.#paidTwice,
      settled: this.#settled,
      returned: this.#returned,
      outstanding: this.unfinished.size + this.owed.size,
      callbacks: { delivered: this.#callbacks.delivered, givenUp: this.#callbacks["given-up"] },
    }
    if (page.summary) return summary
    return {
      ...summary,
      transfers: pageOf([...this.#transfers.values()], page, (transfer) => this.#row(transfer)),
      payments: pageOf(this.#payments, page, (payment) => payment),
      next: nextOffset(this.#transfers.size, page),
    }
  }

  #row({ transferId, order, status, code, at }: Transfer) {
    return {
      reference: order.reference,
      transferId,
      amount: order.amount,
      beneficiary: { name: order.beneficiary.name, accountLast4: lastFour(order.beneficiary.account) },
      status,
      code,
      payments: this.#paymentsByReference.get(order.reference) ?? 0,
      at,
    }
  }
}

const accountFields = ["iban", "accountNumber", "bban", "clabe", "number"]

/** The last four characters of the account number; nothing when there is none, or when that would be all of it. */
const lastFour = (account: TransferOrder["beneficiary"]["account"]): string => {
  const numbers = accountFields.map((field) => account[field])
  const number = numbers.find((value) => typeof value === "string")
  return number !== undefined && number.length > 4 ? number.slice(-4) : ""
}
