/** Which items are paid next, and by which banks: as many as their banks take, the longest waiting first. */

import { type Capacities, capacityOf, lookAgainAt } from "./bank-capacity.ts"
import type { Item } from "./batch.ts"
import { type ClearanceTerms, isCurrent } from "./clearance.ts"
import type { PayLine } from "./pay-line.ts"
import type { Destination } from "./routing.ts"

/** An item to be paid, and its destination. */
export interface PlannedTransfer {
  readonly item: number
  readonly destination: Destination
}

export interface PlannedTransfers {
  readonly transfers: ReadonlyArray<PlannedTransfer>
  /** Items that no rule routes to a bank. */
  readonly unrouted: ReadonlyArray<number>
  /** When to look again at items that their banks do not take now, in epoch milliseconds; `undefined` if there are none. */
  readonly waitUntil: number | undefined
}

export const noTransfers: PlannedTransfers = { transfers: [], unrouted: [], waitUntil: undefined }

/** The input of planning. */
export interface PayingTerms {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Items that are in a call under way. */
  readonly busy: Pick<ReadonlySet<number>, "has">
  /** Nothing is sent on a clearance that is not valid by these terms. */
  readonly terms: ClearanceTerms
  readonly banks: Capacities
  /** Items to be paid, by way and by the age of their clearances. It was updated to the batch by the same terms. */
  readonly line: Pick<PayLine, "queues" | "byLists" | "byOthers">
}

/** A queue while items are taken from it. All of its items go to one destination, which is determined once. */
interface Head {
  item: Item
  readonly others: Iterator<Item>
  readonly destination: Destination | undefined
}

/**
 * At most `room` items. In a queue whose bank takes no more, only the first item is looked at, so the items behind it cost
 * nothing.
 */
export const planTransfers = (room: number, known: PayingTerms): PlannedTransfers => {
  if (room <= 0) return noTransfers
  const { now, banks } = known
  const transfers: Array<PlannedTransfer> = []
  const unrouted: Array<number> = []
  const taken = new Map<string, number>()
  let waitUntil: number | undefined
  /** Whether the next item of a queue can be sent; if not, updates `waitUntil`. */
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
