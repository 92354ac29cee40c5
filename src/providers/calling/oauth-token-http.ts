/**
 * OAuth 2.0 tokens from client credentials (RFC 6749, 4.4). All callers share one token. One of them fetches a new one shortly
 * before it expires, or when the provider refuses it, while the others wait. After a failure, calls fail at once for a growing
 * pause, so that the token server is left alone.
 */
import { Clock, Effect, Random, Redacted, Result, Schema, Semaphore } from "effect"
import type { CallPolicy } from "./call-policy.ts"
import type { OAuth2 } from "./provider-access.ts"
import { ProviderUnavailable } from "./provider-error.ts"
import { type Answers, callProvider, type Provider, reading } from "./provider-http.ts"
import type { Secret } from "./secret-reference.ts"

/** The lifetime of a token whose server does not state it. */
const LIFETIME_DEFAULT_S = 300
const LIFETIME_MAX_S = 86_400
/** A token is renewed this long before it expires, but not before half of its lifetime is over. */
const MARGIN_MS = 60_000
/** A younger token is not replaced when a provider refuses it, because that would not help. */
const REPLACED_AFTER_MS = 10_000
const PAUSE_MS_MAX = 60_000

export interface TokenSource {
  /** A token that is still valid for a while. */
  readonly current: Effect.Effect<Redacted.Redacted<string>, ProviderUnavailable>
  /** Reports that the provider refused a token. */
  readonly refused: (token: Redacted.Redacted<string>) => Effect.Effect<void>
}

interface Token {
  readonly secret: Redacted.Redacted<string>
  readonly fetchedAt: number
  readonly renewAt: number
  readonly endsAt: number
}

interface Failed {
  readonly error: ProviderUnavailable
  readonly times: number
  readonly until: number
}

/** The source of tokens for the provider `name`, from the token server `at`. */
export const tokenSource = (
  name: string,
  at: Provider,
  terms: Omit<OAuth2, "kind" | "tokenUrl" | "clientSecret" | "tls">,
  clientSecret: Secret,
  retries: CallPolicy["retries"],
): TokenSource => {
  const one = Semaphore.makeUnsafe(1)
  let token: Token | undefined
  let failed: Failed | undefined

  const fetched = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const result = yield* Effect.result(requested(name, at, terms, yield* clientSecret.current))
    if (Result.isFailure(result)) {
      yield* clientSecret.doubt
      const times = (failed?.times ?? 0) + 1
      failed = { error: result.failure, times, until: yield* pausedUntil(result.failure, times, retries) }
      return yield* result.failure
    }
    failed = undefined
    token = tokenOf(result.success, now)
    return token.secret
  })

  /** The current token, while it is valid and no new one is available. */
  const inNeed = (error: ProviderUnavailable) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      token !== undefined && now < token.endsAt ? Effect.succeed(token.secret) : Effect.fail(error),
    )

  const current = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (token !== undefined && now < token.renewAt) return token.secret
    // A longer pause than there is shows that the clock was set back.
    const isPaused = failed !== undefined && now < failed.until && failed.until <= now + PAUSE_MS_MAX
    if (failed !== undefined && isPaused) return yield* inNeed(failed.error)
    return yield* Effect.catchTag(fetched, "ProviderUnavailable", inNeed)
  })

  return {
    // Callers that waited use what the first one fetched, or fail like it.
    current: Effect.flatMap(Clock.currentTimeMillis, (now) =>
      token !== undefined && now < token.renewAt ? Effect.succeed(token.secret) : one.withPermit(current),
    ),
    refused: (secret) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const isCurrent = token !== undefined && Redacted.value(token.secret) === Redacted.value(secret)
        // A token from the future is not young: the clock was set back since.
        const isYoung = token !== undefined && Math.abs(now - token.fetchedAt) < REPLACED_AFTER_MS
        if (isCurrent && !isYoung) token = undefined
      }),
  }
}

const Granted = Schema.Struct({
  access_token: Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,16384}$/)),
  token_type: Schema.String.check(Schema.isPattern(/^bearer$/i)),
  expires_in: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.FiniteFromString])),
})
type Granted = typeof Granted.Type

/** The error codes of RFC 6749, 5.2. No other text of an answer is passed on. */
const Refused = Schema.Struct({
  error: Schema.Literals([
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
  ]),
})

const refused = reading(Refused, ({ error }) => Result.fail(error))
const answers: Answers<Result.Result<Granted, string>> = {
  200: reading(Granted, (granted) => Result.succeed(granted)),
  400: refused,
  401: refused,
}

/** Requests a token once. If this fails, nothing was sent to the provider itself. */
const requested = Effect.fnUntraced(
  function* (
    name: string,
    at: Provider,
    { clientId, clientAuth = "basic", scope, audience }: Parameters<typeof tokenSource>[2],
    clientSecret: Redacted.Redacted<string>,
  ) {
    const secret = Redacted.value(clientSecret)
    const form = {
      grant_type: "client_credentials",
      ...(scope === undefined ? {} : { scope }),
      ...(audience === undefined ? {} : { audience }),
      ...(clientAuth === "post" ? { client_id: clientId, client_secret: secret } : {}),
    }
    const headers = clientAuth === "basic" ? { authorization: clientBasic(clientId, secret) } : {}
    const call = { step: "token", method: "POST", path: "", form, headers } as const
    const answer = yield* callProvider(at, call, answers)
    if (Result.isSuccess(answer)) return answer.success
    return yield* new ProviderUnavailable({ provider: name, reason: `token: refused (${answer.failure})` })
  },
  Effect.mapError(
    ({ provider, reason, retryAfterMs }) =>
      new ProviderUnavailable({
        provider,
        reason,
        kind: "no-credentials",
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }),
  ),
)

/** RFC 6749, 2.3.1: id and secret are form-encoded before they are joined. */
const clientBasic = (clientId: string, clientSecret: string): string => {
  const encoded = [clientId, clientSecret].map((text) =>
    new URLSearchParams([["", text]]).toString().slice(1),
  )
  return `Basic ${Buffer.from(encoded.join(":")).toString("base64")}`
}

/** The lifetime counts from before the request, so the token expires here before it expires at its server. */
const tokenOf = ({ access_token, expires_in = LIFETIME_DEFAULT_S }: Granted, askedAt: number): Token => {
  const lifetimeMs = Math.min(Math.max(expires_in, 1), LIFETIME_MAX_S) * 1_000
  return {
    secret: Redacted.make(access_token),
    fetchedAt: askedAt,
    renewAt: askedAt + Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2),
    endsAt: askedAt + lifetimeMs,
  }
}

/**
 * The end of the pause: twice as long after each failure in a row, or as long as the server asks; with jitter, because many
 * processes fail together.
 */
const pausedUntil = Effect.fnUntraced(function* (
  { retryAfterMs = 0 }: ProviderUnavailable,
  times: number,
  { baseMs, capMs }: CallPolicy["retries"],
) {
  const pauseMs = Math.min(baseMs * 2 ** (times - 1), capMs) * (0.5 + (yield* Random.next) / 2)
  return (yield* Clock.currentTimeMillis) + Math.min(Math.max(pauseMs, retryAfterMs), PAUSE_MS_MAX)
})
