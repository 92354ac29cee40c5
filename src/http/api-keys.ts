/** Who may call: partners and their API keys. Only the SHA-256 digests of the keys stay in memory. */
import { hash, timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { AppConfig } from "../config.ts"
import { PartnerId } from "../domain/identifiers.ts"

/** The request carries no API key that is known. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

/** The configured list of keys cannot be used; `reason` names the entry by its place, never its text. */
export class InvalidApiKeys extends Schema.TaggedError<InvalidApiKeys>()("InvalidApiKeys", {
  reason: Schema.String,
}) {
  override get message() {
    return `API_KEYS: ${this.reason}`
  }
}

interface KnownKey {
  readonly partner: PartnerId
  readonly digest: Buffer
}

const bearer = /^Bearer +([\x21-\x7e]{1,255})$/i
const isPartnerId = Schema.is(PartnerId)

export class ApiKeys extends Context.Service<
  ApiKeys,
  {
    /** The partner whose key an `Authorization: Bearer <key>` header holds. */
    readonly partnerOf: (authorization: string | undefined) => Effect.Effect<PartnerId, Unauthorized>
  }
>()("atlaspay/http/ApiKeys") {
  static readonly layer = Layer.effect(
    ApiKeys,
    Effect.gen(function* () {
      const { http } = yield* AppConfig
      const keys = yield* readKeys(Redacted.value(http.apiKeys))
      return ApiKeys.of({
        partnerOf: (authorization) =>
          Option.match(ownerOf(keys, authorization), {
            onNone: () => Effect.fail(new Unauthorized()),
            onSome: Effect.succeed,
          }),
      })
    }),
  )
}

/** Looks at every key, however early one matches, so that the time taken tells nothing. */
const ownerOf = (
  keys: ReadonlyArray<KnownKey>,
  authorization: string | undefined,
): Option.Option<PartnerId> => {
  const presented = bearer.exec(authorization ?? "")?.[1]
  if (presented === undefined) return Option.none()
  const digest = digestOf(presented)
  let owner = Option.none<PartnerId>()
  for (const known of keys) if (timingSafeEqual(known.digest, digest)) owner = Option.some(known.partner)
  return owner
}

/** Reads "partner=key,partner=key"; a partner may have several keys, a key has one partner. */
const readKeys = Effect.fnUntraced(function* (text: string) {
  const keys: Array<KnownKey> = []
  for (const [index, entry] of text.split(",").entries()) {
    const [partner = "", ...rest] = entry.trim().split("=")
    const key = rest.join("=")
    if (!isPartnerId(partner) || !bearer.test(`Bearer ${key}`))
      return yield* new InvalidApiKeys({ reason: `entry ${index + 1} is not of the form partner=key` })
    const digest = digestOf(key)
    if (keys.some((known) => known.digest.equals(digest)))
      return yield* new InvalidApiKeys({ reason: `entry ${index + 1} repeats the key of another entry` })
    keys.push({ partner, digest })
  }
  return keys
})

const digestOf = (key: string): Buffer => hash("sha256", key, "buffer")
