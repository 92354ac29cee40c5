import { setMaxListeners } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
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
  type ForeignReport,
  fileLieOf,
  foreignReportOf,
  type LyingCodes,
} from "./lies.ts"
import type { Listening } from "./listening.ts"
import { spoiled } from "./malformed-answer.ts"
import { bodyOf, headerOf, type SandboxEnv } from "./request-body.ts"
import { RequestTally } from "./request-tally.ts"
import { createApp, cut, keepSilent, readJson, refusal, tooLarge, unanswered } from "./server.ts"
import {
  comesEarly,
  decodeWeather,
  type Fate,
  fateOf,
  forgetsKey,
  travelOf,
  type Weather,
} from "./weather.ts"

/** The most requests that are counted. Beyond that the oldest count as new. */
const countedMax = 1_000_000
const serverErrors = [500, 502, 503, 504] as const

/**
 * The weather of one server: its fields, and the draws from it. A draw depends on the seed, the server, the kind of event, its
 * key (an idempotency key, a reference) and how often that key occurred since this weather began, and on nothing else. Weather
 * is not in the journal: after a restart, the weather from the start options applies.
 */
export class WeatherStation {
  readonly server: string
  readonly #closing = new AbortController()
  #weather: Weather = {}
  #isFair = true
  #sinceMs = Date.now()
  readonly #asked = new Map<string, number>()
  readonly requests = new RequestTally()
  readonly lies = new LieRecord()
  #listening: Listening | undefined
  #outage: NodeJS.Timeout | undefined

  /** Throws if `given` is not valid for this server. */
  constructor(server: string, given: unknown = {}) {
    this.server = server
    setMaxListeners(0, this.#closing.signal)
    const objection = this.change(given)
    if (objection !== undefined) throw new TypeError(`the weather of ${server}: ${objection}`)
  }

  get weather(): Weather {
    return this.#weather
  }

  /** Puts other weather in force and restarts the counts; returns the problem if it is not valid. */
  change(given: unknown): string | undefined {
    const decoded = decodeWeather(this.server, given)
    if (Result.isFailure(decoded)) return decoded.failure
    this.#weather = decoded.success
    this.#isFair = Object.keys(decoded.success).length === 0
    this.#sinceMs = Date.now()
    this.#asked.clear()
    this.#forecastOutage()
    return undefined
  }

  /** From now on the server can refuse connections. */
  start(listening: Listening): void {
    this.#listening = listening
    this.#forecastOutage()
  }

  close(): void {
    clearTimeout(this.#outage)
    this.#closing.abort()
  }

  /** A server that refuses connections accepts no new ones; its open ones are reset, see `outage`. */
  #forecastOutage(): void {
    clearTimeout(this.#outage)
    const { down } = this.#weather
    const listening = this.#listening
    if (down?.how !== "refused" || listening === undefined) return
    this.#outage = setTimeout(() => listening.refuseFor(down.forMs), down.inMs ?? 0)
  }

  /** How the server is down at the moment, if it is. */
  get outage(): "reset" | "503" | undefined {
    const { down } = this.#weather
    if (down === undefined) return undefined
    const downMs = this.#ageMs - (down.inMs ?? 0)
    if (downMs < 0 || downMs >= down.forMs) return undefined
    return down.how === "503" ? "503" : "reset"
  }

  /** Nothing can go wrong with a request now. */
  get isFair(): boolean {
    return this.#isFair
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

  /** The false report on an order, if there is to be one. */
  bankLieOf(key: string, codes: LyingCodes): BankLie | undefined {
    return bankLieOf(this.#weather.lies ?? {}, codes, this.#dice("lie", key))
  }

  /** The false report on an order of another bank, if there is to be one. */
  foreignReportOf(reference: string): ForeignReport | undefined {
    return foreignReportOf(this.#weather.lies ?? {}, this.#dice("foreign-word", reference))
  }

  /** The false report on the n-th file of orders. Its number is used because its name depends on the day. */
  fileLieOf(nth: number): FileLie | undefined {
    return fileLieOf(this.#weather.lies ?? {}, this.#dice("file-lie", String(nth)))
  }

  /** The later decision about an item that is approved now; `doubted` if there was something odd about it. */
  changeOfMindOf(about: string, doubted: boolean): ChangeOfMind | undefined {
    return changeOfMindOf(this.#weather.lies ?? {}, doubted, this.#dice("mind", about))
  }

  /**
   * The time before which keys are forgotten, in milliseconds since 1970, for a server that remembers them for `rememberedMs`.
   */
  keysForgottenBefore(rememberedMs = Number.POSITIVE_INFINITY): number {
    return Date.now() - Math.min(rememberedMs, this.#weather.keysForgottenAfterMs ?? rememberedMs)
  }

  /** The error of the clock that dates callbacks. */
  get clockSkewMs(): number {
    return this.#weather.callbacks?.clockSkewMs ?? 0
  }

  /** Waits; false if the station closed meanwhile. */
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

/** A server's app under its weather, the only place where weather affects requests. The books are open in any weather. */
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

const isSpared = (path: string): boolean =>
  path === "/sandbox" || path === "/sandbox/breaches" || path === "/books"

/** Handles one request under the weather: before the work, the work itself, and its answer. */
const meet = async (c: Context<SandboxEnv>, app: Hono<SandboxEnv>, station: WeatherStation) => {
  if (station.isFair) return app.fetch(c.req.raw, c.env)
  const { outage } = station
  if (outage === "reset") return cut(c)
  if (outage === "503") return c.json({ code: "down" }, 503)
  if (station.isBurst) return tooMany(c, station)
  // The work is done also when the client has gone by then.
  const body = await bodyOf(c)
  if (body === undefined) throw refusal(413, tooLarge)
  const key = keyOf(c)
  const fate = station.fateOf(c.req.method === "POST", key)
  if (!(await station.pause(fate.msBefore))) return cut(c)
  if (fate.instead === "too-many-requests") return tooMany(c, station)
  if (fate.instead === "silence") return keepSilent(c)
  if (fate.instead === "error") return serverError(c, key)
  const answer = await app.fetch(c.req.raw, { ...c.env, body })
  if (answer === unanswered) return answer
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

/** The key of a request: its idempotency key, else its address. */
const keyOf = (c: Context<SandboxEnv>): string => {
  const key = headerOf(c, "idempotency-key") || headerOf(c, "x-request-id")
  if (key !== "") return key
  const { pathname, search } = new URL(c.req.url)
  return pathname + search
}

const tooMany = (c: Context<SandboxEnv>, { weather }: WeatherStation): Response =>
  c.json({ code: "too-many-requests" }, 429, {
    "retry-after": String(weather.tooManyRequests?.retryAfterS ?? 1),
  })

const serverError = (c: Context<SandboxEnv>, key: string): Response => {
  const status = serverErrors[Math.floor(chanceOf("status", key) * serverErrors.length)] ?? 500
  return c.json({ code: "bad-weather" }, status)
}
