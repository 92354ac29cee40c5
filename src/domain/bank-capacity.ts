/** When work that a bank did not take is looked at again, at the earliest: much of it waits for one transfer to try. */
const LOOK_AGAIN_MS = 1_000

/** What a bank takes at a moment. */
export interface BankCapacity {
  /** For how many payouts an intent may be written: none where their transfers could not be sent. */
  readonly transfers: number
  /** How many inquiries may be made. */
  readonly inquiries: number
  /** When it admits calls again, in epoch milliseconds; not later than that moment while it admits some. */
  readonly admitsAgainAt: number
  /** Whether a payout that has the choice may choose it. */
  readonly isHealthy: boolean
}

/** A snapshot of what banks take, by name. A bank that is not there is no choice, and takes all that has no other. */
export type Capacities = ReadonlyMap<string, BankCapacity>

export const noCapacities: Capacities = new Map()

export const capacityOf = (banks: Capacities, bank: string): BankCapacity => banks.get(bank) ?? unknownBank

const unknownBank: BankCapacity = {
  transfers: Number.POSITIVE_INFINITY,
  inquiries: Number.POSITIVE_INFINITY,
  admitsAgainAt: 0,
  isHealthy: false,
}

/** When to look again at what a bank does not take at `now`. */
export const lookAgainAt = ({ admitsAgainAt }: BankCapacity, now: number): number =>
  Math.max(admitsAgainAt, now + LOOK_AGAIN_MS)
