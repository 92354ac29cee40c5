/**
 * One HTTP exchange: a request, and an answer of bounded length. It uses undici's dispatcher directly,
 * because `fetch` costs several times as much processor time for the same exchange.
 */
import { gunzipSync } from "node:zlib"
import { Effect } from "effect"
import { Agent, type Dispatcher } from "undici"
import type { Connections, OutgoingRequest } from "./provider-access.ts"

/** Connections that trust the usual authorities. They are opened when they are needed, and kept while they are used. */
export const usualConnections: Connections = new Agent({ allowH2: false })

export interface ExchangeLimits {
  /** From now to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number
  /** Of the answer's body, also after unpacking. */
  readonly bytesMax: number
  /** The body of an answer with another status is not read. */
  readonly isExpected: (status: number) => boolean
}

export interface Answer {
  readonly _tag: "Answer"
  readonly status: number
  /** A header by its name in lower case; the first, if it was sent several times. */
  readonly header: (name: string) => string | undefined
  /** `not-read`: the status was not expected. `too-long`: longer than the limit. */
  readonly body: Buffer | "not-read" | "too-long" | "unreadable"
}

/** There was no answer: the connection failed with `code`, or the time was over. */
export type NoAnswer =
  | { readonly _tag: "ConnectionFailed"; readonly code: string }
  | { readonly _tag: "TimedOut" }

/**
 * Sends a request, and goes on with what `read` makes of the answer. If the time is over or the caller is interrupted, the
 * connection is closed; a request that was not sent yet is then never sent. `request.url` is in its normal form, as `URL` writes it.
 */
export const exchange = <A, E>(
  connections: Connections,
  { url, method, headers, body }: OutgoingRequest,
  limits: ExchangeLimits,
  read: (result: Answer | NoAnswer) => Effect.Effect<A, E>,
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const handler = new ExchangeHandler(limits, (result) => resume(Effect.suspend(() => read(result))))
    const target = targetAt(url)
    connections.dispatch(
      {
        origin: url.slice(0, target),
        path: target === url.length ? "/" : url.slice(target),
        method: method as Dispatcher.HttpMethod,
        headers: { "accept-encoding": "gzip", "user-agent": "AtlasPay", ...headers },
        body: body ?? null,
        // The handler limits the time of the whole exchange.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    )
    return Effect.sync(() => handler.hangUp())
  })

/** Where the path begins: after the scheme and the authority. */
const targetAt = (url: string): number => {
  const at = url.indexOf("/", url.indexOf("://") + 3)
  return at === -1 ? url.length : at
}

type Headers = Readonly<Record<string, string | Array<string> | undefined>>
type End = (result: Answer | NoAnswer) => void

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #limits: ExchangeLimits
  readonly #onEnd: End
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #status = 0
  #headers: Headers = {}
  readonly #chunks: Array<Buffer> = []
  #length = 0

  constructor(limits: ExchangeLimits, onEnd: End) {
    this.#limits = limits
    this.#onEnd = onEnd
    this.#timer = setTimeout(() => this.#cut({ _tag: "TimedOut" }), limits.timeoutMs)
  }

  /** Called before the first byte is sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(hungUp)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    // An interim answer (RFC 9110, 15.2): the final one follows.
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    if (!this.#limits.isExpected(status)) this.#cut(this.#answer("not-read"))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return
    this.#length += chunk.length
    if (this.#length > this.#limits.bytesMax) this.#cut(this.#answer("too-long"))
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first] = this.#chunks
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    this.#end(this.#answer(this.#unpacked(body)))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ _tag: "ConnectionFailed", code: codeOf(error) })
  }

  hangUp(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#controller?.abort(hungUp)
  }

  #answer(body: Answer["body"]): Answer {
    const headers = this.#headers
    const header = (name: string): string | undefined => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    return { _tag: "Answer", status: this.#status, header, body }
  }

  /** Names of encodings are case-insensitive, and "x-gzip" is "gzip" (RFC 9110, 8.4.1). Several at once are not read. */
  #unpacked(body: Buffer): Answer["body"] {
    const encoding = String(this.#headers["content-encoding"] ?? "identity").toLowerCase()
    if (encoding === "identity") return body
    if (encoding !== "gzip" && encoding !== "x-gzip") return "unreadable"
    try {
      return gunzipSync(body, { maxOutputLength: this.#limits.bytesMax })
    } catch (error) {
      return codeOf(error) === "ERR_BUFFER_TOO_LARGE" ? "too-long" : "unreadable"
    }
  }

  #cut(result: Answer | NoAnswer): void {
    if (this.#isOver) return
    this.hangUp()
    this.#onEnd(result)
  }

  #end(result: Answer | NoAnswer): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#onEnd(result)
  }
}

const hungUp = new Error("hung up")

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no code"
