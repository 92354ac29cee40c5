/** What keeps payouts from being paid at all, known before they are accepted: the limits of the banks that the rules lead to. */
import { Context, Effect, Layer } from "effect"
import { isWalletScheme } from "../../domain/beneficiary.ts"
import { banksBy, type Destination, type RoutedPayout, waysBy } from "../../domain/routing.ts"
import { ProviderSettings } from "../calling/provider-settings.ts"
import { BankKinds } from "./bank-kind.ts"
import { type BankLimits, type LimitedPayout, type LimitProblem, limitProblems } from "./bank-limits.ts"

export class PayoutLimits extends Context.Service<
  PayoutLimits,
  {
    /**
     * Why no bank of the rules can be sent a partner's payout at a time (epoch milliseconds): what is wrong with it at the bank
     * that comes first. Nothing when one can be, or when no rule leads it anywhere, unless it is to a wallet.
     */
    readonly problems: (payout: LimitedPayout, partner: string, at: number) => ReadonlyArray<LimitProblem>
    /** Where a partner's payout would be sent at a time, if all banks are healthy then; nothing if no rule leads it anywhere. */
    readonly destination: (payout: RoutedPayout, partner: string, at: number) => Destination | undefined
  }
>()("atlaspay/providers/PayoutLimits") {}

const none: ReadonlyArray<LimitProblem> = []

/** A payout to an account may wait for a rule to come. Few banks pay wallets: who has none has not thought of wallets. */
const noWalletBank: ReadonlyArray<LimitProblem> = [
  { path: ["beneficiary", "account"], detail: "no rule leads to a bank that pays wallets", code: "AG03" },
]

/** By the settings of the providers, and what the kinds of the banks declare. */
export const payoutLimitsLayer = Layer.effect(
  PayoutLimits,
  Effect.gen(function* () {
    const { banks, routes } = yield* ProviderSettings
    const kinds = yield* BankKinds
    const declared = new Map<string, BankLimits>()
    for (const bank of banks) {
      const limits = yield* kinds.named(bank.kind)?.limits(bank) ?? Effect.undefined
      if (limits !== undefined) declared.set(bank.name, limits)
    }
    const banksOf = banksBy(routes)
    const wayOf = waysBy({ version: "asked", rules: routes })
    return {
      destination: (payout, partner, at) => wayOf(payout, partner).destination({ at, isHealthy: () => true }),
      problems: (payout, partner, at) => {
        const isToWallet = isWalletScheme(payout.beneficiary.account.scheme)
        if (declared.size === 0 && !isToWallet) return none
        let first: ReadonlyArray<LimitProblem> | undefined
        for (const bank of banksOf(payout, partner)) {
          const limits = declared.get(bank)
          const problems = limits === undefined ? none : limitProblems(limits, payout, at)
          if (problems.length === 0) return none
          first ??= problems
        }
        return first ?? (isToWallet ? noWalletBank : none)
      },
    }
  }),
)
