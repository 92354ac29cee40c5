/**
 * One small HTTP client for all providers: JSON out, JSON in, and nothing else is accepted. A redirect, another content type, a
 * body beyond {@link BODY_BYTES_MAX}, a status or a shape that was not agreed, no answer in time: each is a failure that names
 * the provider, the step and the kind of problem. What was sent or received is never quoted.
 */
import { Clock, Effect, Result, Schema } from "effect"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { atOnce } from "../../parsing/turns.ts"
import { CallUnderWay } from "../../traces/call-scope.ts"
import { type Answer, exchange, type NoAnswer, usualConnections } from "./http-exchange.ts"
import { LastCheck } from "./last-check.ts"
import type { Admission, OutgoingRequest, ProviderAccess } from "./provider-access.ts"
import { type FailureKind, ProviderUnavailable } from "./provider-error.ts"

export const BODY_BYTES_MAX = 1024 * 1024
const RETRY_AFTER_MS_MAX = 3_600_000

export interface Provider {
  readonly name: string
  /** Without a slash at its end. */
  readonly url: string
  /** From the start of a call to the last byte of its answer. */
  readonly timeoutMs: number
  /** Our credentials and the check of the provider's certificate; absent if neither is configured. */
  readonly access?: ProviderAccess
}

export interface ProviderCall {
  /** What the call is for; errors name it. */
  readonly step: string
  readonly method: "GET" | "POST"
  readonly path: string
  readonly idempotencyKey?: string
  /** The header of the key, if it is not `idempotency-key`. */
  readonly keyHeader?: string
  readonly body?: unknown
  /** A form-encoded body, instead of JSON. */
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Reads one agreed answer. Fails if it is not as agreed. */
export type Reader<A> = (json: unknown) => Result.Result<A, unknown>

/** The answers that were agreed, by HTTP status. */
export type Answers<A> = Readonly<Record<number, Reader<A>>>

/** A reader of one shape. Other fields are ignored, unless it is `exact`. */
export const reading = <Body, A>(
  schema: Schema.Decoder<Body>,
  interpret: (body: Body) => A,
  exact: "exact" | undefined = undefined,
): Reader<A> => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: exact ? "error" : "ignore" })
  return (json) => Result.map(decode(json), interpret)
}

/** A provider's own id. */
export const ProviderId = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,200}$/))

/**
 * Calls a provider once. The request is aborted when the time is up or the caller is interrupted. The time includes getting the
 * credentials; a failure before the request is made has a kind that says so.
 */
export const callProvider = <A>(
  provider: Provider,
  call: ProviderCall,
  answers: Answers<A>,
): Effect.Effect<A, ProviderUnavailable> => {
  const request = requestOf(provider, call)
  const { access, timeoutMs } = provider
  if (access === undefined) return exchanged(provider, call, answers, request, plain, timeoutMs)
  return Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    // The check of this call does not apply to a request for a token.
    const admission = yield* Effect.provideService(
      // Neither is it a part of the trace: a token is for many calls, and perhaps from somebody else.
      Effect.provideService(admitted(provider, call, access.admit(request)), CallUnderWay, undefined),
      LastCheck,
      Effect.succeed(true),
    )
    if (!(yield* yield* LastCheck))
      return yield* unavailable(provider, call, {
        kind: "not-called",
        problem: "not sent: it is no longer allowed",
      })
    const takenMs = Math.max((yield* Clock.currentTimeMillis) - since, 0)
    return yield* exchanged(provider, call, answers, request, admission, Math.max(timeoutMs - takenMs, 0))
  })
}

/** Without credentials nothing is added to a request. */
const plain = { headers: undefined, connections: usualConnections, refused: Effect.void }

const requestOf = (
  { url }: Provider,
  { method, path, idempotencyKey, keyHeader = "idempotency-key", body, form, headers }: ProviderCall,
): OutgoingRequest => ({
  method,
  url: `${url}${path}`,
  headers: {
    ...(body === undefined ? readHeaders : writeHeaders),
    ...(form === undefined ? undefined : { "content-type": "application/x-www-form-urlencoded" }),
    ...(idempotencyKey === undefined ? undefined : { [keyHeader]: idempotencyKey }),
    ...headers,
  },
  body: form === undefined ? jsonOf(body) : new URLSearchParams(form).toString(),
})

const readHeaders = { accept: "application/json" }
const writeHeaders = { ...readHeaders, "content-type": "application/json" }

const jsonOf = (body: unknown): string | undefined => (body === undefined ? body : JSON.stringify(body))

/** Without credentials, or if they take too long, the provider has received nothing. */
const admitted = (
  provider: Provider,
  call: ProviderCall,
  admission: Effect.Effect<Admission, ProviderUnavailable>,
): Effect.Effect<Admission, ProviderUnavailable> => {
  const failed = (problem: string) =>
    Effect.fail(unavailable(provider, call, { kind: "no-credentials", problem }))
  return admission.pipe(
    Effect.catchTag("ProviderUnavailable", ({ reason }) => failed(`not sent: ${reason}`)),
    Effect.timeoutOrElse({
      duration: provider.timeoutMs,
      orElse: () => failed("not sent: no credentials in time"),
    }),
  )
}

const exchanged = <A>(
  provider: Provider,
  call: ProviderCall,
  answers: Answers<A>,
  request: OutgoingRequest,
  { connections, headers, refused }: Admission | typeof plain,
  timeoutMs: number,
): Effect.Effect<A, ProviderUnavailable> =>
  Effect.withFiber((fiber) => {
    const underWay = fiber.getRef(CallUnderWay)
    const sent = headers === undefined ? request : withHeaders(request, headers)
    return exchange(
      connections,
      underWay === undefined ? sent : traced(provider, sent, underWay),
      {
        timeoutMs,
        bytesMax: BODY_BYTES_MAX,
        isExpected: (status) => answers[status] !== undefined,
      },
      (result): Effect.Effect<A, ProviderUnavailable> => {
        if (result._tag !== "Answer")
          return Effect.fail(unavailable(provider, call, connectionFailure(result)))
        if (underWay !== undefined) underWay.status = result.status
        const read = readAnswer(result, answers)
        return Result.isSuccess(read)
          ? Effect.succeed(read.success)
          : failedBy(provider, call, result, read.failure, refused)
      },
    )
  })

const withHeaders = (request: OutgoingRequest, headers: OutgoingRequest["headers"]): OutgoingRequest => ({
  ...request,
  headers: { ...request.headers, ...headers },
})

/** Within a traced call the provider gets `traceparent`, and the call's span learns who answered what. Otherwise nothing is added. */
const traced = ({ url }: Provider, request: OutgoingRequest, underWay: CallUnderWay): OutgoingRequest => {
  const { traceparent } = underWay
  underWay.method = request.method
  underWay.url = url
  return withHeaders(request, { traceparent })
}

/** An answer that was not agreed. If it refuses our credentials, they are read again. */
const failedBy = (
  provider: Provider,
  call: ProviderCall,
  { status, header }: Answer,
  failure: Pick<Failure, "kind" | "problem">,
  refused: Effect.Effect<void>,
): Effect.Effect<never, ProviderUnavailable> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const retryAfter = retryAfterMs(header("retry-after"), now)
    const failed = unavailable(provider, call, { ...failure, status, retryAfterMs: retryAfter })
    return Effect.andThen(status === 401 ? refused : Effect.void, Effect.fail(failed))
  })

interface Failure {
  readonly kind: FailureKind
  readonly problem: string
  readonly status?: number
  readonly retryAfterMs?: number | undefined
}

/** Reads an answer that was agreed. */
const readAnswer = <A>(
  { status, header, body }: Answer,
  answers: Answers<A>,
): Result.Result<A, Pick<Failure, "kind" | "problem">> => {
  const distrusted = (problem: string, kind: FailureKind = "nonsense") => Result.fail({ kind, problem })
  const read = answers[status]
  if (read === undefined || body === "not-read")
    return distrusted(`answered with status ${status}`, kindOf(status))
  if (!isJson(header("content-type"))) return distrusted("answered with something other than JSON")
  if (body === "too-long") return distrusted(`answered with more than ${BODY_BYTES_MAX} bytes`)
  if (body === "unreadable") return distrusted("answered in an encoding that cannot be read")
  const answer = Result.flatMap(parse(body), read)
  return Result.isSuccess(answer) ? Result.succeed(answer.success) : distrusted("answered not as agreed")
}

const isJson = (contentType: string | undefined): boolean =>
  /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType ?? "")

/** Few bytes may still contain many values. An answer with more of them than a page of books is not read. */
const limits: JsonLimits = {
  depthMax: 16,
  tokensMax: 250_000,
  elementsMax: 20_000,
  tokensPerPartMax: 250_000,
  partBytesMax: BODY_BYTES_MAX,
}

const parse = (bytes: Buffer): Result.Result<unknown, unknown> => {
  const json = atOnce(readJsonText(bytes, limits))
  return json instanceof UnreadableJson ? Result.fail(json) : Result.succeed(json)
}

/** The kind of failure for a status that was not agreed. APIs do not answer with redirects. */
const kindOf = (status: number): FailureKind => {
  if (status === 429) return "busy"
  if (status === 401 || status === 403) return "unauthorized"
  if (status >= 500) return "server-error"
  return status >= 400 ? "refused" : "nonsense"
}

const unavailable = (
  { name }: Provider,
  { step }: ProviderCall,
  { kind, problem, status, retryAfterMs }: Failure,
): ProviderUnavailable =>
  new ProviderUnavailable({
    provider: name,
    reason: `${step}: ${problem}`,
    kind,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

/** Failures to connect. Only these prove it: "no route to host", for example, may also end a connection that was used. */
const notConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  // The certificate is not trusted, and nothing is sent before it is.
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
])

const connectionFailure = (failure: NoAnswer): Failure => {
  if (failure._tag === "TimedOut") return { kind: "timed-out", problem: "timed out" }
  const { code } = failure
  const kind = notConnected.has(code) ? "not-connected" : "connection-broke"
  return { kind, problem: `the connection failed (${code})` }
}

/** Reads Retry-After (RFC 9110, 10.2.3: seconds or a date) as milliseconds from now, an hour at most. */
const retryAfterMs = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX)
}
