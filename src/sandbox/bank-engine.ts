import { randomUUID } from "node:crypto"
import {
  BankBooks,
  type BankEntry,
  nextStep,
  type RefusalOf,
  type Transfer,
  type TransferOrder,
} from "./bank-books.ts"
import { awaitEarly, type CallbackRetry, CallbackSender, type OwedCallback } from "./callbacks.ts"
import { openJournal } from "./journal.ts"
import { type KeyedRequest, refuseWhenFull } from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface BankOptions {
  readonly station: WeatherStation
  readonly journalFile: string | undefined
  readonly secret: string
  readonly callbackRetry: CallbackRetry
  /** From the acceptance of a transfer to its final status. */
  readonly paymentDelayMs: number
  /** The same for "Sally Slow". */
  readonly slowMs: number
  /** From the settlement to the return for "Ralf Returned". */
  readonly returnAfterMs: number
}

/** In what one bank differs from another, whatever it speaks. */
export interface BankRules {
  readonly refusalOf: RefusalOf
  readonly insufficientFunds: string
  readonly returned: string
  /** Whether an order is paid before it is answered, when it can be. */
  readonly paysAtOnce: boolean
  /** How long an idempotency key is remembered; as long as the books by default. */
  readonly keyWindowMs?: number
}

/**
 * What every bank does behind its routes. An order is accepted, at once or a moment later paid (or rejected), perhaps
 * returned, and each of these is reported by callback where one is wanted. Everything is written to the journal
 * before anyone hears of it, so a bank that died goes on where it was. Money moves once per idempotency key; a
 * reference that comes under two keys, or under one that was forgotten, is paid twice, and the books say so: this bank
 * shows its clients' mistakes instead of hiding them.
 */
export class BankEngine {
  readonly books: BankBooks
  readonly #options: BankOptions
  readonly #rules: BankRules
  readonly #journal
  readonly #sender: CallbackSender
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(options: BankOptions, rules: BankRules) {
    const { station, journalFile, secret, callbackRetry } = options
    this.#options = options
    this.#rules = rules
    this.books = new BankBooks(station.server, rules.refusalOf)
    this.#journal = openJournal<BankEntry>(journalFile, (entry) => this.books.apply(entry))
    this.#sender = new CallbackSender(secret, callbackRetry, () => station.clockSkewMs)
  }

  /** The transfer that an order has become: the one of before for a repeated key, else a new one. */
  async order(request: KeyedRequest<TransferOrder>): Promise<Transfer> {
    const { station } = this.#options
    const { key, fingerprint } = request
    const forgottenBefore = station.keysForgottenBefore(this.#rules.keyWindowMs)
    const known = this.books.answers.recall(key, fingerprint, forgottenBefore)
    if (known !== undefined && !station.forgetsKey(key)) return known
    const transfer = this.#take(request)
    if (!this.books.unfinished.has(transfer)) return transfer
    if (transfer.magic !== "slow" && this.#rules.paysAtOnce) this.#takeNextStep(transfer)
    else if (transfer.magic !== "slow" && station.comesEarly(key))
      await awaitEarly(this.#takeNextStep(transfer))
    else this.#follow(transfer)
    return transfer
  }

  /** Goes on with what was left to do. */
  start(): void {
    for (const transfer of this.books.unfinished) this.#follow(transfer)
    for (const callback of this.books.owed.values()) this.#deliver(callback)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#sender.close()
    this.#journal.close()
  }

  #record(entry: BankEntry): readonly OwedCallback[] {
    this.#journal.append(entry)
    return this.books.apply(entry)
  }

  #take({ key, fingerprint, body: order }: KeyedRequest<TransferOrder>): Transfer {
    refuseWhenFull(this.books.size)
    const transferId = `${this.books.bank}-${randomUUID()}`
    this.#record({ type: "ordered", at: new Date().toISOString(), key, fingerprint, transferId, order })
    return this.books.transfer(transferId)
  }

  #follow(transfer: Transfer): void {
    const dueInMs = Math.max(0, Date.parse(transfer.at) + this.#delayMs(transfer) - Date.now())
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#takeNextStep(transfer)
    }, dueInMs)
    this.#timers.add(timer)
  }

  #delayMs({ status, magic }: Transfer): number {
    const { returnAfterMs, slowMs, paymentDelayMs } = this.#options
    if (status === "settled") return returnAfterMs
    return magic === "slow" ? slowMs : paymentDelayMs
  }

  /** Settles, rejects or returns; resolves once the callbacks of that are over. */
  #takeNextStep(transfer: Transfer): Promise<unknown> {
    const owed = this.#record(this.#nextEntry(transfer))
    if (this.books.unfinished.has(transfer)) this.#follow(transfer)
    return Promise.all(owed.map((callback) => this.#deliver(callback)))
  }

  #nextEntry(transfer: Transfer): BankEntry {
    const { transferId, order, magic } = transfer
    const { insufficientFunds, returned } = this.#rules
    const { station, returnAfterMs } = this.#options
    const step = nextStep(transfer)
    const nextInMs = step === "settle" && magic === "returned-later" ? returnAfterMs : undefined
    const travel = station.travelOf(`${order.reference}.${step}`, nextInMs)
    const changed = { at: new Date().toISOString(), transferId, travel }
    switch (step) {
      case "settle":
        return { type: "settled", ...changed }
      case "reject":
        return { type: "rejected", ...changed, code: insufficientFunds }
      case "return":
        return { type: "returned", ...changed, code: returned }
      case undefined:
        throw new Error(`transfer ${transferId} is final`)
    }
  }

  #deliver(callback: OwedCallback): Promise<void> {
    return this.#sender.deliver(callback, (outcome) =>
      this.#record({ type: "callback-ended", callback: callback.delivery, outcome }),
    )
  }
}
