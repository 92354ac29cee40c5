/**
 * What came of a batch on each day: counts and sums by currency, bank, state and code, as payout_batch_days has them. They say what
 * happened, so nothing that happens later takes from them: an item that fails, is tried again and settles counts as failed on one
 * day and as settled on another.
 *
 * - `received`: items that were accepted.
 * - `settled`, `failed`, `returned`: attempts that came to this outcome, by a bank's report or a person's resolution, under the
 *   attempt's bank. The code is the bank's, if it reported one.
 * - `rejected`, `held`, `cancelled`, `parked`: items that came into this state from another one, under the bank of their last
 *   attempt, if they had one.
 */
import { type Attempt, attemptOf, type Batch, type Item } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { TransferFinal } from "../domain/outcomes.ts"

/** The states that days count. */
export const countedStates = [
  "received",
  "rejected",
  "held",
  "settled",
  "failed",
  "returned",
  "cancelled",
  "parked",
] as const
export type CountedState = (typeof countedStates)[number]

/** The states that items are counted in as such; the others follow from their attempts. */
const itemStates: ReadonlySet<string> = new Set<CountedState>(["rejected", "held", "cancelled", "parked"])

/** Items or attempts of one batch that came to the same on the same day. `minor` is in minor units. */
export interface DayTally {
  /** In UTC (ISO 8601). */
  readonly day: string
  readonly currency: string
  /** Empty if no bank is concerned. */
  readonly bank: string
  readonly state: CountedState
  /** The bank's code for a failure or a return; empty for all else. */
  readonly code: string
  count: number
  minor: bigint
  /** The version of the batch that last changed it. */
  version: number
}

export type DayTallies = Map<string, DayTally>

/** How an item stands before an event, the attempt that the event is about, and when that happened. */
interface Standing {
  readonly at: number
  readonly item: Item
  readonly state: Item["state"]
  readonly attempt: Attempt | undefined
  readonly outcome: TransferFinal | undefined
}

const none: ReadonlyArray<Standing> = []

/** How the items stand that an event changes, before it is folded; nothing for events that bring none to a counted state. */
export const standingsBefore = (
  batch: Batch,
  event: BatchEvent,
  changed: ReadonlyArray<number>,
): ReadonlyArray<Standing> => {
  switch (event._tag) {
    case "ItemsReceived":
    case "ScreeningRequested":
    case "PostingBooked":
    case "TransfersRequested":
      return none
    case "TransfersAccepted":
    case "TransfersSettled":
      return event.transfers.flatMap(({ at, item, attempt }) => standing(batch, at, item, attempt))
    default: {
      const attempt = "attempt" in event ? event.attempt : undefined
      // An event may decide about an item twice.
      return Array.from(changed.length > 1 ? new Set(changed) : changed).flatMap((item) =>
        standing(batch, event.at, item, attempt),
      )
    }
  }
}

const standing = (
  batch: Batch,
  at: number,
  number: number,
  about: number | undefined,
): ReadonlyArray<Standing> => {
  const item = batch.items.get(number)
  if (item === undefined) return none
  const attempt = about === undefined ? undefined : attemptOf(item, about)
  return [{ at, item, state: item.state, attempt, outcome: attempt?.outcome }]
}

/** Counts what a folded event brought about. */
export const tally = (
  days: DayTallies,
  version: number,
  event: BatchEvent,
  before: ReadonlyArray<Standing>,
): void => {
  if (event._tag === "ItemsReceived") {
    // Those of a currency are counted in one place.
    const places = new Map<string, DayTally>()
    for (const item of event.items) {
      const place = places.get(item.currency)
      if (place === undefined)
        places.set(item.currency, add(days, version, event.at, item, "received", "", ""))
      else count(place, version, item)
    }
    return
  }
  for (const { at, item, state, attempt, outcome } of before) {
    if (attempt?.outcome !== undefined && attempt.outcome !== outcome)
      add(days, version, at, item, attempt.outcome, attempt.bank, codeOf(event))
    if (item.state !== state && isCounted(item.state))
      add(days, version, at, item, item.state, item.attempt?.bank ?? "", "")
  }
}

const isCounted = (state: Item["state"]): state is Item["state"] & CountedState => itemStates.has(state)

const codeOf = (event: BatchEvent): string =>
  event._tag === "TransferFailed" || event._tag === "TransferReturned" ? event.code : ""

const add = (
  days: DayTallies,
  version: number,
  at: number,
  { currency, minor }: Pick<Item, "currency" | "minor">,
  state: CountedState,
  ofBank: string,
  ofCode: string,
): DayTally => {
  const [day, bank, code] = [dayOf(at), keyText(ofBank), keyText(ofCode)]
  const key = `${day}\0${currency}\0${bank}\0${state}\0${code}`
  const known = days.get(key)
  if (known !== undefined) return count(known, version, { minor })
  const first = { day, currency, bank, state, code, count: 1, minor, version }
  days.set(key, first)
  return first
}

const count = (tally: DayTally, version: number, { minor }: Pick<Item, "minor">): DayTally => {
  tally.count += 1
  tally.minor += minor
  tally.version = version
  return tally
}

/** Two texts that Postgres stores as the same one must be one key here. */
const keyText = (text: string): string =>
  text.isWellFormed() && !text.includes("\0") ? text : text.toWellFormed().replaceAll("\0", "\uFFFD")

const DAY_MS = 24 * 3_600_000

/** Remembers the last one: events come in the order of time. */
const dayOf = (at: number): string => {
  const number = Math.floor(at / DAY_MS)
  if (number !== last.number) last = { number, text: new Date(at).toISOString().slice(0, 10) }
  return last.text
}

let last = { number: 0, text: "1970-01-01" }
