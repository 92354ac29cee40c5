/**
 * Sends requests, and repeats what may be repeated: reads, and requests under an idempotency key, which is the same for all tries of a
 * call. Everything has a limit: one try, all tries together, and the bytes of an answer.
 *
 * A try ends in one of these ways. An answer ends the call. A refusal that another try would get again ends it as a `Problem`. After a
 * refusal for the moment, an error of the service, no answer, or one that came too late, another try follows after a pause, if the
 * request may be repeated and the time is enough for the pause.
 */
import { readProblem, retryAfterMs, Unusable } from "./answers.ts"
import {
  Aborted,
  type AtlasPayError,
  type CallDetails,
  KeyReused,
  NoAnswer,
  Problem,
  Timeout,
  UnusableAnswer,
} from "./errors.ts"

/** Limits of calls. */
export interface Limits {
  /** The longest time of one try, from its begin to the end of the answer; a large body gets more. 15 seconds by default. */
  readonly tryMs: number
  /** The longest time of a call with all tries and pauses: no try begins later. 60 seconds by default. */
  readonly totalMs: number
  /** The most tries of a call. 8 by default. */
  readonly triesMax: number
}

export const defaultLimits: Limits = { tryMs: 15_000, totalMs: 60_000, triesMax: 8 }

/** What a caller may say of a call. */
export interface CallOptions extends Partial<Limits> {
  /** Ends the call. What was sent may still be carried out. */
  readonly signal?: AbortSignal | undefined
}

export type BodyInit = string | Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array>

export interface ClientRequest<A> {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Makes the body of a try. */
  readonly body?: (() => BodyInit | Promise<BodyInit>) | undefined
  readonly idempotencyKey?: string | undefined
  /** Whether a repetition does nothing twice. */
  readonly mayRepeat: boolean
  readonly options: CallOptions
  /** Reads the answer of a try within its time. A body that it leaves open ends by `abort`, and not by the time or the signal of the call. */
  readonly read: (response: Response, abort: () => void) => Promise<A>
}

/** Where requests go. */
export interface Service {
  readonly url: string
  readonly apiKey: string
  readonly fetch: typeof fetch
  readonly limits: Limits
}

/** Statuses after which another try may get something else. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
const PAUSE_MS_FIRST = 250
const PAUSE_MS_MAX = 8_000

/** Sends a request until it is answered, or may not be sent again. */
export const send = async <A>(service: Service, request: ClientRequest<A>): Promise<A> => {
  const limits = limitsOf(service.limits, request.options)
  const endsAt = Date.now() + limits.totalMs
  let mayBeDone = false
  for (let tries = 1; ; tries += 1) {
    const details: CallDetails = {
      call: `${request.method} ${request.path}`,
      idempotencyKey: request.idempotencyKey,
      tries,
      mayBeDone,
    }
    const outcome: Outcome<A> = await tryOnce(
      service,
      request,
      details,
      Math.min(limits.tryMs, endsAt - Date.now()),
    )
    if ("answer" in outcome) return outcome.answer
    const { failure, isPassing } = outcome
    mayBeDone = failure.mayBeDone
    const pauseMs = pauseAfter(failure, tries)
    const isLast = tries >= limits.triesMax || Date.now() + pauseMs >= endsAt
    if (!isPassing || !request.mayRepeat || isLast) throw failure
    await pause(pauseMs, request.options.signal, { ...details, mayBeDone })
  }
}

/** Limits, with those that a caller or a call has of its own. */
export const limitsOf = (limits: Limits, options: Partial<Limits>): Limits => ({
  tryMs: options.tryMs ?? limits.tryMs,
  totalMs: options.totalMs ?? limits.totalMs,
  triesMax: options.triesMax ?? limits.triesMax,
})

/** At least what the service asks for; more after each try, and different for each client (full jitter above the half). */
const pauseAfter = (failure: AtlasPayError, tries: number): number => {
  const most = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** (tries - 1))
  const own = most / 2 + Math.random() * (most / 2)
  return Math.max(own, failure instanceof Problem ? (failure.retryAfterMs ?? 0) : 0)
}

/** Waits, or fails once the caller ends the call. */
export const pause = (ms: number, signal: AbortSignal | undefined, details: CallDetails): Promise<void> =>
  new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer)
      reject(new Aborted("the caller ended it", details, signal?.reason))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted)
      resolve()
    }, ms)
    if (signal?.aborted) return aborted()
    signal?.addEventListener("abort", aborted, { once: true })
  })

type Outcome<A> = { readonly answer: A } | { readonly failure: AtlasPayError; readonly isPassing: boolean }

const tryOnce = async <A>(
  service: Service,
  request: ClientRequest<A>,
  details: CallDetails,
  tryMs: number,
): Promise<Outcome<A>> => {
  const { signal } = request.options
  const ending = new AbortController()
  const abort = () => ending.abort()
  signal?.addEventListener("abort", abort, { once: true })
  let isLate = false
  const timer = setTimeout(
    () => {
      isLate = true
      abort()
    },
    Math.max(0, tryMs),
  )
  const unknown = { ...details, mayBeDone: true }
  try {
    if (signal?.aborted) return aborted(details, signal)
    const body = await opened(request)
    if (body instanceof NotOpened)
      return { failure: new NoAnswer(body.message, details, body.cause), isPassing: false }
    const response = await fetched(service, request, body, ending.signal)
    if (response.ok) return { answer: await request.read(response, abort) }
    return await refused(response, service.apiKey, details)
  } catch (error) {
    if (signal?.aborted) return aborted(unknown, signal)
    if (isLate) return { failure: new Timeout(`no answer within ${tryMs} ms`, unknown), isPassing: true }
    if (error instanceof Unusable)
      return { failure: new UnusableAnswer(error.message, unknown), isPassing: false }
    return { failure: new NoAnswer(messageOf(error), unknown, error), isPassing: true }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", abort)
  }
}

const aborted = (details: CallDetails, signal: AbortSignal) => ({
  failure: new Aborted("the caller ended it", details, signal.reason),
  isPassing: false,
})

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A file that cannot be opened: nothing of this try was sent. */
class NotOpened extends Error {}

const opened = async ({ body }: ClientRequest<unknown>): Promise<BodyInit | undefined | NotOpened> => {
  try {
    return await body?.()
  } catch (error) {
    return new NotOpened(`what to send cannot be opened: ${messageOf(error)}`, { cause: error })
  }
}

const fetched = async (
  { url, apiKey, fetch }: Service,
  { method, path, headers, idempotencyKey }: ClientRequest<unknown>,
  body: BodyInit | undefined,
  signal: AbortSignal,
): Promise<Response> =>
  fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...headers,
      ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    },
    ...(body === undefined ? {} : { body, duplex: "half" }),
    // A redirect would be followed with another method, or with the key to somebody else.
    redirect: "manual",
    signal,
  })

/** An answer that is no success. Only a refusal of the service itself says that nothing was done by this try. */
const refused = async (
  response: Response,
  apiKey: string,
  details: CallDetails,
): Promise<{ readonly failure: AtlasPayError; readonly isPassing: boolean }> => {
  const { status } = response
  const { isOfService, members } = await readProblem(response, apiKey)
  const isRefusal = isOfService && status >= 400 && status < 500
  const known = { ...details, mayBeDone: details.mayBeDone || !isRefusal }
  if (status < 400)
    return { failure: new UnusableAnswer(`an answer with status ${status}`, known), isPassing: false }
  if (status === 422 && typeof members.batch === "string")
    return { failure: new KeyReused(members.batch, status, members, known), isPassing: false }
  const failure = new Problem(status, members, known, retryAfterMs(response, Date.now()))
  return { failure, isPassing: PASSING.has(status) }
}
