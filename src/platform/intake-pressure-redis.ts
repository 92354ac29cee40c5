/**
 * `<prefix>:pressed` is a mark that a process leaves while its intake is pressed. It changes with each write and expires by
 * itself. Workers and followers read it while they work, so it costs nothing at rest and in processes that only accept.
 */
import { randomUUID } from "node:crypto"
import { Effect, FiberSet, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { IntakePressure, PRESSURE_MS, PressureSigns } from "./intake-pressure.ts"
import { RedisConnections } from "./redis.ts"
import { attempt, type RedisUnavailable } from "./redis-failure.ts"

/** How often a pressed process leaves a mark. */
const MARK_EVERY_MS = 250
/** A mark is left only this soon after a sign of pressure, so that other processes do not yield much longer than this one. */
const SIGN_MS = 2 * MARK_EVERY_MS
/** For how long a mark that was read is used. */
const MARK_FRESH_MS = 100
/** After a failure, for how long nothing is marked or read: it would fail again, and each failure is logged. */
const RETRY_MS = 5_000

/** The pressure of all processes that share REDIS_URL. SETTLING_SHARE_PERCENT=100 turns it off. */
export const layer = Layer.effect(
  IntakePressure,
  Effect.gen(function* () {
    const { redis, worker } = yield* AppConfig
    if (worker.settlingSharePercent === 100) return yield* IntakePressure
    const { commands } = yield* RedisConnections
    const { intakePressed } = yield* Metrics
    const run = yield* FiberSet.makeRuntime()
    const key = `${redis.prefix}:pressed`
    const share = worker.settlingSharePercent / 100
    const signs = new PressureSigns()
    let [isWatching, isReading, readAgainAt] = [false, false, Number.NEGATIVE_INFINITY]

    const mark = orLater(
      "mark",
      Effect.as(
        attempt(() => commands.set(key, randomUUID(), "PX", PRESSURE_MS)),
        MARK_EVERY_MS,
      ),
    )
    const readMark = Effect.map(
      attempt(() => commands.get(key)),
      (mark) => {
        signs.sawMark(mark ?? undefined, performance.now())
        return MARK_FRESH_MS
      },
    )
    const read = Effect.gen(function* () {
      readAgainAt = performance.now() + (yield* orLater("read", readMark))
      isReading = false
    })
    /** Runs only while intake is pressed. */
    const watch = Effect.gen(function* () {
      intakePressed.set(1)
      while (signs.isOn(performance.now()))
        yield* Effect.sleep(signs.isOwn(performance.now(), SIGN_MS) ? yield* mark : MARK_EVERY_MS)
      intakePressed.set(0)
      isWatching = false
    })
    const isOn = () => {
      const on = signs.isOn(performance.now())
      if (on && !isWatching) {
        isWatching = true
        run(watch)
      }
      return on
    }
    const began = Effect.sync(() => {
      signs.began(performance.now())
      isOn()
    })
    const ended = Effect.sync(() => signs.ended(performance.now()))
    return {
      accepting: (handling) => Effect.andThen(began, Effect.ensuring(handling, ended)),
      share: () => {
        if (!isReading && performance.now() >= readAgainAt) {
          isReading = true
          run(read)
        }
        return isOn() ? share : 1
      },
    }
  }),
)

/** Redis does not answer: nothing is accepted or settled meanwhile, so nothing has to yield. */
const orLater = (step: string, command: Effect.Effect<number, RedisUnavailable>): Effect.Effect<number> =>
  Effect.catchTag(command, "RedisUnavailable", ({ reason }) =>
    Effect.as(Effect.logWarning("intake pressure not shared", { step, reason }), RETRY_MS),
  )
