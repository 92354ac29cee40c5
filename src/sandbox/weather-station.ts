import { setMaxListeners } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import * as Result from "effect/Result"
import type { Context, Hono } from "hono"
import type { CallbackTravel } from "./callbacks.ts"
import { chanceOf, type Throw } from "./dice.ts"
import { LieRecord } from "./lie-record.ts"
import {
  type BankLie,
  bankLieOf,
  type ChangeOfMind,
  changeOfMindOf,
  type FileLie,
  type ForeignWord,
  fileLieOf,
  foreignWordOf,
  type LyingCodes,
} from "./lies.ts"
import type { Listening } from "./listening.ts"
import { spoiled } from "./malformed-answer.ts"
import { RequestTally } from "./request-tally.ts"
import { createApp, cut, keepSilent, readJson, refusal, type SandboxEnv } from "./server.ts"
import {
  comesEarly,
  decodeWeather,
  type Fate,
  fateOf,
  forgetsKey,
  travelOf,
  type Weather,
} from "./weather.ts"

/** More requests than this are not told apart: the oldest count as never asked. */
const countedMax = 1_000_000
const serverErrors = [500, 502, 503, 504] as const

/**
 * The weather at one server: what is in force, and the dice that it is drawn with. A throw depends on the seed, the
 * server, the kind of thing, its key (an idempotency key, a reference) and how often that came since this weather
 * began; not on anybody else. Weather is not written to the journal: a restart brings back what the start was given.
 */
export class WeatherStation {
  readonly server: string
  readonly #closing = new AbortController()
  #weather: Weather = {}
  #sinceMs = Date.now()
  readonly #asked = new Map<string, number>()
  readonly requests = new RequestTally()
  readonly lies = new LieRecord()
  #listening: Listening | undefined
  #outage: NodeJS.Timeout | undefined

  /** Throws when `given` is no weather for this server. */
  constructor(server: string, given: unknown = {}) {
    this.server = server
    setMaxListeners(0, this.#closing.signal)
    const objection = this.change(given)
    if (objection !== undefined) throw new TypeError(`the weather of ${server}: ${objection}`)
  }

  get weather(): Weather {
    return this.#weather
  }

  /** Puts other weather in force and starts counting anew; answers what is wrong with it when it cannot. */
  change(given: unknown): string | undefined {
    const decoded = decodeWeather(this.server, given)
    if (Result.isFailure(decoded)) return decoded.failure
    this.#weather = decoded.success
    this.#sinceMs = Date.now()
    this.#asked.clear()
    this.#forecastOutage()
    return undefined
  }

  /** From here on the server can be taken off the net. */
  start(listening: Listening): void {
    this.#listening = listening
    this.#forecastOutage()
  }

  close(): void {
    clearTimeout(this.#outage)
    this.#closing.abort()
  }

  /** A server that refuses connections takes no more of them; those that it has are reset, see `outage`. */
  #forecastOutage(): void {
    clearTimeout(this.#outage)
    const { down } = this.#weather
    const listening = this.#listening
    if (down?.how !== "refused" || listening === undefined) return
    this.#outage = setTimeout(() => listening.refuseFor(down.forMs), down.inMs ?? 0)
  }

  /** How the server is down at this moment, if it is. */
  get outage(): "reset" | "503" | undefined {
    const { down } = this.#weather
    if (down === undefined) return undefined
    const downMs = this.#ageMs - (down.inMs ?? 0)
    if (downMs < 0 || downMs >= down.forMs) return undefined
    return down.how === "503" ? "503" : "reset"
  }

  get isBurst(): boolean {
    const burst = this.#weather.tooManyRequests?.burst
    return burst !== undefined && this.#ageMs % burst.everyMs < burst.forMs
  }

  get #ageMs(): number {
    return Date.now() - this.#sinceMs
  }

  fateOf(isOrder: boolean, key: string): Fate {
    return fateOf(this.#weather, isOrder, this.#dice(isOrder ? "order" : "inquiry", key))
  }

  travelOf(callback: string, nextInMs?: number): CallbackTravel {
    return travelOf(this.#weather, nextInMs, this.#dice("callback", callback))
  }

  comesEarly(key: string): boolean {
    return comesEarly(this.#weather, this.#dice("early", key))
  }

  forgetsKey(key: string): boolean {
    return forgetsKey(this.#weather, this.#dice("key", key))
  }

  /** The lie about an order, if it is to be one. */
  bankLieOf(key: string, codes: LyingCodes): BankLie | undefined {
    return bankLieOf(this.#weather.lies ?? {}, codes, this.#dice("lie", key))
  }

  /** What is said of an order of another bank. */
  foreignWordOf(reference: string): ForeignWord | undefined {
    return foreignWordOf(this.#weather.lies ?? {}, this.#dice("foreign-word", reference))
  }

  /** The lie about the n-th file of orders: its name would depend on the day. */
  fileLieOf(nth: number): FileLie | undefined {
    return fileLieOf(this.#weather.lies ?? {}, this.#dice("file-lie", String(nth)))
  }

  /** What is thought later of somebody who may pass now; `doubted` is about whom there is something odd. */
  changeOfMindOf(about: string, doubted: boolean): ChangeOfMind | undefined {
    return changeOfMindOf(this.#weather.lies ?? {}, doubted, this.#dice("mind", about))
  }

  /** The time before which keys are forgotten, in milliseconds since 1970, for a server that remembers for so long. */
  keysForgottenBefore(rememberedMs = Number.POSITIVE_INFINITY): number {
    return Date.now() - Math.min(rememberedMs, this.#weather.keysForgottenAfterMs ?? rememberedMs)
  }

  /** By how much the clock that dates callbacks is wrong. */
  get clockSkewMs(): number {
    return this.#weather.callbacks?.clockSkewMs ?? 0
  }

  /** Waits; false when the station closed meanwhile. */
  async pause(ms: number): Promise<boolean> {
    const { signal } = this.#closing
    try {
      if (ms > 0) await pause(ms, undefined, { signal })
      return true
    } catch (error) {
      if (!signal.aborted) throw error
      return false
    }
  }

  #dice(kind: string, key: string): Throw {
    const { seed = 0 } = this.#weather
    let times: number | undefined
    return (question) => {
      times ??= this.#count(JSON.stringify([kind, key]))
      return chanceOf(seed, this.server, kind, key, times, question)
    }
  }

  #count(what: string): number {
    const times = (this.#asked.get(what) ?? 0) + 1
    this.#asked.set(what, times)
    const [oldest = what] = this.#asked.size > countedMax ? this.#asked.keys() : []
    if (oldest !== what) this.#asked.delete(oldest)
    return times
  }
}

/** A server's app under its weather: the one place where weather happens to requests. The books stay open in any. */
export const underWeather = (app: Hono<SandboxEnv>, station: WeatherStation): Hono<SandboxEnv> => {
  const outside = createApp()
  const change = (c: Context<SandboxEnv>, given: unknown): Response => {
    const objection = station.change(given)
    if (objection !== undefined) throw refusal(400, { code: "malformed", message: objection })
    return c.json(station.weather)
  }
  outside.get("/sandbox/weather", (c) => c.json(station.weather))
  outside.post("/sandbox/weather", async (c) => change(c, await readJson(c)))
  outside.delete("/sandbox/weather", (c) => change(c, {}))
  outside.get("/sandbox/requests", (c) => c.json(station.requests.show()))
  outside.get("/sandbox/lies", (c) => c.json(station.lies.show()))
  outside.all("*", (c) => {
    if (isSpared(c.req.path)) return app.fetch(c.req.raw, c.env)
    station.requests.count(c.req.method === "POST", keyOf(c))
    return meet(c, app, station)
  })
  return outside
}

const isSpared = (path: string): boolean => path === "/sandbox" || path === "/books"

/** Takes one request through the weather: what it meets before the work, the work, what becomes of the answer. */
const meet = async (c: Context<SandboxEnv>, app: Hono<SandboxEnv>, station: WeatherStation) => {
  if (Object.keys(station.weather).length === 0) return app.fetch(c.req.raw, c.env)
  const { outage } = station
  if (outage === "reset") return cut(c)
  if (outage === "503") return c.json({ code: "down" }, 503)
  if (station.isBurst) return tooMany(c, station)
  const key = keyOf(c)
  const fate = station.fateOf(c.req.method === "POST", key)
  if (!(await station.pause(fate.msBefore))) return cut(c)
  if (fate.instead === "too-many-requests") return tooMany(c, station)
  if (fate.instead === "silence") return keepSilent(c)
  if (fate.instead === "error") return serverError(c, key)
  const answer = await app.fetch(c.req.raw, c.env)
  if (answer === RESPONSE_ALREADY_SENT) return answer
  if (!(await station.pause(fate.msAfter))) return cut(c)
  switch (fate.answer) {
    case undefined:
      return answer
    case "error":
      return serverError(c, key)
    case "cut":
      return cut(c)
    case "hang":
      return keepSilent(c)
    default:
      return spoiled(answer, fate.answer)
  }
}

/** What a request is told apart by: its idempotency key, else what it asks for. */
const keyOf = ({ req }: Context<SandboxEnv>): string => {
  const { pathname, search } = new URL(req.url)
  return req.header("idempotency-key") ?? req.header("x-request-id") ?? pathname + search
}

const tooMany = (c: Context<SandboxEnv>, { weather }: WeatherStation): Response =>
  c.json({ code: "too-many-requests" }, 429, {
    "retry-after": String(weather.tooManyRequests?.retryAfterS ?? 1),
  })

const serverError = (c: Context<SandboxEnv>, key: string): Response => {
  const status = serverErrors[Math.floor(chanceOf("status", key) * serverErrors.length)] ?? 500
  return c.json({ code: "bad-weather" }, status)
}
