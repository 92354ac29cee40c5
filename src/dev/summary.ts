/** The outcome of a batch in sums, by our logs and by the banks' own books. All amounts are in minor units. */
import { type ItemEnd, isEnd, isRest, type PublicItemState } from "../domain/item-state.ts"
import { formatAmount } from "../domain/money.ts"
import { aligned } from "../terminal/text-table.ts"

interface Money {
  readonly currency: string
  readonly minor: bigint
}

export interface ItemOutcome extends Money {
  readonly item: number
  readonly state: PublicItemState
}

/** The columns of the closing table: accepted = settled + failed + returned + held, once nothing is open. */
export interface CurrencySums extends Record<ItemEnd, bigint> {
  /** What was requested, less what compliance rejected and what was cancelled. */
  accepted: bigint
  /** What waits for a person: held for review, or parked. */
  held: bigint
}

/** How many transfers a bank ended in each way. */
export interface BankCounts {
  settled: number
  failed: number
  returned: number
}

/** What the banks did for one batch. */
export interface BankSums {
  readonly currencies: ReadonlyMap<string, { settled: bigint; failed: bigint; returned: bigint }>
  /** Without banks that had nothing to do. */
  readonly byBank: ReadonlyMap<string, BankCounts>
  /** Items for which money left a bank more than once. */
  readonly paidTwice: number
}

/** The column in which an item's amount is counted; none while the payout is under way. */
const columnOf = (state: PublicItemState): ItemEnd | "held" | undefined => {
  if (isEnd(state)) return state
  return isRest(state) ? "held" : undefined
}

/** Sums per currency, in the order in which the currencies first appear. */
export const sumsOf = (items: Iterable<ItemOutcome>): ReadonlyMap<string, CurrencySums> => {
  const currencies = new Map<string, CurrencySums>()
  for (const { currency, minor, state } of items) {
    const sums = currencies.get(currency) ?? noSums()
    currencies.set(currency, sums)
    if (state !== "rejected" && state !== "cancelled") sums.accepted += minor
    const column = columnOf(state)
    if (column !== undefined) sums[column] += minor
  }
  return currencies
}

const totalsOf = (money: Iterable<Money>): ReadonlyMap<string, bigint> => {
  const totals = new Map<string, bigint>()
  for (const { currency, minor } of money) totals.set(currency, (totals.get(currency) ?? 0n) + minor)
  return totals
}

const noSums = (): CurrencySums => ({
  accepted: 0n,
  settled: 0n,
  failed: 0n,
  returned: 0n,
  held: 0n,
  rejected: 0n,
  cancelled: 0n,
})

/** What is still under way. */
export const openOf = ({ accepted, settled, failed, returned, held }: CurrencySums): bigint =>
  accepted - settled - failed - returned - held

/** How many items are in each state. */
export const countsOf = (items: Iterable<ItemOutcome>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { state } of items) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

/** Each difference of the sums from what was submitted and from the banks' books, as a sentence. */
export const disagreements = (
  submitted: Iterable<Money>,
  sums: ReadonlyMap<string, CurrencySums>,
  banks: BankSums,
): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const [currency, minor] of totalsOf(submitted)) {
    const { accepted, rejected, cancelled } = sums.get(currency) ?? noSums()
    const known = accepted + rejected + cancelled
    if (known === minor) continue
    const [sent, seen] = [minor, known].map((sum) => formatAmount(sum, currency))
    found.push(`${currency}: ${sent} was submitted, ${seen} is accounted for`)
  }
  for (const [currency, ours] of sums) {
    const open = openOf(ours)
    if (open !== 0n) found.push(`${currency} ${formatAmount(open, currency)} is neither final nor held`)
    const theirs = banks.currencies.get(currency) ?? { settled: 0n, failed: 0n, returned: 0n }
    for (const column of ["settled", "failed", "returned"] as const) {
      if (ours[column] === theirs[column]) continue
      const [we, they] = [ours[column], theirs[column]].map((minor) => formatAmount(minor, currency))
      found.push(`${currency} ${column}: we say ${we}, the banks' books say ${they}`)
    }
  }
  for (const currency of banks.currencies.keys())
    if (!sums.has(currency)) found.push(`the banks moved ${currency}, which the batch does not hold`)
  if (banks.paidTwice > 0) found.push(`${banks.paidTwice} items were paid twice`)
  return found
}

/** The closing table: our sums beside the banks' own. */
export const summaryTable = (
  sums: ReadonlyMap<string, CurrencySums>,
  banks: BankSums,
): ReadonlyArray<string> => {
  const header = [
    "",
    "accepted =",
    "settled +",
    "failed +",
    "returned +",
    "held",
    "rejected",
    "│ banks: settled",
    "returned",
  ]
  const rows = [...sums].map(([currency, { accepted, settled, failed, returned, held, rejected }]) => {
    const theirs = banks.currencies.get(currency)
    const ours = [accepted, settled, failed, returned, held, rejected]
    const amounts = [...ours, theirs?.settled ?? 0n, theirs?.returned ?? 0n]
    return [currency, ...amounts.map((minor) => formatAmount(minor, currency))]
  })
  return aligned([header, ...rows])
}

/** What each bank did, by its own books. */
export const bankLines = ({ byBank }: BankSums): ReadonlyArray<string> =>
  aligned([
    ["bank", "settled", "failed", "returned"],
    ...[...byBank].map(([bank, { settled, failed, returned }]) => [
      bank,
      ...[settled, failed, returned].map(String),
    ]),
  ])
