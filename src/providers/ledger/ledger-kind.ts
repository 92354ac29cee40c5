/** The kinds of ledgers, and the ledger of the settings as its kind makes it: what posts to it, and what reads its books. */
import { Context, Effect, Layer } from "effect"
import type { LedgerLine, Source } from "../books.ts"
import { kindNamed, type ProviderKind } from "../calling/provider-kind.ts"
import { LEDGER, ProviderSettings } from "../calling/provider-settings.ts"
import { Ledger } from "./ledger.ts"

export interface LedgerParts extends Context.Service.Shape<typeof Ledger> {
  /** All lines that the ledger ever booked for payouts, for reconciliation. */
  readonly books: Source<LedgerLine>
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

/** The ledger that the settings name, made by its kind. */
export const ledgerLayer = (kinds: ReadonlyArray<LedgerKind>) => Layer.effect(Ledger, connected(kinds))

/** The books of the same ledger. */
export const ledgerBooksLayer = (kinds: ReadonlyArray<LedgerKind>) =>
  Layer.effect(
    LedgerBooks,
    Effect.map(connected(kinds), ({ books }) => ({ lines: books })),
  )
