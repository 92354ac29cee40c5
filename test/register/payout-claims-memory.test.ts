import { layer } from "@effect/vitest"
import { ClaimsInMemory } from "./claims-in-memory.ts"
import { payoutClaimsContract } from "./payout-claims-contract.ts"

layer(new ClaimsInMemory().layer)("claims on payouts in memory", payoutClaimsContract)
