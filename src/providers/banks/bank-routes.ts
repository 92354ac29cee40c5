import { type Routing, rerouteOf, routeOf } from "../../domain/routing.ts"
import type { Routes } from "./bank.ts"

/** What the rules ask about the banks, at a time in epoch milliseconds. */
interface BankStates {
  readonly isKnown: (bank: string) => boolean
  readonly isHealthy: (bank: string, at: number) => boolean
  /** Whether a bank's orders lie with us before they go out. */
  readonly holdsOrders?: (bank: string) => boolean
}

/** Routes by rules, over the banks that there are and how they are doing when it is asked. */
export const routesBy = (
  routing: Routing,
  { isKnown, isHealthy, holdsOrders = () => false }: BankStates,
): Routes => ({
  version: routing.version,
  route: (payout, { partner, at, after }) => {
    const isHealthyNow = (bank: string) => isHealthy(bank, at)
    const destination =
      after === undefined
        ? routeOf(routing, payout, { partner, at, isHealthy: isHealthyNow })
        : rerouteOf(after, isKnown, isHealthyNow)
    return destination !== undefined && holdsOrders(destination.bank)
      ? { ...destination, withdrawable: true }
      : destination
  },
})
