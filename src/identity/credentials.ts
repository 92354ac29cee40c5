/** Authenticates partners and operators by their keys. Only SHA-256 digests of the keys stay in memory. */
import { timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { AppConfig } from "../config.ts"
import type { Caller } from "./caller.ts"
import { checkedApart, digestOf, type KnownKey, readOperatorKeys, readPartnerKeys } from "./key-list.ts"

/** The request has no known key. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

const bearer = /^Bearer +([\x21-\x7e]{1,255})$/i

export class Credentials extends Context.Service<
  Credentials,
  {
    /** The caller whose key is in an `Authorization: Bearer <key>` header. */
    readonly callerOf: (authorization: string | undefined) => Effect.Effect<Caller, Unauthorized>
  }
>()("atlaspay/identity/Credentials") {
  static readonly layer = Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const { apiKeys, operatorKeys } = (yield* AppConfig).http
      const partners = yield* readPartnerKeys(Redacted.value(apiKeys))
      const operators = Option.isNone(operatorKeys)
        ? []
        : yield* readOperatorKeys(Redacted.value(operatorKeys.value))
      yield* checkedApart("API_KEYS", partners)
      yield* checkedApart("OPERATOR_KEYS", operators, partners)
      if (operators.length === 0)
        yield* Effect.logWarning("no OPERATOR_KEYS: held and parked items wait until there are some")
      const keys = [...partners, ...operators]
      return Credentials.of({
        callerOf: (authorization) =>
          Option.match(callerIn(keys, authorization), {
            onNone: () => Effect.fail(new Unauthorized()),
            onSome: Effect.succeed,
          }),
      })
    }),
  )
}

/** Compares all keys, even after a match, so that the time reveals nothing about them. */
const callerIn = (
  keys: ReadonlyArray<KnownKey>,
  authorization: string | undefined,
): Option.Option<Caller> => {
  const presented = bearer.exec(authorization ?? "")?.[1]
  if (presented === undefined) return Option.none()
  const digest = digestOf(presented)
  let caller = Option.none<Caller>()
  for (const known of keys) if (timingSafeEqual(known.digest, digest)) caller = Option.some(known.caller)
  return caller
}
