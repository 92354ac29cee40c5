/** The shortest wait before work that a bank did not take is looked at again: much of it may wait for one trial transfer. */
const LOOK_AGAIN_MS = 1_000

/** What a bank takes now. */
export interface BankCapacity {
  /** For how many payouts an intent may be written; 0 if their transfers could not be sent. */
  readonly transfers: number
  /** How many inquiries may be sent. */
  readonly inquiries: number
  /** When it admits calls again, in epoch milliseconds; not in the future while it admits some. */
  readonly admitsAgainAt: number
  /** Whether a payout that can go to several banks may go to this one. */
  readonly isHealthy: boolean
}

/** A snapshot of what banks take, by name. A bank that is missing is never chosen, but takes payouts that have no other. */
export type Capacities = ReadonlyMap<string, BankCapacity>

export const noCapacities: Capacities = new Map()

/** What a bank takes; without limit if it is missing from the snapshot. */
export const capacityOf = (banks: Capacities, bank: string): BankCapacity => banks.get(bank) ?? unknownBank

const unknownBank: BankCapacity = {
  transfers: Number.POSITIVE_INFINITY,
  inquiries: Number.POSITIVE_INFINITY,
  admitsAgainAt: 0,
  isHealthy: false,
}

/** When to look again at work that a bank does not take at `now`; epoch milliseconds. */
export const lookAgainAt = ({ admitsAgainAt }: BankCapacity, now: number): number =>
  Math.max(admitsAgainAt, now + LOOK_AGAIN_MS)
