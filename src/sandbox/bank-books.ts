import * as Schema from "effect/Schema"
import { Amount, CurrencySums, minorOf } from "./amount.ts"
import {
  type CallbackOutcome,
  type CallbackTravel,
  CallbackUrl,
  type OwedCallback,
  owedFor,
  plainTravel,
} from "./callbacks.ts"
import type { BankLie } from "./lies.ts"
import { type MagicOutcome, magicOutcome } from "./magic-beneficiaries.ts"
import { type BooksPage, KeyedAnswers, nextOffset, pageOf } from "./server.ts"

export const BeneficiaryType = Schema.Literals(["person", "company"])

export const TransferOrder = Schema.Struct({
  reference: Schema.String.check(Schema.isBetweenLength(1, 35)),
  amount: Amount,
  beneficiary: Schema.Struct({
    name: Schema.String.check(Schema.isBetweenLength(1, 200)),
    account: Schema.Record(Schema.String, Schema.Unknown),
    type: Schema.optionalKey(BeneficiaryType),
    address: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  }),
  remittance: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
  callbackUrl: Schema.optionalKey(CallbackUrl),
})
export type TransferOrder = typeof TransferOrder.Type

/** A new status of a transfer. Without `travel`, its callback is neither copied nor delayed. */
interface Changed {
  readonly at: string
  readonly transferId: string
  readonly travel?: CallbackTravel
}

/** An entry of a bank's journal. Times are ISO 8601. */
export type BankEntry =
  | {
      readonly type: "ordered"
      readonly at: string
      readonly key: string
      readonly fingerprint: string
      readonly transferId: string
      readonly order: TransferOrder
      /** The false report about the order, which is paid all the same. */
      readonly lie?: BankLie
    }
  | (Changed & { readonly type: "settled" })
  | (Changed & { readonly type: "rejected"; readonly code: string })
  | (Changed & { readonly type: "returned"; readonly code: string })
  /** A false refusal. It moves no money. */
  | (Changed & { readonly type: "lied"; readonly code: string })
  | {
      readonly type: "callback-ended"
      /** Absent in journals of earlier releases. */
      readonly at?: string
      readonly callback: string
      readonly outcome: CallbackOutcome
    }

export interface Transfer {
  readonly transferId: string
  readonly order: TransferOrder
  readonly magic: MagicOutcome | undefined
  readonly lie?: BankLie
  readonly orderedAt: string
  status: "accepted" | "settled" | "rejected" | "returned"
  code?: string
  at: string
  /** When the first callback of its current status was acknowledged. */
  toldAt?: string
}

/** Whether an order came in a file of Nacha, and so is answered in one when it comes back. */
export const isAch = ({ beneficiary }: TransferOrder): boolean => beneficiary.account.format === "ach"

/** The next step of a transfer that the bank takes by itself. */
export type NextStep = "settle" | "reject" | "return" | undefined

export const nextStep = ({ status, magic, order }: Transfer): NextStep => {
  if (status === "accepted") return magic === "insufficient-funds" ? "reject" : "settle"
  // What is sent in files of Nacha is sent to a closed account, too: the bank of that account sends it back.
  const isClosed = magic === "closed-account" && isAch(order)
  const comesBack = magic === "returned-later" || isClosed
  return status === "settled" && comesBack ? "return" : undefined
}

/** The entry of a bank's next step, with the codes of that bank. Throws if there is no next step. */
export const stepEntry = <Changed extends { readonly at: string; readonly transferId: string }>(
  transfer: Transfer,
  changed: Changed,
  codes: { readonly rejected: string; readonly returned: string },
) => {
  switch (nextStep(transfer)) {
    case "settle":
      return { type: "settled", ...changed } as const
    case "reject":
      return { type: "rejected", ...changed, code: codes.rejected } as const
    case "return":
      return { type: "returned", ...changed, code: codes.returned } as const
    case undefined:
      throw new Error(`transfer ${changed.transferId} is final`)
  }
}

/** The code with which a bank refuses an order at once and finally; undefined if it accepts the order. */
export type RefusalOf = (order: TransferOrder, magic: MagicOutcome | undefined) => string | undefined

/** A bank's books: the fold of its journal. */
export class BankBooks {
  readonly bank: string
  readonly answers = new KeyedAnswers<Transfer>()
  readonly #transfers = new Map<string, Transfer>()
  readonly unfinished = new Set<Transfer>()
  readonly owed = new Map<string, OwedCallback>()
  readonly #refusalOf: RefusalOf
  readonly #tellsOfOrders: boolean
  readonly #byReference = new Map<string, Transfer[]>()
  readonly #payments: { readonly reference: string; readonly amount: Amount; readonly at: string }[] = []
  readonly #paymentsByReference = new Map<string, number>()
  readonly #settled = new CurrencySums()
  readonly #returned = new CurrencySums()
  readonly #callbacks = { delivered: 0, "given-up": 0 }
  #paidTwice = 0

  /** With `tellsOfOrders`, a callback reports each order that was accepted, too. */
  constructor(bank: string, refusalOf: RefusalOf, tellsOfOrders = false) {
    this.bank = bank
    this.#refusalOf = refusalOf
    this.#tellsOfOrders = tellsOfOrders
  }

  get size(): number {
    return this.#transfers.size
  }

  /** All transfers, oldest first. */
  get transfers(): readonly Transfer[] {
    return [...this.#transfers.values()]
  }

  /** All payments, oldest first. */
  get payments(): readonly { readonly reference: string; readonly amount: Amount; readonly at: string }[] {
    return this.#payments
  }

  /** The transfers under a reference, oldest first; none if the bank has never seen it. */
  find(reference: string): readonly Transfer[] {
    return this.#byReference.get(reference) ?? []
  }

  /** The code with which an order was refused at once, truly or falsely; undefined if it was accepted. */
  refusalOf({ order, magic, lie }: Transfer): string | undefined {
    return lie?.kind === "accepts-after-refusing" ? lie.code : this.#refusalOf(order, magic)
  }

  /** A transfer by its id; undefined if it is not in the books. */
  known(transferId: string): Transfer | undefined {
    return this.#transfers.get(transferId)
  }

  transfer(transferId: string): Transfer {
    const transfer = this.known(transferId)
    if (transfer === undefined) throw new Error(`no transfer ${transferId} is in the books`)
    return transfer
  }

  /** Adds an entry to the books, and returns the callbacks that it owes. */
  apply(entry: BankEntry): readonly OwedCallback[] {
    switch (entry.type) {
      case "ordered":
        return this.#order(entry)
      case "callback-ended":
        this.#noteAcknowledged(entry)
        this.#callbacks[entry.outcome] += 1
        this.owed.delete(entry.callback)
        return []
      case "lied":
        return this.#lie(entry)
      default:
        return this.#change(entry)
    }
  }

  #noteAcknowledged({ callback, outcome, at }: BankEntry & { type: "callback-ended" }): void {
    const message = this.owed.get(callback)?.message
    const transfer = this.#transfers.get(String(message?.transferId))
    if (transfer === undefined || at === undefined || outcome !== "delivered") return
    // A report of an earlier status, or a false one, is not the bank's last true report.
    if (message?.status === transfer.status) transfer.toldAt ??= at
  }

  #order({
    at,
    key,
    fingerprint,
    transferId,
    order,
    lie,
  }: BankEntry & { type: "ordered" }): readonly OwedCallback[] {
    const magic = magicOutcome(order.beneficiary.name)
    const code = this.#refusalOf(order, magic)
    const ordered = { transferId, order, magic, ...(lie && { lie }), orderedAt: at, at }
    const transfer: Transfer =
      code === undefined ? { ...ordered, status: "accepted" } : { ...ordered, status: "rejected", code }
    this.answers.remember(key, fingerprint, transfer, Date.parse(at))
    this.#transfers.set(transferId, transfer)
    const others = this.#byReference.get(order.reference)
    if (others === undefined) this.#byReference.set(order.reference, [transfer])
    else others.push(transfer)
    if (transfer.status !== "accepted") return []
    this.unfinished.add(transfer)
    // An order that is refused at first is none to tell of.
    return this.#tellsOfOrders && lie?.kind !== "accepts-after-refusing" ? this.#owe(transfer) : []
  }

  #change(entry: BankEntry & { type: "settled" | "rejected" | "returned" }): readonly OwedCallback[] {
    const transfer = this.transfer(entry.transferId)
    transfer.status = entry.type
    transfer.at = entry.at
    delete transfer.toldAt
    if ("code" in entry) transfer.code = entry.code
    if (entry.type === "settled") this.#pay(transfer)
    if (entry.type === "returned") this.#takeBack(transfer)
    if (nextStep(transfer) === undefined) this.unfinished.delete(transfer)
    return transfer.lie?.confesses === false && entry.type === "settled"
      ? []
      : this.#owe(transfer, entry.travel)
  }

  /** Reports a refusal by callback that the books do not contain. */
  #lie({ at, transferId, code, travel }: BankEntry & { type: "lied" }): readonly OwedCallback[] {
    return this.#owe({ ...this.transfer(transferId), status: "rejected", code, at }, travel)
  }

  #owe(transfer: Transfer, travel: CallbackTravel = plainTravel): readonly OwedCallback[] {
    const owed = this.#callbacksOf(transfer, travel)
    for (const callback of owed) this.owed.set(callback.delivery, callback)
    return owed
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

  #callbacksOf(
    { transferId, order, magic, status, code, at }: Transfer,
    { copies, delayMs }: CallbackTravel,
  ): OwedCallback[] {
    const { reference, callbackUrl: url } = order
    if (url === undefined || magic === "timeout-after-paying") return []
    const id = `${transferId}.${status}`
    const message = { id, bank: this.bank, reference, transferId, status, ...(code && { code }), at }
    return owedFor(message, url, at, { copies: magic === "duplicate-callback" ? 2 : copies, delayMs })
  }

  /** The answer to `GET /books`, with only the last four characters of account numbers. */
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

  #row({ transferId, order, status, code, orderedAt, at, toldAt }: Transfer) {
    return {
      reference: order.reference,
      transferId,
      amount: order.amount,
      beneficiary: { name: order.beneficiary.name, accountLast4: lastFour(order.beneficiary.account) },
      status,
      code,
      payments: this.#paymentsByReference.get(order.reference) ?? 0,
      orderedAt,
      at,
      toldAt,
    }
  }
}

const accountFields = ["iban", "accountNumber", "bban", "clabe", "number", "accountId"]

/** The last four characters of the account number; empty if there is none, or if that would be all of it. */
const lastFour = (account: TransferOrder["beneficiary"]["account"]): string => {
  const numbers = accountFields.map((field) => account[field])
  const number = numbers.find((value) => typeof value === "string")
  return number !== undefined && number.length > 4 ? number.slice(-4) : ""
}
