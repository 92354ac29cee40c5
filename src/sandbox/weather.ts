import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { CallbackTravel } from "./callbacks.ts"
import { drawLatencyMs, latencyMsMax, type Throw } from "./dice.ts"
import { Lies, liars } from "./lies.ts"
import { falls, Share } from "./share.ts"

const windowMsMax = 600_000
const dayMs = 86_400_000

const wholeUpTo = (maximum: number, minimum = 0) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const LatencyMs = wholeUpTo(latencyMsMax)
const WindowMs = wholeUpTo(windowMsMax)

const Latency = Schema.Union([
  Schema.Struct({ distribution: Schema.Literal("constant"), ms: LatencyMs }),
  Schema.Struct({ distribution: Schema.Literal("uniform"), msMin: LatencyMs, msMax: LatencyMs }),
  Schema.Struct({
    distribution: Schema.Literal("lognormal"),
    msMedian: wholeUpTo(latencyMsMax, 1),
    msP99: wholeUpTo(latencyMsMax, 1),
  }),
])

export const malformedKinds = ["html", "wrong-types", "huge", "redirect", "truncated"] as const
export type MalformedKind = (typeof malformedKinds)[number]

/** What can go wrong at a server and on the way to it. docs/SANDBOX.md describes each field. */
const Weather = Schema.Struct({
  seed: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String.check(Schema.isMaxLength(200))])),
  latency: Schema.optionalKey(Latency),
  inquiryLatency: Schema.optionalKey(Latency),
  errorsBefore: Schema.optionalKey(Share),
  errorsAfter: Schema.optionalKey(Share),
  inquiryErrors: Schema.optionalKey(Share),
  silence: Schema.optionalKey(Share),
  lostReplies: Schema.optionalKey(
    Schema.Struct({ cut: Schema.optionalKey(Share), hang: Schema.optionalKey(Share) }),
  ),
  tooManyRequests: Schema.optionalKey(
    Schema.Struct({
      share: Schema.optionalKey(Share),
      burst: Schema.optionalKey(Schema.Struct({ everyMs: wholeUpTo(windowMsMax, 1), forMs: WindowMs })),
      retryAfterS: Schema.optionalKey(wholeUpTo(3_600)),
    }),
  ),
  down: Schema.optionalKey(
    Schema.Struct({
      how: Schema.Literals(["refused", "reset", "503"]),
      inMs: Schema.optionalKey(WindowMs),
      forMs: WindowMs,
    }),
  ),
  malformed: Schema.optionalKey(
    Schema.Struct({
      share: Share,
      kinds: Schema.optionalKey(
        Schema.Array(Schema.Literals(malformedKinds)).check(Schema.isBetweenLength(1, 5)),
      ),
    }),
  ),
  forgottenKeys: Schema.optionalKey(Share),
  keysForgottenAfterMs: Schema.optionalKey(wholeUpTo(dayMs)),
  callbacks: Schema.optionalKey(
    Schema.Struct({
      duplicate: Schema.optionalKey(Share),
      reordered: Schema.optionalKey(Share),
      late: Schema.optionalKey(Share),
      lateMs: Schema.optionalKey(WindowMs),
      early: Schema.optionalKey(Share),
      clockSkewMs: Schema.optionalKey(wholeUpTo(dayMs, -dayMs)),
    }),
  ),
  lies: Schema.optionalKey(Lies),
})
export type Weather = typeof Weather.Type

const sendCallbacks = ["compliance", "north", "south", "adyen"]
const pay = ["north", "south", "west", "adyen"]

/** Fields that only some servers have. */
const only: { readonly [Field in keyof Weather]: readonly string[] } = {
  inquiryLatency: pay,
  inquiryErrors: pay,
  forgottenKeys: pay,
  keysForgottenAfterMs: pay,
  callbacks: sendCallbacks,
}

const decodeFields = Schema.decodeUnknownResult(Weather, { onExcessProperty: "error", errors: "all" })

/** Reads the weather of one server. The failure is a text that names the field. */
export const decodeWeather = (server: string, json: unknown): Result.Result<Weather, string> => {
  const decoded = decodeFields(json)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure.message)
  const weather = decoded.success
  const objection = misplaced(server, "", only, weather) ?? misplaced(server, "lies.", liars, weather.lies)
  if (objection !== undefined) return Result.fail(objection)
  return Result.succeed(weather)
}

/** The problem with a field that this server does not have, if there is one. */
const misplaced = (
  server: string,
  above: string,
  allowed: Readonly<Record<string, readonly string[]>>,
  given: object = {},
): string | undefined => {
  const found = Object.entries(allowed).find(
    ([field, servers]) => field in given && !servers.includes(server),
  )
  if (found === undefined) return undefined
  const [field, servers] = found
  return `${above}${field}: only for ${servers.join(", ")}, not for ${server}`
}

/** What happens to one request: how long it takes, what happens instead of the work, and what happens to the answer. */
export interface Fate {
  readonly msBefore: number
  readonly msAfter: number
  readonly instead?: "too-many-requests" | "silence" | "error" | undefined
  readonly answer?: "error" | "cut" | "hang" | MalformedKind | undefined
}

/** Draws what happens to a request. An order is a request that may move money (a POST); all others inquire. */
export const fateOf = (weather: Weather, isOrder: boolean, dice: Throw): Fate => {
  const latency = (isOrder ? undefined : weather.inquiryLatency) ?? weather.latency
  const ms = latency === undefined ? 0 : drawLatencyMs(latency, dice)
  const msBefore = Math.round(ms * dice("latency-before"))
  const instead = insteadOf(weather, isOrder, dice)
  const answer = instead === undefined ? answerOf(weather, isOrder, dice) : undefined
  return { msBefore, msAfter: ms - msBefore, instead, answer }
}

const insteadOf = (weather: Weather, isOrder: boolean, dice: Throw): Fate["instead"] => {
  if (falls(weather.tooManyRequests?.share, "tooManyRequests", dice)) return "too-many-requests"
  if (!isOrder) return falls(weather.inquiryErrors, "inquiryErrors", dice) ? "error" : undefined
  if (falls(weather.silence, "silence", dice)) return "silence"
  return falls(weather.errorsBefore, "errorsBefore", dice) ? "error" : undefined
}

const answerOf = (weather: Weather, isOrder: boolean, dice: Throw): Fate["answer"] => {
  const { errorsAfter, lostReplies, malformed } = weather
  if (isOrder && falls(errorsAfter, "errorsAfter", dice)) return "error"
  if (isOrder && falls(lostReplies?.cut, "lostReplies.cut", dice)) return "cut"
  if (isOrder && falls(lostReplies?.hang, "lostReplies.hang", dice)) return "hang"
  if (!falls(malformed?.share, "malformed", dice)) return undefined
  const kinds = malformed?.kinds ?? malformedKinds
  return kinds[Math.floor(dice("malformed.kinds") * kinds.length)]
}

const lateMsDefault = 1_000
/** The time in which other callbacks can overtake one. */
const overtakenMs = 250

/** Draws how a callback is sent; `nextInMs` is when the next one about the same transfer is due, if there is one. */
export const travelOf = (
  { callbacks = {} }: Weather,
  nextInMs: number | undefined,
  dice: Throw,
): CallbackTravel => {
  const late = falls(callbacks.late, "callbacks.late", dice) ? (callbacks.lateMs ?? lateMsDefault) : 0
  const copies = falls(callbacks.duplicate, "callbacks.duplicate", dice) ? 2 : 1
  if (!falls(callbacks.reordered, "callbacks.reordered", dice)) return { copies, delayMs: late }
  // Behind its own successor, even if that is overtaken, too; else at a random place among other callbacks.
  const behind =
    nextInMs === undefined ? Math.round(overtakenMs * dice("callbacks.place")) : nextInMs + 2 * overtakenMs
  return { copies, delayMs: late + behind }
}

/** Whether a callback precedes the answer to its order. */
export const comesEarly = ({ callbacks }: Weather, dice: Throw): boolean =>
  falls(callbacks?.early, "callbacks.early", dice)

/** Whether a key counts as new although it came before. */
export const forgetsKey = ({ forgottenKeys }: Weather, dice: Throw): boolean =>
  falls(forgottenKeys, "forgottenKeys", dice)
