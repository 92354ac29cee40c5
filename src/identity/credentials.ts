/**
 * Authenticates partners and operators by their keys: those of the settings, of which only SHA-256 digests stay in memory, and
 * those that are stored.
 */
import { timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { AppConfig } from "../config.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { VaultUnavailable } from "../vault/partner-keys.ts"
import { idInApiKey } from "./api-key.ts"
import type { Caller } from "./caller.ts"
import { KeyDirectory, type KeyLookupsFull, PartnerSuspended } from "./key-directory.ts"
import { checkedApart, digestOf, type KnownKey, readOperatorKeys, readPartnerKeys } from "./key-list.ts"

/** The request has no key, or one that does not work: the answer never says which. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

const bearer = /^Bearer +([\x21-\x7e]{1,255})$/i

export class Credentials extends Context.Service<
  Credentials,
  {
    /**
     * The caller whose key is in an `Authorization: Bearer <key>` header of a request from an address. Fails with
     * `StoreUnavailable` or `VaultUnavailable` if the key is not known to this process and cannot be looked up.
     */
    readonly callerOf: (
      authorization: string | undefined,
      address: string | undefined,
    ) => Effect.Effect<
      Caller,
      KeyLookupsFull | PartnerSuspended | StoreUnavailable | Unauthorized | VaultUnavailable
    >
  }
>()("atlaspay/identity/Credentials") {
  static readonly layer = Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const { apiKeys, operatorKeys } = (yield* AppConfig).http
      const directory = yield* KeyDirectory
      const partners = yield* readPartnerKeys(Redacted.value(apiKeys))
      const operators = Option.isNone(operatorKeys)
        ? []
        : yield* readOperatorKeys(Redacted.value(operatorKeys.value))
      yield* checkedApart("API_KEYS", partners)
      yield* checkedApart("OPERATOR_KEYS", operators, partners)
      const keys = [...partners, ...operators]

      const stored = Effect.fnUntraced(function* (key: string, address: string | undefined) {
        const id = idInApiKey(key)
        if (id === undefined) return yield* new Unauthorized()
        const found = yield* directory.find(key, id, address)
        if (typeof found === "object") return found
        yield* Effect.logInfo("API key refused", { keyId: id, reason: found })
        return yield* new Unauthorized()
      })

      return Credentials.of({
        callerOf: (authorization, address) =>
          Effect.suspend(() => {
            const presented = bearer.exec(authorization ?? "")?.[1]
            if (presented === undefined) return new Unauthorized()
            const caller = callerWith(keys, presented)
            if (caller === undefined) return stored(presented, address)
            return caller.kind === "partner" && directory.isSuspended(caller.partner)
              ? new PartnerSuspended()
              : Effect.succeed(caller)
          }),
      })
    }),
  )
}

/** Compares all keys of the settings, even after a match, so that the time reveals nothing about them. */
const callerWith = (keys: ReadonlyArray<KnownKey>, presented: string): Caller | undefined => {
  const digest = digestOf(presented)
  let caller: Caller | undefined
  for (const known of keys) if (timingSafeEqual(known.digest, digest)) caller = known.caller
  return caller
}
