/**
 * Authenticates partners and operators by their keys: those of the settings, of which only SHA-256 digests stay in memory, and
 * those that are stored. Operators may also sign in at an issuer, and send its token.
 */
import { timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer, Option, Redacted, Result, Schema } from "effect"
import { AppConfig } from "../config.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { VaultUnavailable } from "../vault/partner-keys.ts"
import { idInApiKey } from "./api-key.ts"
import type { Caller } from "./caller.ts"
import type { IssuerUnavailable } from "./issuer-keys.ts"
import { KeyDirectory, type KeyLookupsFull, PartnerSuspended } from "./key-directory.ts"
import { checkedApart, digestOf, type KnownKey, readOperatorKeys, readPartnerKeys } from "./key-list.ts"
import { isTokenForm, makeSignIn, type SignIn } from "./sign-in.ts"
import { signInTerms } from "./sign-in-settings.ts"

/** The request has no key or token, or one that does not work: the answer never says which. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

/** Keys have at most 255 characters, tokens of issuers a few thousand. */
const bearer = /^Bearer +([\x21-\x7e]{1,8192})$/i
const KEY_LENGTH_MAX = 255

/** The label of the metric for a failure that is no refusal by itself. */
const reasonOf = {
  KeyLookupsFull: "lookups-full",
  PartnerSuspended: "suspended",
  StoreUnavailable: "store-unavailable",
  VaultUnavailable: "store-unavailable",
  IssuerUnavailable: "issuer-unavailable",
} as const

/** Why a caller is not known: refused, or not to be found out at the moment. */
export type NoCaller =
  | IssuerUnavailable
  | KeyLookupsFull
  | PartnerSuspended
  | StoreUnavailable
  | Unauthorized
  | VaultUnavailable

export class Credentials extends Context.Service<
  Credentials,
  {
    /**
     * The caller whose key or token is in an `Authorization: Bearer <key>` header of a request from an address. Fails with
     * `StoreUnavailable` or `VaultUnavailable` if the key is not known to this process and cannot be looked up, and with
     * `IssuerUnavailable` if a token cannot be verified because its issuer does not answer.
     */
    readonly callerOf: (
      authorization: string | undefined,
      address: string | undefined,
    ) => Effect.Effect<Caller, NoCaller>
  }
>()("atlaspay/identity/Credentials") {
  static readonly layer = Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const { http, signIn: given } = yield* AppConfig
      const { apiKeys, operatorKeys } = http
      const { credentialsRefused } = yield* Metrics
      const directory = yield* KeyDirectory
      const partners = yield* readPartnerKeys(Redacted.value(apiKeys))
      const operators = Option.isNone(operatorKeys)
        ? []
        : yield* readOperatorKeys(Redacted.value(operatorKeys.value))
      yield* checkedApart("API_KEYS", partners)
      yield* checkedApart("OPERATOR_KEYS", operators, partners)
      const keys = [...partners, ...operators]
      const terms = yield* signInTerms(given)
      const signIn = terms === undefined ? undefined : yield* makeSignIn(terms, directory.lastSignOut)

      const refused = (reason: string) =>
        Effect.suspend(() => {
          credentialsRefused.inc({ reason })
          return Effect.fail(new Unauthorized())
        })

      const stored = Effect.fnUntraced(function* (key: string, address: string | undefined) {
        const id = idInApiKey(key)
        if (id === undefined) return yield* refused("malformed")
        const found = yield* directory.find(key, id, address)
        if (typeof found === "object") return found
        yield* Effect.logInfo("API key refused", { keyId: id, reason: found })
        return yield* refused(found)
      })

      const signedIn = Effect.fnUntraced(function* (by: SignIn, token: string) {
        const found = yield* Effect.result(by.callerOf(token))
        if (Result.isSuccess(found)) return found.success
        if (found.failure._tag !== "TokenRefused") return yield* found.failure
        yield* Effect.logInfo("sign-in refused", { reason: found.failure.reason })
        return yield* refused(found.failure.reason)
      })

      const authenticate = (
        presented: string,
        address: string | undefined,
      ): Effect.Effect<Caller, NoCaller> => {
        const caller = presented.length <= KEY_LENGTH_MAX ? callerWith(keys, presented) : undefined
        if (caller === undefined)
          return signIn !== undefined && isTokenForm(presented)
            ? signedIn(signIn, presented)
            : stored(presented, address)
        return caller.kind === "partner" && directory.isSuspended(caller.partner)
          ? Effect.fail(new PartnerSuspended())
          : Effect.succeed(caller)
      }

      return Credentials.of({
        callerOf: (authorization, address) =>
          Effect.suspend(() => {
            const presented = bearer.exec(authorization ?? "")?.[1]
            return presented === undefined
              ? refused(authorization === undefined ? "missing" : "malformed")
              : authenticate(presented, address)
          }).pipe(
            Effect.tapError((failure) =>
              Effect.sync(() => {
                if (failure._tag !== "Unauthorized")
                  credentialsRefused.inc({ reason: reasonOf[failure._tag] })
              }),
            ),
          ),
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
