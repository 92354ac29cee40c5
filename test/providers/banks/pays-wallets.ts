/** Banks that pay wallets as well, for tests of what comes before banks. */
import { Effect } from "effect"
import { instant } from "../../../src/providers/banks/instant/instant.ts"

const wallet = { characters: "any", nameLengthMax: 140, remittanceLengthMax: 140 } as const

/** The kind `instant`, which takes wallets here. */
export const paysWallets: typeof instant = {
  ...instant,
  limits: (bank) => Effect.map(instant.limits(bank), (limits) => ({ ...limits, wallet })),
}
