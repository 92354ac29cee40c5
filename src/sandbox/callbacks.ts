import { createHmac, createSecretKey, type KeyObject } from "node:crypto"
import { setMaxListeners } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
import * as Schema from "effect/Schema"
import { Agent } from "undici"
import { CallbackRequest, type CallbackTarget } from "./callback-request.ts"

/** The URL to which a client wants callbacks. */
export const CallbackUrl = Schema.String.check(
  Schema.isMaxLength(2_000),
  Schema.makeFilter((url) => /^https?:/.test(url) && URL.canParse(url), { expected: "an http(s) URL" }),
)

/** How often a callback is tried: the number of tries, the waits between them (doubling) and the time for one try. */
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

/** How a callback is sent: the number of copies, and the delay. */
export interface CallbackTravel {
  readonly copies: number
  readonly delayMs: number
}

export const plainTravel: CallbackTravel = { copies: 1, delayMs: 0 }

/** One delivery to a client that is still owed. The same message (with the same id) may be owed twice. */
export interface OwedCallback {
  readonly delivery: string
  readonly url: string
  /** It does not start before this time, in milliseconds since 1970. */
  readonly dueMs: number
  readonly message: { readonly id: string; readonly [field: string]: unknown }
}

/** The deliveries of a message that was created at `at` (ISO 8601). */
export const owedFor = (
  message: OwedCallback["message"],
  url: string,
  at: string,
  { copies, delayMs }: CallbackTravel,
): OwedCallback[] => {
  const dueMs = Date.parse(at) + delayMs
  return Array.from({ length: copies }, (_, copy) => ({
    delivery: `${message.id}.${copy + 1}`,
    url,
    dueMs,
    message,
  }))
}

export type CallbackOutcome = "delivered" | "given-up"

const connectionsMax = 64

/** A callback as it is sent: signed with the key, at a time in seconds since 1970. */
export type CallbackFormat = (
  message: OwedCallback["message"],
  key: KeyObject,
  atS: number,
) => { readonly body: string; readonly headers: Readonly<Record<string, string>> }

/** Standard Webhooks (https://www.standardwebhooks.com). */
const standardWebhook: CallbackFormat = (message, key, atS) => {
  const body = JSON.stringify(message)
  const signature = createHmac("sha256", key).update(`${message.id}.${atS}.${body}`).digest("base64")
  const headers = {
    "content-type": "application/json",
    "webhook-id": message.id,
    "webhook-timestamp": String(atS),
    "webhook-signature": `v1,${signature}`,
  }
  return { body, headers }
}

/**
 * Delivers callbacks, as Standard Webhooks or in another format. Each try has a new signature, any 2xx acknowledges, and redirects are
 * not followed. At most 64 tries are under way at once.
 */
export class CallbackSender {
  readonly #key: KeyObject
  readonly #retry: CallbackRetry
  readonly #clockSkewMs: () => number
  readonly #format: CallbackFormat
  readonly #closing = new AbortController()
  readonly #agent = new Agent({ allowH2: false })
  readonly #underWayTries = new Set<CallbackRequest>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #waiting: (() => void)[] = []
  #connections = 0
  #target: (CallbackTarget & { readonly url: string }) | undefined

  /** `clockSkewMs` is the error of the clock that dates the signatures. */
  constructor(
    secret: string,
    retry: CallbackRetry,
    clockSkewMs: () => number,
    format: CallbackFormat = standardWebhook,
  ) {
    this.#key = createSecretKey(Buffer.from(secret.replace(/^whsec_/, ""), "base64"))
    this.#retry = retry
    this.#clockSkewMs = clockSkewMs
    this.#format = format
    setMaxListeners(0, this.#closing.signal)
  }

  /** Starts a delivery. Calls `ended` once, unless the sender is closed before; resolves in any case. */
  deliver(callback: OwedCallback, ended: (outcome: CallbackOutcome) => void): Promise<void> {
    const delivery = this.#run(callback).then((outcome) => {
      this.#underWay.delete(delivery)
      if (outcome !== undefined) ended(outcome)
    })
    this.#underWay.add(delivery)
    return delivery
  }

  /** Stops all deliveries. Those without an outcome stay open in the journal. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const attempt of this.#underWayTries) attempt.giveUp()
    await Promise.all(this.#underWay)
    await this.#agent.close()
  }

  async #run(callback: OwedCallback): Promise<CallbackOutcome | undefined> {
    const { triesMax, waitMsMin, waitMsMax } = this.#retry
    const earlyMs = callback.dueMs - Date.now()
    if (earlyMs > 0) await this.#wait(earlyMs)
    for (let tries = 1; tries <= triesMax; tries += 1) {
      if (await this.#tryInTurn(callback)) return "delivered"
      if (tries < triesMax) await this.#wait(Math.min(waitMsMin * 2 ** (tries - 1), waitMsMax))
      if (this.#closing.signal.aborted) return undefined
    }
    return "given-up"
  }

  async #tryInTurn(callback: OwedCallback): Promise<boolean> {
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

  /** One try. If the receiver is down, slow or refuses, the next try follows, so this is not an error. */
  #try({ url, message }: OwedCallback): Promise<boolean> {
    return new Promise((resolve) => {
      const attempt = new CallbackRequest(this.#retry.tryMsMax, (acknowledged) => {
        this.#underWayTries.delete(attempt)
        resolve(acknowledged)
      })
      this.#underWayTries.add(attempt)
      const { body, headers } = this.#format(
        message,
        this.#key,
        Math.floor((Date.now() + this.#clockSkewMs()) / 1000),
      )
      attempt.send(this.#agent, this.#targetOf(url), headers, body)
    })
  }

  /** Nearly all callbacks go to the same URL as the one before. */
  #targetOf(url: string): CallbackTarget {
    if (this.#target?.url !== url) {
      const { origin, pathname, search } = new URL(url)
      this.#target = { url, origin, path: pathname + search }
    }
    return this.#target
  }

  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return
    try {
      await pause(ms, undefined, { signal: this.#closing.signal })
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error
    }
  }
}

const earlyMsMax = 1_000

/** Waits for callbacks that precede an answer, but only for a while, because the receiver may be waiting for the answer. */
export const awaitEarly = async (delivered: Promise<unknown>): Promise<void> => {
  const enough = new AbortController()
  const { signal } = enough
  const tired = pause(earlyMsMax, undefined, { signal, ref: false }).catch(() => undefined)
  await Promise.race([delivered, tired])
  enough.abort()
}
