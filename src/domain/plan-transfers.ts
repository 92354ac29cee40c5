/** Which items are paid next, and where they go: as many as their banks take, those first that have waited longest. */

import { type Capacities, capacityOf, lookAgainAt } from "./bank-capacity.ts"
import type { Item } from "./batch.ts"
import { type ClearanceTerms, isCurrent } from "./clearance.ts"
import type { PayLine } from "./pay-line.ts"
import type { Destination } from "./routing.ts"

/** An item that is to be paid, and where it goes. */
export interface PlannedTransfer {
  readonly item: number
  readonly destination: Destination
}

export interface PlannedTransfers {
  readonly transfers: ReadonlyArray<PlannedTransfer>
  /** Items that go nowhere, as no rule leads them to a bank. */
  readonly unrouted: ReadonlyArray<number>
  /** When those may go that their banks do not take now, in epoch milliseconds; nothing, when there are none. */
  readonly waitUntil: number | undefined
}

export const noTransfers: PlannedTransfers = { transfers: [], unrouted: [], waitUntil: undefined }

/** What is known when it is planned who is paid. */
export interface PayingTerms {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Items that are in a call under way. */
  readonly busy: Pick<ReadonlySet<number>, "has">
  /** Nothing goes on a clearance that is not good by them. */
  readonly terms: ClearanceTerms
  readonly banks: Capacities
  /** Items to be paid: by the ways that they go, and by the age of their clearances. It follows the batch by these terms. */
  readonly line: Pick<PayLine, "queues" | "byLists" | "byOthers">
}

/** A queue while it is taken from. All of it goes to one place, which is asked for once. */
interface Head {
  item: Item
  readonly others: Iterator<Item>
  readonly destination: Destination | undefined
}

/**
 * At most `room` items. Of a queue whose bank takes no more only the first item is looked at that could go, so what waits
 * behind it costs nothing.
 */
export const planTransfers = (room: number, known: PayingTerms): PlannedTransfers => {
  if (room <= 0) return noTransfers
  const { now, banks } = known
  const transfers: Array<PlannedTransfer> = []
  const unrouted: Array<number> = []
  const taken = new Map<string, number>()
  let waitUntil: number | undefined
  /** Whether the next item of a queue can go; if not, when that may change is noted. */
  const canGo = ({ destination }: Head): boolean => {
    if (destination === undefined) return true
    const { bank } = destination
    const capacity = capacityOf(banks, bank)
    if ((taken.get(bank) ?? 0) < capacity.transfers) return true
    waitUntil = Math.min(lookAgainAt(capacity, now), waitUntil ?? Number.POSITIVE_INFINITY)
    return false
  }

  const heads = headsOf(known)
  while (transfers.length + unrouted.length < room) {
    const head = longestWaiting(heads)
    if (head === undefined) break
    if (!canGo(head)) {
      heads.delete(head)
      continue
    }
    const { item, destination } = head
    if (destination === undefined) unrouted.push(item.item)
    else {
      transfers.push({ item: item.item, destination })
      taken.set(destination.bank, (taken.get(destination.bank) ?? 0) + 1)
    }
    const next = nextGood(head.others, known)
    if (next === undefined) heads.delete(head)
    else head.item = next
  }
  return { transfers, unrouted, waitUntil }
}

const headsOf = (known: PayingTerms): Set<Head> => {
  const heads = new Set<Head>()
  const isHealthy = (bank: string): boolean => capacityOf(known.banks, bank).isHealthy
  for (const queue of known.line.queues) {
    const others = queue[Symbol.iterator]()
    const item = nextGood(others, known)
    if (item === undefined) continue
    heads.add({ item, others, destination: queue.way.destination({ at: known.now, isHealthy }) })
  }
  return heads
}

const longestWaiting = (heads: ReadonlySet<Head>): Head | undefined => {
  let first: Head | undefined
  for (const head of heads) if (first === undefined || head.item.place < first.item.place) first = head
  return first
}

const nextGood = (items: Iterator<Item>, { now, busy, terms }: PayingTerms): Item | undefined => {
  for (let next = items.next(); next.done !== true; next = items.next())
    if (!busy.has(next.value.item) && isCurrent(next.value, terms, now)) return next.value
  return undefined
}
