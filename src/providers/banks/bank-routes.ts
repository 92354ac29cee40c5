import type { PayoutItem } from "../../domain/events.ts"
import {
  banksBy,
  type Circumstances,
  type Routes,
  type Routing,
  type Way,
  wayAfter,
  waysBy,
} from "../../domain/routing.ts"
import { schemeChangesAt } from "../../domain/scheme.ts"
import { type BankLimits, limitProblems } from "./bank-limits.ts"

/** What the rules need to know about banks. */
interface BankTraits {
  readonly isKnown: (bank: string) => boolean
  /** Whether a bank's orders stay with us for a while before they are sent. */
  readonly holdsOrders?: (bank: string) => boolean
  /** What can be sent to those banks that do not take everything. */
  readonly limits?: ReadonlyMap<string, BankLimits>
}

/** Routes by the rules, to the configured banks. */
export const routesBy = (
  routing: Routing,
  { isKnown, holdsOrders = () => false, limits = new Map() }: BankTraits,
): Routes => {
  const wayOf = waysBy(routing)
  const banksOf = banksBy(routing.rules)
  return {
    version: routing.version,
    wayOf: (payout, { partner, after }) => {
      const way = after === undefined ? wayOf(payout, partner) : wayAfter(after, isKnown)
      const banks = () =>
        after === undefined ? banksOf(payout, partner) : new Set((after.others ?? []).filter(isKnown))
      return withdrawableBy(holdsOrders, passing(way, payout, banks, limits))
    },
  }
}

const withdrawableBy = (holdsOrders: (bank: string) => boolean, { key, destination }: Way): Way => ({
  key,
  destination: (circumstances) => {
    const found = destination(circumstances)
    return found !== undefined && holdsOrders(found.bank) ? { ...found, withdrawable: true } : found
  },
})

/** The way of a payout past those of its `banks` that cannot be sent it. */
const passing = (
  way: Way,
  payout: PayoutItem,
  banks: () => ReadonlySet<string>,
  limits: ReadonlyMap<string, BankLimits>,
): Way => {
  if (limits.size === 0) return way
  const changesAt = schemeChangesAt(payout.beneficiary.account, payout.currency)
  if (changesAt === undefined) return past(unableOf(payout, limits, 0), way, banks)
  const [before, after] = [unableOf(payout, limits, changesAt - 1), unableOf(payout, limits, changesAt)]
  const ways = { before: past(before, way, banks), after: past(after, way, banks) }
  return {
    key: `${ways.before.key}, then ${ways.after.key}`,
    destination: (circumstances) =>
      (circumstances.at < changesAt ? ways.before : ways.after).destination(circumstances),
  }
}

/** The banks that cannot be sent a payout at a time (epoch milliseconds). */
const unableOf = (
  payout: PayoutItem,
  limits: ReadonlyMap<string, BankLimits>,
  at: number,
): ReadonlyArray<string> => {
  const unable: Array<string> = []
  for (const [bank, own] of limits) if (limitProblems(own, payout, at).length > 0) unable.push(bank)
  return unable
}

/**
 * A way past some banks. A payout waits for a bank that can be sent it while that is not well, and leads nowhere while no rule with
 * such a bank holds, as outside of its hours. Where no bank can ever be sent it, it goes as if all could: what writes the bank's
 * messages refuses it, with the reason.
 */
const past = (unable: ReadonlyArray<string>, way: Way, banks: () => ReadonlySet<string>): Way => {
  if (unable.length === 0) return way
  const canCarry = (bank: string): boolean => !unable.includes(bank)
  const isHopeless = ![...banks()].some(canCarry)
  return {
    key: `${way.key} past ${unable.join(" ")}`,
    destination: (circumstances: Circumstances) =>
      isHopeless
        ? way.destination(circumstances)
        : (way.destination({ ...circumstances, canCarry }) ??
          way.destination({ ...circumstances, canCarry, isHealthy: () => true })),
  }
}
