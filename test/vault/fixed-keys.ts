/** A vault with one key that never changes, for tests of those who seal and pay. */
import { createSecretKey } from "node:crypto"
import { Array as Arr, Effect, Layer } from "effect"
import type { BeneficiaryAccount } from "../../src/domain/beneficiary.ts"
import { ITEMS_PER_EVENT_MAX, type PayoutItem } from "../../src/domain/events.ts"
import { type DataKey, PartnerKeys } from "../../src/vault/partner-keys.ts"
import { type Place, sealAccounts } from "../../src/vault/sealing.ts"

export const fixedKey: DataKey = { id: "1", key: createSecretKey(Buffer.alloc(32, 9)) }

export const fixedKeys = (
  find: PartnerKeys["Service"]["find"] = (_, id) => Effect.succeed(id === fixedKey.id ? fixedKey : undefined),
  current = fixedKey,
) => Layer.mock(PartnerKeys, { find, current: () => Effect.succeed(current) })

/** The seals of items that are all paid to one account, by chunks as they are written. */
export const sealsOf = (
  place: Place,
  items: Arr.NonEmptyReadonlyArray<PayoutItem>,
  account: BeneficiaryAccount,
): Arr.NonEmptyReadonlyArray<string> =>
  Arr.map(Arr.chunksOf(items, ITEMS_PER_EVENT_MAX), (chunk) => {
    const visible = chunk.map(({ item, beneficiary: { account } }) => ({ item, account }))
    return sealAccounts(
      fixedKey,
      place,
      visible,
      chunk.map(() => account),
    )
  })
