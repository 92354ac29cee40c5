import { type Routing, rerouteOf, routeOf } from "../domain/routing.ts"
import type { Routes } from "./bank.ts"

/** Routes by rules, over the banks that there are and how they are doing at the moment of asking. */
export const routesBy = (
  routing: Routing,
  isKnown: (bank: string) => boolean,
  isHealthy: (bank: string) => boolean = () => true,
): Routes => ({
  version: routing.version,
  route: (payout, { after, ...asked }) =>
    after === undefined
      ? routeOf(routing, payout, { ...asked, isHealthy })
      : rerouteOf(after, isKnown, isHealthy),
})
