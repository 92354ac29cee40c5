/**
 * Sends one signed POST to a checked address. Only the status of the answer is used; its beginning is shown. Plain code, because there is one for each
 * event and endpoint.
 */
import { Effect, type Redacted } from "effect"
import { Agent, type Dispatcher } from "undici"
import { signedWebhookHeaders } from "../platform/standard-webhooks.ts"
import { traceParentIn } from "../publisher/public-event.ts"
import { ANSWER_READ_BYTES_MAX } from "./answer-text.ts"
import type { Delivery } from "./deliveries.ts"
import { hostOf, hostProblem } from "./endpoint-url.ts"
import { PRIVATE, publicLookup, systemResolver } from "./public-lookup.ts"
import { type AnswerHeaders, retryAfterMs } from "./retry-after.ts"

/** There was no answer. `reason` is an error code or a phrase of ours, and quotes no text from outside. */
export interface NotSent {
  readonly reason: string
}

/** The HTTP status of the answer. Redirects are not followed: their status is the answer. */
export type Answer = number | NotSent

export interface SenderOptions {
  /** From the first byte sent to the last byte received. Milliseconds. */
  readonly timeoutMs: number
  /** Allows plain HTTP and private addresses. */
  readonly allowPrivate: boolean
}

type ToSend = Pick<Delivery, "eventId" | "url" | "secret" | "besides" | "body">

/**
 * Sends a delivery, signed with this time (epoch milliseconds), and calls `ended` once, with the first bytes of the answer's body as
 * they came, {@link ANSWER_READ_BYTES_MAX} at most. What it returns hangs up, and then
 * `ended` is not called. Throws if the URL or the secret cannot be used.
 */
export type Sender = (delivery: ToSend, at: number, ended: Ended) => () => void

/** What else is known of an attempt that ended. */
export interface Particulars {
  /** The first bytes of the answer's body. */
  readonly beginning?: Uint8Array | undefined
  /** How long the endpoint asks not to be called (see retry-after.ts), if it does. */
  readonly retryInMs?: number | undefined
}

export type Ended = (answer: Answer, particulars?: Particulars) => void

const ANSWER_BYTES_MAX = 64 * 1024
/** Idle connections are closed, so that a name that changed is resolved again. */
const IDLE_MS_MAX = 5_000

export const makeSender = (options: SenderOptions) =>
  Effect.gen(function* () {
    const { allowPrivate, timeoutMs } = options
    const connect = allowPrivate ? {} : { lookup: publicLookup(systemResolver()) }
    const agent = new Agent({ allowH2: false, keepAliveTimeout: IDLE_MS_MAX, connect })
    yield* Effect.addFinalizer(() => Effect.promise(() => agent.destroy()))
    const send: Sender = (delivery, at, ended) => {
      const url = new URL(delivery.url)
      const refuse = (reason: string) => {
        ended({ reason })
        return nothingToHangUp
      }
      const problem = allowPrivate ? undefined : destinationProblem(url)
      if (problem !== undefined) return refuse(problem)
      const { secret } = delivery
      if (secret === undefined) return refuse("the secret cannot be opened")
      const request = {
        method: "POST",
        headers: signedHeaders(delivery, secret, at),
        body: delivery.body,
      } as const
      return dispatch(agent, url, request, new StatusHandler(ended, timeoutMs))
    }
    return send
  })

const nothingToHangUp = () => {}

/**
 * By the specification https://www.standardwebhooks.com. The id is the event's, so it is the same in every attempt. The trace is
 * that of the batch.
 */
const signedHeaders = ({ eventId, besides, body }: ToSend, secret: Redacted.Redacted, at: number) => {
  const traceparent = traceParentIn(body)
  return {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "user-agent": "AtlasPay-Webhooks/1",
    ...(traceparent === undefined ? {} : { traceparent }),
    ...signedWebhookHeaders(secret, { id: eventId, atS: Math.floor(at / 1_000), body }, besides),
  }
}

/** Refuses endpoints that were accepted under earlier rules and break the current ones. Names are checked when resolved. */
const destinationProblem = (url: URL): string | undefined => {
  if (url.protocol !== "https:") return "the URL is not https"
  return hostProblem(hostOf(url)) === undefined ? undefined : PRIVATE
}

type Post = Pick<Dispatcher.DispatchOptions, "method" | "headers" | "body">

const dispatch = (agent: Agent, url: URL, post: Post, handler: StatusHandler): (() => void) => {
  const { origin, pathname, search } = url
  // One timer covers the whole attempt.
  const times = { headersTimeout: 0, bodyTimeout: 0 }
  try {
    agent.dispatch({ ...post, origin, path: `${pathname}${search}`, ...times }, handler)
  } catch (error) {
    handler.hangUp()
    throw error
  }
  return () => handler.hangUp()
}

/** Reports the status of the answer once its body has ended, was too long, or took too long. Hanging up closes the connection. */
class StatusHandler implements Dispatcher.DispatchHandler {
  readonly #ended: Ended
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #status: number | undefined
  #retryInMs: number | undefined
  #bytes = 0
  #beginning: Buffer | undefined

  constructor(ended: Ended, timeoutMs: number) {
    this.#ended = ended
    this.#timer = setTimeout(() => this.#cut("timeout"), timeoutMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(hungUp)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    // An interim answer (RFC 9110, 15.2): the final one follows.
    if (status < 200) return
    this.#status = status
    this.#retryInMs = retryAfterMs(status, headers, Date.now())
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = ANSWER_READ_BYTES_MAX - this.#bytes
    this.#bytes += chunk.length
    // A copy: the chunk is a part of a larger buffer.
    if (room > 0) this.#beginning = Buffer.concat([this.#beginning ?? EMPTY, chunk.subarray(0, room)])
    if (this.#bytes > ANSWER_BYTES_MAX) this.#cut("too long")
  }

  onResponseEnd(): void {
    this.#end("no status")
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end("code" in error && typeof error.code === "string" ? error.code : error.name)
  }

  hangUp(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#controller?.abort(hungUp)
  }

  #cut(reason: string): void {
    this.#end(reason)
    this.hangUp()
  }

  /** Once the status is known, it does not matter how the body ends. */
  #end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#ended(this.#status ?? { reason }, { beginning: this.#beginning, retryInMs: this.#retryInMs })
  }
}

const EMPTY = Buffer.alloc(0)
const hungUp = new Error("hung up")
