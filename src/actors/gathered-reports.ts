/**
 * Gathers what a turn records of transfers: settlements that follow each other become one event, and so do acceptances. Fifty of them then
 * cost one entry of the log, one hash and one decoding by each reader.
 */
import { Array as Arr } from "effect"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchEvent, BatchEventOf } from "../domain/events.ts"

/** Reports in one event: as many as a turn has of most batches. Who reads a number of entries reads a bounded number of reports. */
export const REPORTS_PER_EVENT_MAX = 64
/**
 * How far the times of reports may be from that of the first, so that all are within a second: where a time is asked for, that of
 * the last counts for all.
 */
export const APART_MS_MAX = 500

type Accepted = BatchEventOf<"TransferAccepted">
type Settled = BatchEventOf<"TransferSettled">

export class GatheredReports {
  readonly #record: (event: BatchEvent) => void
  /** What waits is of one kind and evidence, each about another item, and not folded yet. One of both is empty. */
  #accepted: Array<Accepted> = []
  #settled: Array<Settled> = []
  readonly #items = new Set<number>()

  /** `record` folds and keeps an event. It gets all events in the order in which they were taken. */
  constructor(record: (event: BatchEvent) => void) {
    this.#record = record
  }

  /** Call it before a command is decided: what waits is recorded first, unless the command reports on another item. */
  before(command: BatchCommand): void {
    const isAboutAnother = command._tag === "RecordTransfer" && !this.#items.has(command.item)
    if (!isAboutAnother) this.flush()
  }

  /** Takes the events that a command causes: they are recorded, or wait for others like them. */
  take(events: ReadonlyArray<BatchEvent>): void {
    if (events.length === 0) return
    const only = events.length === 1 ? events[0] : undefined
    if (only?._tag === "TransferSettled") this.#settle(only)
    else if (only?._tag === "TransferAccepted") this.#accept(only)
    else {
      this.flush()
      for (const event of events) this.#record(event)
    }
  }

  /** Records what waits. */
  flush(): void {
    const [accepted, settled] = [this.#accepted, this.#settled]
    this.#accepted = []
    this.#settled = []
    this.#items.clear()
    if (Arr.isArrayNonEmpty(accepted)) this.#record(acceptedTogether(accepted))
    if (Arr.isArrayNonEmpty(settled)) this.#record(settledTogether(settled))
  }

  #settle(event: Settled): void {
    const [first] = this.#settled
    if (first === undefined || first.evidence !== event.evidence || this.#isApart(first, event)) this.flush()
    this.#settled.push(event)
    this.#items.add(event.item)
  }

  #accept(event: Accepted): void {
    const [first] = this.#accepted
    if (first === undefined || this.#isApart(first, event)) this.flush()
    this.#accepted.push(event)
    this.#items.add(event.item)
  }

  #isApart(first: Accepted | Settled, { at }: Accepted | Settled): boolean {
    return this.#items.size === REPORTS_PER_EVENT_MAX || Math.abs(at - first.at) > APART_MS_MAX
  }
}

const acceptedTogether = (events: Arr.NonEmptyReadonlyArray<Accepted>): BatchEvent => {
  if (events.length === 1) return events[0]
  const transfers = Arr.map(events, ({ at, item, attempt, transferId, inquireAt }) => ({
    at,
    item,
    attempt,
    transferId,
    inquireAt,
  }))
  return { _tag: "TransfersAccepted", at: latest(events), transfers }
}

const settledTogether = (events: Arr.NonEmptyReadonlyArray<Settled>): BatchEvent => {
  const [first] = events
  if (events.length === 1) return first
  const transfers = Arr.map(events, ({ at, item, attempt }) => ({ at, item, attempt }))
  return { _tag: "TransfersSettled", at: latest(events), evidence: first.evidence, transfers }
}

const latest = (events: ReadonlyArray<{ readonly at: number }>): number =>
  events.reduce((last, { at }) => Math.max(last, at), 0)
