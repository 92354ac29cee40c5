import type { Dispatcher } from "undici"

/** Where a callback goes, in two parts. */
export interface CallbackTarget {
  readonly origin: string
  readonly path: string
}

const answerBytesMax = 64 * 1024
const givenUp = new Error("given up")

/**
 * One POST of a callback by undici's dispatcher, on which its `request` is built at twice the cost. It ends once, with whether
 * the answer acknowledges the callback: any 2xx. A connection that breaks, or no answer in time, acknowledges nothing.
 */
export class CallbackRequest implements Dispatcher.DispatchHandler {
  readonly #onEnd: (acknowledged: boolean) => void
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #status = 0
  #bytes = 0

  /** `msMax` is the time until the last byte of the answer. */
  constructor(msMax: number, onEnd: (acknowledged: boolean) => void) {
    this.#onEnd = onEnd
    this.#timer = setTimeout(() => this.giveUp(), msMax)
  }

  send(
    connections: Pick<Dispatcher, "dispatch">,
    { origin, path }: CallbackTarget,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): void {
    const times = { headersTimeout: 0, bodyTimeout: 0 }
    connections.dispatch({ origin, path, method: "POST", headers, body, ...times }, this)
  }

  giveUp(): void {
    this.#end(false)
    this.#controller?.abort(givenUp)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(givenUp)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes <= answerBytesMax || this.#isOver) return
    this.#end(this.#isAcknowledged)
    controller.abort(givenUp)
  }

  onResponseEnd(): void {
    this.#end(this.#isAcknowledged)
  }

  onResponseError(): void {
    this.#end(false)
  }

  get #isAcknowledged(): boolean {
    return this.#status >= 200 && this.#status < 300
  }

  #end(acknowledged: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#onEnd(acknowledged)
  }
}
