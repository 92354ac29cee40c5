/**
 * What came of a turn, as metrics count it: which items ended and how, whose first screening was answered, and what money banks said
 * they moved. It is collected while events are folded, and counted once they are in the log.
 */
import { type Attempt, attemptOf, type Batch, type Item } from "../domain/batch.ts"
import type { Verdict } from "../domain/clearance-answers.ts"
import type { BatchEvent, BatchEventOf } from "../domain/events.ts"
import { type ItemOutcome, itemsEndedBy, outcomeOf, wasPaid, wasReturned } from "../domain/item-outcome.ts"
import { type Scheme, schemeOf } from "../domain/scheme.ts"

/** An item that came to an end. */
export interface EndedItem {
  readonly outcome: ItemOutcome
  readonly scheme: Scheme
  /** From when on the time of its scheme counts, in epoch milliseconds; `undefined` if it was never sent to a bank. */
  readonly payableAt: number | undefined
}

/** Money of one item that a bank moved, in minor units. */
export interface MovedMoney {
  readonly way: "moved" | "returned"
  readonly currency: string
  readonly bank: string
  readonly minor: bigint
}

/** The attempt that an event reports on, and what was known of its money before. */
interface Reported {
  readonly item: Item
  readonly attempt: Attempt
  readonly paid: boolean
  readonly returned: boolean
}

export class TurnOutcomes {
  /** The items that events of this turn touched, with the outcome that each had before. */
  readonly #before = new Map<number, ItemOutcome | undefined>()
  readonly money: Array<MovedMoney> = []
  /** The engine's first decision about each item that it decided about. */
  readonly screened: Array<Verdict> = []
  /** What becomes of each report that contradicts a closed attempt. */
  readonly contradicted: Array<BatchEventOf<"LateOutcomeDetected">["compensation"]> = []

  /** What broke while events were noted. Counts are worth no payment: the turn goes on, and this is reported after it. */
  #broken: { readonly defect: unknown } | undefined = undefined

  /** Whether there is anything to count, or to report. */
  get isEmpty(): boolean {
    return this.#before.size + this.money.length + this.screened.length === 0 && this.#broken === undefined
  }

  /** Folds an event into the batch, and notes what that does. Nothing but the fold itself can fail. */
  fold(batch: Batch, event: BatchEvent, evolve: (batch: Batch, event: BatchEvent) => Batch): void {
    const before = this.#lookAt(batch, event)
    evolve(batch, event)
    for (const reported of before) this.#noteMoved(reported)
  }

  /** Throws what broke while events were noted: then these outcomes are not all. */
  throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken.defect
  }

  #lookAt(batch: Batch, event: BatchEvent): ReadonlyArray<Reported> {
    if (this.#broken !== undefined) return none
    try {
      return this.#noteBefore(batch, event)
    } catch (defect) {
      this.#broken = { defect }
      return none
    }
  }

  /** Notes what is before the event, and gives the attempts whose money it may move. */
  #noteBefore(batch: Batch, event: BatchEvent): ReadonlyArray<Reported> {
    for (const number of itemsEndedBy(event)) {
      const item = batch.items.get(number)
      if (item !== undefined && !this.#before.has(number)) this.#before.set(number, outcomeOf(batch, item))
    }
    switch (event._tag) {
      case "ItemsScreened":
        for (const { item, decision } of event.decisions)
          if (batch.items.get(item)?.verdict === undefined) this.screened.push(decision)
        return none
      case "LateOutcomeDetected":
        this.contradicted.push(event.compensation)
        return reportedIn(batch, event)
      case "TransferSettled":
      case "TransferReturned":
      case "ParkedResolved":
        return reportedIn(batch, event)
      case "TransfersSettled":
        return event.transfers.flatMap((about) => reportedIn(batch, about))
      default:
        return none
    }
  }

  /** A bank may report the same several times, and a person may confirm it: its money moves once. */
  #noteMoved(before: Reported): void {
    const { attempt, item } = before
    const { currency, minor } = item
    const { bank } = attempt
    if (!before.paid && wasPaid(attempt)) this.money.push({ way: "moved", currency, bank, minor })
    if (!before.returned && wasReturned(attempt)) this.money.push({ way: "returned", currency, bank, minor })
  }

  /** The items that this turn brought to an end, or to another one. Call it after all events were folded. */
  ended(batch: Batch): ReadonlyArray<EndedItem> {
    const ended: Array<EndedItem> = []
    for (const [number, before] of this.#before) {
      const item = batch.items.get(number)
      const outcome = item === undefined ? undefined : outcomeOf(batch, item)
      if (item === undefined || outcome === undefined || outcome === before) continue
      ended.push({ outcome, scheme: schemeIn(batch, item), payableAt: payableAt(batch, item) })
    }
    return ended
  }
}

const none: ReadonlyArray<Reported> = []

const reportedIn = (
  batch: Batch,
  about: { readonly item: number; readonly attempt: number },
): ReadonlyArray<Reported> => {
  const item = batch.items.get(about.item)
  const attempt = item === undefined ? undefined : attemptOf(item, about.attempt)
  if (item === undefined || attempt === undefined) return none
  return [{ item, attempt, paid: wasPaid(attempt), returned: wasReturned(attempt) }]
}

const schemeIn = (batch: Batch, { beneficiary, currency }: Item): Scheme =>
  schemeOf(beneficiary.account, currency, batch.receivedAt)

/**
 * The start of its batch. But an item that a reviewer released, or whose money was missing, could be paid only later, by when it was
 * first sent: the time that people took is not the scheme's.
 */
const payableAt = ({ startedAt, receivedAt }: Batch, item: Item): number | undefined => {
  const firstSentAt = (item.earlier[0] ?? item.attempt)?.requestedAt
  if (firstSentAt === undefined) return undefined
  const waitedForOthers = item.waitedForFunds || item.findings.some(({ released }) => released)
  return waitedForOthers ? firstSentAt : (startedAt ?? receivedAt)
}
