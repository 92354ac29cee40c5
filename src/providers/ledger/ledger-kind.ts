/** The kinds of ledgers, and the ledger of the settings as its kind makes it: what posts to it, and what reads its books. */
import { Context, Effect, Layer } from "effect"
import type { LedgerLine, Source } from "../books.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"
import { kindNamed, type ProviderKind } from "../calling/provider-kind.ts"
import { LEDGER, ProviderSettings } from "../calling/provider-settings.ts"
import { Ledger } from "./ledger.ts"

export interface LedgerParts extends Context.Service.Shape<typeof Ledger> {
  /** All lines that the ledger ever booked for payouts, for reconciliation. */
  readonly books: Source<LedgerLine>
  /** Fails, and says why, if the ledger cannot be posted to. Left out by a kind that cannot ask without posting. */
  readonly presence?: Effect.Effect<void, ProviderUnavailable>
}

export type LedgerKind = ProviderKind<LedgerParts>

/** The books of the ledger of the settings. */
export class LedgerBooks extends Context.Service<LedgerBooks, { readonly lines: Source<LedgerLine> }>()(
  "atlaspay/providers/LedgerBooks",
) {}

const connected = Effect.fnUntraced(function* (kinds: ReadonlyArray<LedgerKind>) {
  const { ledger } = yield* ProviderSettings
  const kind = yield* kindNamed(kinds, ledger)
  return yield* kind.connect({ ...ledger, name: LEDGER })
})

/**
 * The ledger that the settings name, made by its kind. A start does not wait for it: that it is absent is logged at once, and not only
 * when a payout waits for it.
 */
export const ledgerLayer = (kinds: ReadonlyArray<LedgerKind>) =>
  Layer.effect(
    Ledger,
    Effect.tap(connected(kinds), ({ presence = Effect.void }) =>
      Effect.forkScoped(
        Effect.catchTag(presence, "ProviderUnavailable", ({ message }) =>
          Effect.logError("the ledger cannot be posted to", { reason: message }),
        ),
      ),
    ),
  )

/** The books of the same ledger. */
export const ledgerBooksLayer = (kinds: ReadonlyArray<LedgerKind>) =>
  Layer.effect(
    LedgerBooks,
    Effect.map(connected(kinds), ({ books }) => ({ lines: books })),
  )
