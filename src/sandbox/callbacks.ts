import { setMaxListeners } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
import * as Schema from "effect/Schema"
import { Webhook } from "standardwebhooks"

/** How hard a callback is tried: tries in all, the waits between them (doubling) and the time for one try. */
export interface CallbackRetry {
  readonly triesMax: number
  readonly waitMsMin: number
  readonly waitMsMax: number
  readonly tryMsMax: number
}

export const defaultCallbackRetry: CallbackRetry = {
  triesMax: 8,
  waitMsMin: 100,
  waitMsMax: 5_000,
  tryMsMax: 5_000,
}

/** Where a client wants to be called back. */
export const CallbackUrl = Schema.String.check(
  Schema.isMaxLength(2_000),
  Schema.makeFilter((url) => /^https?:/.test(url) && URL.canParse(url), { expected: "an http(s) URL" }),
)

export interface Callback {
  readonly id: string
  readonly url: string
  readonly body: string
}

export type CallbackOutcome = "delivered" | "given-up"

const connectionsMax = 64
const answerBytesMax = 64 * 1024

/**
 * Delivers callbacks as Standard Webhooks (https://www.standardwebhooks.com): each is signed anew for every try,
 * any 2xx is an acknowledgement, redirects are refused. At most 64 tries are under way at once.
 */
export class CallbackSender {
  readonly #webhook: Webhook
  readonly #retry: CallbackRetry
  readonly #closing = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  readonly #waiting: (() => void)[] = []
  #connections = 0

  constructor(secret: string, retry: CallbackRetry) {
    this.#webhook = new Webhook(secret)
    this.#retry = retry
    setMaxListeners(0, this.#closing.signal)
  }

  /** Starts to deliver. `ended` is called once, unless the sender is closed before. */
  deliver(callback: Callback, ended: (outcome: CallbackOutcome) => void): void {
    const delivery = this.#run(callback).then((outcome) => {
      this.#underWay.delete(delivery)
      if (outcome !== undefined) ended(outcome)
    })
    this.#underWay.add(delivery)
  }

  /** Stops all deliveries; those without an outcome stay open in the bank's journal. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#underWay)
  }

  async #run(callback: Callback): Promise<CallbackOutcome | undefined> {
    const { triesMax, waitMsMin, waitMsMax } = this.#retry
    for (let tries = 1; tries <= triesMax; tries += 1) {
      if (await this.#tryInTurn(callback)) return "delivered"
      if (tries < triesMax) await this.#wait(Math.min(waitMsMin * 2 ** (tries - 1), waitMsMax))
      if (this.#closing.signal.aborted) return undefined
    }
    return "given-up"
  }

  async #tryInTurn(callback: Callback): Promise<boolean> {
    if (this.#connections < connectionsMax) this.#connections += 1
    else await new Promise<void>((turn) => this.#waiting.push(turn))
    try {
      return !this.#closing.signal.aborted && (await this.#try(callback))
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#connections -= 1
      else next()
    }
  }

  /** One try. A receiver that is away, slow or unwilling is what the next try is for, so it is not an error here. */
  async #try({ id, url, body }: Callback): Promise<boolean> {
    const attempt = new AbortController()
    const abort = () => attempt.abort()
    const timer = setTimeout(abort, this.#retry.tryMsMax)
    this.#closing.signal.addEventListener("abort", abort)
    const now = new Date()
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": this.#webhook.sign(id, now, body),
    }
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers,
        body,
        redirect: "manual",
        signal: attempt.signal,
      })
      await discard(answer)
      return answer.ok
    } catch {
      return false
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener("abort", abort)
    }
  }

  async #wait(ms: number): Promise<void> {
    try {
      await pause(ms, undefined, { signal: this.#closing.signal })
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error
    }
  }
}

/** Reads a short answer to its end, so that the connection can be used again; a long one is cut off. */
const discard = async (answer: Response): Promise<void> => {
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > answerBytesMax) break
  }
}
