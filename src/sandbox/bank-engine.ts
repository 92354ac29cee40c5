import { randomUUID } from "node:crypto"
import {
  BankBooks,
  type BankEntry,
  nextStep,
  type RefusalOf,
  stepEntry,
  type Transfer,
  type TransferOrder,
} from "./bank-books.ts"
import {
  awaitEarly,
  type CallbackFormat,
  type CallbackRetry,
  CallbackSender,
  type OwedCallback,
  owedFor,
  plainTravel,
} from "./callbacks.ts"
import { addressFor, type InterbankOrder, type InterbankOrders } from "./interbank-orders.ts"
import { openJournal } from "./journal.ts"
import type { BankLie, LyingCodes } from "./lies.ts"
import { hasFateAtBanks, magicOutcome } from "./magic-beneficiaries.ts"
import { type KeyedRequest, refuseWhenFull } from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface BankOptions {
  readonly station: WeatherStation
  readonly journalFile: string | undefined
  readonly secret: string
  readonly callbackRetry: CallbackRetry
  /** The orders that banks learn of from each other. */
  readonly interbankOrders: InterbankOrders
  /** From the acceptance of a transfer to its final status. */
  readonly paymentDelayMs: number
  /** The same for "Sally Slow". */
  readonly slowMs: number
  /** From settlement to return for "Ralf Returned". */
  readonly returnAfterMs: number
}

/** The rules in which banks differ, whatever their protocol. */
export interface BankRules {
  readonly refusalOf: RefusalOf
  readonly insufficientFunds: string
  readonly returned: string
  /** Whether the bank pays an order before it answers, if it can. */
  readonly paysAtOnce: boolean
  /** How long an idempotency key is remembered; by default as long as the books exist. */
  readonly keyWindowMs?: number
  /** The codes with which it falsely refuses orders that it pays. */
  readonly lyingCodes: LyingCodes
  /** The format of its callbacks, if they are no Standard Webhooks. */
  readonly callbackFormat?: CallbackFormat
  /** Whether a callback reports each accepted order, too. */
  readonly tellsOfOrders?: boolean
}

/** The code of a refusal that a bank invents about another bank's order. No bank here uses it for its own orders. */
const foreignCode = "AB08"
const foreignTriesMax = 2
/** The most steps that are written to the journal together. After a long stop, any number may be due. */
const stepsAtOnceMax = 1_000

/**
 * The part that all banks share behind their routes. An order is accepted, paid (or rejected) at once or a moment later, and
 * perhaps returned; each of these is reported by callback if the order has a callback URL. Everything is written to the journal
 * before it is reported, so a bank that died continues where it was. Money moves once per idempotency key. An order that
 * repeats a reference under another key, or under a forgotten one, is paid twice, and the books show it: this bank shows its
 * clients' mistakes.
 */
export class BankEngine {
  readonly books: BankBooks
  readonly #options: BankOptions
  readonly #rules: BankRules
  readonly #journal
  readonly #sender: CallbackSender
  /** Sends false reports on other banks' orders, which are in no books. */
  readonly #forger: CallbackSender
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Transfers whose next step is due: those of one turn of the event loop are written together. */
  readonly #due: Transfer[] = []
  #dueSteps: NodeJS.Immediate | undefined

  constructor(options: BankOptions, rules: BankRules) {
    const { station, journalFile, secret, callbackRetry } = options
    this.#options = options
    this.#rules = rules
    this.books = new BankBooks(station.server, rules.refusalOf, rules.tellsOfOrders)
    this.#journal = openJournal<BankEntry>(journalFile, (entry) => this.books.apply(entry))
    const skewMs = () => station.clockSkewMs
    this.#sender = new CallbackSender(secret, callbackRetry, skewMs, rules.callbackFormat)
    const forgedRetry = { ...callbackRetry, triesMax: foreignTriesMax }
    this.#forger = new CallbackSender(secret, forgedRetry, skewMs, rules.callbackFormat)
    options.interbankOrders.listen(station.server, (order) => this.#reportForOther(order))
  }

  /** The transfer of an order: the earlier one for a repeated key, else a new one. */
  async order(request: KeyedRequest<TransferOrder>): Promise<Transfer> {
    const { station } = this.#options
    const { key, fingerprint } = request
    const forgottenBefore = station.keysForgottenBefore(this.#rules.keyWindowMs)
    const known = this.books.answers.recall(key, fingerprint, forgottenBefore)
    if (known !== undefined && !station.forgetsKey(key)) return known
    const transfer = this.#take(request)
    this.#options.interbankOrders.report(this.books.bank, transfer.order)
    if (!this.books.unfinished.has(transfer)) return transfer
    if (transfer.lie !== undefined) this.#lie(transfer, transfer.lie)
    else if (transfer.magic !== "slow" && this.#rules.paysAtOnce) this.#takeNextStep(transfer)
    else if (transfer.magic !== "slow" && station.comesEarly(key))
      await awaitEarly(this.#takeNextStep(transfer))
    else this.#follow(transfer)
    return transfer
  }

  /** Continues the unfinished transfers and callbacks. */
  start(): void {
    for (const transfer of this.books.unfinished) this.#follow(transfer)
    for (const callback of this.books.owed.values()) this.#deliver(callback)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    clearImmediate(this.#dueSteps)
    await Promise.all([this.#sender.close(), this.#forger.close()])
    this.#journal.close()
  }

  #record(entry: BankEntry): readonly OwedCallback[] {
    this.#journal.append(entry)
    return this.books.apply(entry)
  }

  #take({ key, fingerprint, body: order }: KeyedRequest<TransferOrder>): Transfer {
    refuseWhenFull(this.books.size)
    const transferId = `${this.books.bank}-${randomUUID()}`
    const lie = hasFateAtBanks(magicOutcome(order.beneficiary.name))
      ? undefined
      : this.#options.station.bankLieOf(key, this.#rules.lyingCodes)
    const at = new Date().toISOString()
    const ordered = { type: "ordered", at, key, fingerprint, transferId, order, ...(lie && { lie }) } as const
    for (const callback of this.#record(ordered)) void this.#deliver(callback)
    return this.books.transfer(transferId)
  }

  #follow(transfer: Transfer): void {
    this.#wait(Date.parse(transfer.at) + this.#delayMs(transfer), () => {
      this.#due.push(transfer)
      this.#dueSteps ??= setImmediate(() => this.#takeDueSteps())
    })
  }

  #takeDueSteps(): void {
    const due = this.#due.splice(0, stepsAtOnceMax)
    this.#dueSteps = this.#due.length === 0 ? undefined : setImmediate(() => this.#takeDueSteps())
    const entries = due.map((transfer) => this.#nextEntry(transfer))
    this.#journal.append(...entries)
    due.forEach((transfer, nth) => {
      const entry = entries[nth]
      if (entry !== undefined) void this.#stepTaken(transfer, this.books.apply(entry))
    })
  }

  #delayMs({ status, magic, lie }: Transfer): number {
    const { returnAfterMs, slowMs, paymentDelayMs } = this.#options
    if (status === "settled") return returnAfterMs
    return magic === "slow" ? slowMs : paymentDelayMs + (lie?.paysAfterMs ?? 0)
  }

  /** Does something at a time, in milliseconds since 1970, unless the bank has closed by then. */
  #wait(dueMs: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        act()
      },
      Math.max(0, dueMs - Date.now()),
    )
    this.#timers.add(timer)
  }

  /** The transfer is paid all the same, only later. If it was reported as accepted, a callback now reports it as refused. */
  #lie(transfer: Transfer, { kind, code, denies }: BankLie): void {
    const { station, paymentDelayMs } = this.#options
    const { reference } = transfer.order
    station.lies.note({ kind: denies ? `${kind}, and denies` : kind, about: reference, code })
    this.#follow(transfer)
    if (kind === "accepts-after-refusing") return
    this.#wait(Date.now() + paymentDelayMs, () => {
      const travel = station.travelOf(`${reference}.lie`)
      const { transferId } = transfer
      const owed = this.#record({ type: "lied", at: new Date().toISOString(), transferId, code, travel })
      for (const callback of owed) this.#deliver(callback)
    })
  }

  /** Refuses another bank's order by callback, signed with this bank's own secret. */
  #reportForOther(order: InterbankOrder): void {
    const { station } = this.#options
    const { reference } = order
    const report = station.foreignReportOf(reference)
    if (report === undefined) return
    const bank = report.as === "itself" ? this.books.bank : order.bank
    this.#wait(Date.now() + report.inMs, () => {
      station.lies.note({ kind: "speaks-for-others", about: reference, code: foreignCode, as: bank })
      const transferId = `${bank}-${randomUUID()}`
      const at = new Date().toISOString()
      const message = { bank, reference, transferId, status: "rejected", code: foreignCode, at }
      const url = addressFor(bank, order)
      for (const callback of owedFor({ id: `${transferId}.rejected`, ...message }, url, at, plainTravel))
        void this.#forger.deliver(callback, () => {})
    })
  }

  /** Settles, rejects or returns. Resolves when the callbacks about it have ended. */
  #takeNextStep(transfer: Transfer): Promise<unknown> {
    return this.#stepTaken(transfer, this.#record(this.#nextEntry(transfer)))
  }

  #stepTaken(transfer: Transfer, owed: readonly OwedCallback[]): Promise<unknown> {
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
    return stepEntry(transfer, changed, { rejected: insufficientFunds, returned })
  }

  #deliver(callback: OwedCallback): Promise<void> {
    return this.#sender.deliver(callback, (outcome) => {
      const at = new Date().toISOString()
      const ended = { type: "callback-ended", at, callback: callback.delivery, outcome } as const
      this.#journal.note(ended)
      this.books.apply(ended)
    })
  }
}
