/** A vault with one key that never changes, for tests of those who seal and pay. */
import { createSecretKey } from "node:crypto"
import { Effect, Layer } from "effect"
import { type DataKey, PartnerKeys } from "../../src/vault/partner-keys.ts"

export const fixedKey: DataKey = { id: "1", key: createSecretKey(Buffer.alloc(32, 9)) }

export const fixedKeys = (
  find: PartnerKeys["Service"]["find"] = (_, id) => Effect.succeed(id === fixedKey.id ? fixedKey : undefined),
) => Layer.mock(PartnerKeys, { find, current: () => Effect.succeed(fixedKey) })
