/**
 * The public keys of an issuer of OpenID Connect, as one process knows them.
 *
 * - They are read in the background, from the address in the issuer's own discovery document, and again every five minutes:
 *   so a key that the issuer took back soon stops working.
 * - A key that is not known is looked for at once, but not more often than every ten seconds, whatever tokens arrive.
 * - While the issuer does not answer, the keys that it published last count for a while, and then none.
 *
 * Sources: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 7517 (JWK).
 */
import { Clock, Effect, Schema, Semaphore } from "effect"
import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from "jose"
import { isSafeUrl } from "./issuer-url.ts"

/** The issuer cannot be asked for its keys, and those that are known are too old or do not have the one that is needed. */
export class IssuerUnavailable extends Schema.TaggedError<IssuerUnavailable>()("IssuerUnavailable", {
  reason: Schema.String,
}) {
  override get message() {
    return `the issuer of sign-ins: ${this.reason}`
  }
}

export interface IssuerKeys {
  /** The published keys, among which is one with this id; `undefined` if the issuer has none. */
  readonly withId: (kid: string) => Effect.Effect<JWTVerifyGetKey | undefined, IssuerUnavailable>
}

/** For how long, in milliseconds, keys are used and waited for. */
export interface IssuerTimes {
  readonly refreshEveryMs: number
  /** How soon after an attempt the next token may cause another one. */
  readonly coolDownMs: number
  readonly answerMsMax: number
  /** For how long keys count that could not be read again. */
  readonly outageMsMax: number
}

export const issuerTimes = { refreshEveryMs: 300_000, coolDownMs: 10_000, answerMsMax: 5_000 } as const

const ANSWER_BYTES_MAX = 256 * 1024
const KEYS_MAX = 100
const asymmetric = new Set(["RSA", "EC", "OKP"])

const Discovery = Schema.Struct({ issuer: Schema.String, jwks_uri: Schema.String })
const KeySet = Schema.Struct({
  keys: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)).check(Schema.isMaxLength(KEYS_MAX)),
})

interface Known {
  readonly ids: ReadonlySet<string>
  readonly keys: JWTVerifyGetKey
  readonly readAt: number
}

/** Follows the keys of an issuer until the scope closes. It does not wait for them: the issuer may be away at the start. */
export const followIssuerKeys = Effect.fnUntraced(function* (issuer: string, times: IssuerTimes) {
  const turn = Semaphore.makeUnsafe(1)
  let known: Known | undefined
  let triedAt = Number.NEGATIVE_INFINITY
  let failure: string | undefined
  const read = Effect.gen(function* () {
    const at = yield* Clock.currentTimeMillis
    triedAt = at
    const found = yield* Effect.result(readKeys(issuer, times.answerMsMax))
    if (found._tag === "Success") {
      known = { ...found.success, readAt: at }
      failure = undefined
      return
    }
    failure = found.failure.reason
    yield* Effect.logWarning("the keys of the issuer of sign-ins were not read", { reason: failure })
  })
  /**
   * Reads at most once per cool-down. Who waits for another one's attempt uses what that found, so an attempt is completed although
   * its client disconnects: otherwise anybody could use up all attempts, and new keys would stay unknown.
   */
  const readOnDemand = turn.withPermit(
    Effect.gen(function* () {
      if ((yield* Clock.currentTimeMillis) - triedAt >= times.coolDownMs) yield* Effect.uninterruptible(read)
    }),
  )
  // A token may come before the first read began: then its read is the first.
  const first = Effect.suspend(() => (triedAt === Number.NEGATIVE_INFINITY ? read : Effect.void))
  const again = Effect.andThen(Effect.sleep(times.refreshEveryMs), turn.withPermit(read))
  yield* turn.withPermit(first).pipe(Effect.andThen(Effect.forever(again)), Effect.forkScoped)
  const isOld = (now: number, ageMax: number) => known === undefined || now - known.readAt > ageMax
  return {
    withId: Effect.fnUntraced(function* (kid) {
      const now = yield* Clock.currentTimeMillis
      if (isOld(now, 2 * times.refreshEveryMs) || known?.ids.has(kid) !== true) yield* readOnDemand
      if (known === undefined || isOld(yield* Clock.currentTimeMillis, times.outageMsMax))
        return yield* new IssuerUnavailable({ reason: failure ?? "its keys are too old" })
      if (known.ids.has(kid)) return known.keys
      return failure === undefined ? undefined : yield* new IssuerUnavailable({ reason: failure })
    }),
  } satisfies IssuerKeys as IssuerKeys
})

const readKeys = Effect.fnUntraced(function* (issuer: string, answerMsMax: number) {
  const discovery = yield* readJson(
    `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
    answerMsMax,
  )
  const { issuer: named, jwks_uri } = yield* decoded(
    Discovery,
    discovery,
    "its discovery document is malformed",
  )
  if (named !== issuer) return yield* unavailable("its discovery document is another issuer's")
  if (!isSafeUrl(jwks_uri)) return yield* unavailable("its keys are not at an https address")
  const { keys } = yield* decoded(KeySet, yield* readJson(jwks_uri, answerMsMax), "its key set is malformed")
  const usable = keys.filter(isUsable)
  return {
    ids: new Set(usable.map(({ kid }) => kid)),
    keys: createLocalJWKSet({ keys: usable }) as JWTVerifyGetKey,
  }
})

/** A public key to verify signatures with, that tokens can name. A shared secret is never one. */
const isUsable = (key: JWK): key is JWK & { readonly kid: string; readonly kty: string } =>
  asymmetric.has(key.kty ?? "") && typeof key.kid === "string" && (key.use ?? "sig") === "sig"

const unavailable = (reason: string) => new IssuerUnavailable({ reason })

const decoded = <A>(schema: Schema.Decoder<A>, value: unknown, reason: string) =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(value), () => unavailable(reason))

/** Reads a JSON document within a time and a size. It follows no redirect. */
const readJson = (url: string, answerMsMax: number): Effect.Effect<unknown, IssuerUnavailable> =>
  Effect.tryPromise({
    try: async (interrupted) => {
      const signal = AbortSignal.any([interrupted, AbortSignal.timeout(answerMsMax)])
      const headers = { accept: "application/json" }
      const response = await fetch(url, { redirect: "error", signal, headers })
      if (response.status !== 200) throw new UnusableAnswer(`it answered ${response.status}`)
      return JSON.parse(await textWithin(response, ANSWER_BYTES_MAX)) as unknown
    },
    // What went wrong in between may quote the answer, and is of no use to who runs the service.
    catch: (error) =>
      unavailable(error instanceof UnusableAnswer ? error.message : "it did not answer with JSON"),
  })

class UnusableAnswer extends Error {}

const textWithin = async ({ body }: Response, bytesMax: number): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new UnusableAnswer(`its answer has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}
