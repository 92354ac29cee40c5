/** Opening what is sealed, for the moment in which it is paid. */
import { Effect, Result } from "effect"
import { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { BeneficiaryAccount } from "../domain/beneficiary.ts"
import type { DataKey, PartnerKeys } from "../vault/partner-keys.ts"
import { keyIdOf, openAccount } from "../vault/sealing.ts"
import type { DueTransfer } from "./batch-items.ts"

/** Opens the account of a transfer, or says why nobody can. */
export type Opening = (transfer: DueTransfer) => Result.Result<BeneficiaryAccount, string>

/** Gets the keys that transfers of a partner need, once for all of them; without them none is sent yet. */
export const openingOf = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  partner: string,
  transfers: ReadonlyArray<DueTransfer>,
): Effect.fn.Return<Opening, ProviderUnavailable> {
  const found = new Map<string, DataKey | undefined>()
  for (const id of new Set(transfers.map(({ payout }) => keyIdOf(payout.beneficiary.account)))) {
    const key = yield* keys
      .find(partner, id)
      .pipe(Effect.mapError(({ reason }) => new ProviderUnavailable({ provider: "vault", reason })))
    found.set(id, key)
  }
  return ({ batch, item, payout: { beneficiary } }) => {
    const key = found.get(keyIdOf(beneficiary.account))
    if (key === undefined) return Result.fail("the partner's key is gone")
    return openAccount(key, { partner, batch, item }, beneficiary.account).pipe(
      Result.mapError(() => "the seal does not verify"),
    )
  }
})
