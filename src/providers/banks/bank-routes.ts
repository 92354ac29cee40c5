import { type Routes, type Routing, type Way, wayAfter, waysBy } from "../../domain/routing.ts"

/** What the rules need to know about banks. */
interface BankTraits {
  readonly isKnown: (bank: string) => boolean
  /** Whether a bank's orders stay with us for a while before they are sent. */
  readonly holdsOrders?: (bank: string) => boolean
}

/** Routes by the rules, to the configured banks. */
export const routesBy = (routing: Routing, { isKnown, holdsOrders = () => false }: BankTraits): Routes => {
  const wayOf = waysBy(routing)
  return {
    version: routing.version,
    wayOf: (payout, { partner, after }) =>
      withdrawableBy(holdsOrders, after === undefined ? wayOf(payout, partner) : wayAfter(after, isKnown)),
  }
}

const withdrawableBy = (holdsOrders: (bank: string) => boolean, { key, destination }: Way): Way => ({
  key,
  destination: (circumstances) => {
    const found = destination(circumstances)
    return found !== undefined && holdsOrders(found.bank) ? { ...found, withdrawable: true } : found
  },
})
