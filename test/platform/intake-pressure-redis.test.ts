import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Scope } from "effect"
import { IntakePressure, PRESSED_REQUESTS, PRESSURE_MS } from "../../src/platform/intake-pressure.ts"
import { layer as pressureOverRedis } from "../../src/platform/intake-pressure-redis.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { ownPrefix, settings } from "../settings.ts"

const WAIT_MS_MAX = 10_000

/** One process of a deployment, until the scope closes. */
const startProcess = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(
    Layer.fresh(pressureOverRedis).pipe(
      Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
      Layer.provideMerge(freshMetrics),
      Layer.provide(settings(environment)),
    ),
    scope,
  )
  return Effect.runSync(
    Effect.all({ pressure: IntakePressure, redis: RedisConnections, metrics: Metrics }).pipe(
      Effect.provide(context),
    ),
  )
})

/** A deployment of its own: a process that accepts, and one that settles. */
const deployment = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>> = {}) {
  const own = { STREAM_PREFIX: ownPrefix(), ...environment }
  const [api, worker] = yield* Effect.all([startProcess(own), startProcess(own)])
  return { api, worker, key: `${own.STREAM_PREFIX}:pressed`, redis: worker.redis.commands }
})

/** Requests under way until the fiber is interrupted. */
const requests = (
  count: number,
  { pressure }: Pick<Effect.Success<ReturnType<typeof startProcess>>, "pressure">,
) =>
  Effect.forkChild(
    Effect.forEach(Array.from({ length: count }), () => pressure.accepting(Effect.never), {
      concurrency: "unbounded",
    }),
    { startImmediately: true },
  )

/** Waits until the share is as expected, and gives how long that took in milliseconds. */
const untilShare = Effect.fnUntraced(function* (share: () => number, expected: number) {
  const since = performance.now()
  while (share() !== expected) {
    assert.isBelow(performance.now() - since, WAIT_MS_MAX)
    yield* Effect.sleep(5)
  }
  return performance.now() - since
})

/**
 * The shares that are seen within some time. If all of this process stands still, on a machine that is busy with other things, so do
 * those here that renew the pressure: then it may be over for a moment, which is not looked at.
 */
const sharesWithin = Effect.fnUntraced(function* (share: () => number, ms: number) {
  const seen = new Set<number>()
  const since = performance.now()
  let lookedAt = since
  while (performance.now() - since < ms) {
    if (performance.now() - lookedAt < PRESSURE_MS / 4) seen.add(share())
    else yield* Effect.sleep(PRESSURE_MS / 2)
    lookedAt = performance.now()
    yield* Effect.sleep(5)
  }
  return [...seen]
})

const isPressed = ({ metrics }: { readonly metrics: Metrics }) =>
  Effect.promise(async () => (await metrics.intakePressed.get()).values[0]?.value)

describe("pressure on the intake of one process", () => {
  it.live("lets all processes keep a share of their pace, until it ends", () =>
    Effect.gen(function* () {
      const { api, worker, key, redis } = yield* deployment()
      assert.strictEqual(worker.pressure.share(), 1)
      const underWay = yield* requests(PRESSED_REQUESTS, api)
      assert.strictEqual(api.pressure.share(), 0.1)
      yield* untilShare(worker.pressure.share, 0.1)
      assert.isAtMost(yield* Effect.promise(() => redis.pttl(key)), PRESSURE_MS)
      assert.isAbove(yield* Effect.promise(() => redis.pttl(key)), 0)
      // However long the requests take.
      assert.deepStrictEqual(yield* sharesWithin(worker.pressure.share, 2 * PRESSURE_MS), [0.1])
      assert.strictEqual(yield* isPressed(worker), 1)
      assert.strictEqual(yield* isPressed(api), 1)
      yield* Fiber.interrupt(underWay)
      yield* untilShare(worker.pressure.share, 1)
      yield* untilShare(api.pressure.share, 1)
      while (((yield* isPressed(worker)) ?? 0) + ((yield* isPressed(api)) ?? 0) > 0) yield* Effect.sleep(20)
    }),
  )

  it.live("ends by itself when the process is gone", () =>
    Effect.gen(function* () {
      const own = { STREAM_PREFIX: ownPrefix() }
      const worker = yield* startProcess(own)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* requests(PRESSED_REQUESTS, yield* startProcess(own))
          yield* untilShare(worker.pressure.share, 0.1)
        }),
      )
      assert.isBelow(yield* untilShare(worker.pressure.share, 1), 3 * PRESSURE_MS)
    }),
  )

  it.live("is not there with fewer requests: nothing is written, and nothing yields", () =>
    Effect.gen(function* () {
      const { api, worker, key, redis } = yield* deployment()
      yield* requests(PRESSED_REQUESTS - 1, api)
      assert.deepStrictEqual(yield* sharesWithin(worker.pressure.share, 500), [1])
      assert.strictEqual(api.pressure.share(), 1)
      assert.strictEqual(yield* Effect.promise(() => redis.exists(key)), 0)
      assert.strictEqual(yield* isPressed(api), 0)
    }),
  )

  it.live("is turned off by a share of 100 percent, and is at another share with another setting", () =>
    Effect.gen(function* () {
      const off = yield* deployment({ SETTLING_SHARE_PERCENT: "100" })
      yield* requests(PRESSED_REQUESTS, off.api)
      assert.deepStrictEqual(yield* sharesWithin(off.worker.pressure.share, 500), [1])
      assert.strictEqual(off.api.pressure.share(), 1)
      assert.strictEqual(yield* Effect.promise(() => off.redis.exists(off.key)), 0)
      const half = yield* deployment({ SETTLING_SHARE_PERCENT: "50" })
      yield* requests(PRESSED_REQUESTS, half.api)
      yield* untilShare(half.worker.pressure.share, 0.5)
    }),
  )
})

describe("a mark that nobody renews", () => {
  it.live.each(["1", "", "99999999999999999999", '{"until":"never"}'])(
    "has no effect after its time: %j",
    (mark) =>
      Effect.gen(function* () {
        const { worker, key, redis } = yield* deployment()
        yield* Effect.promise(() => redis.set(key, mark))
        yield* untilShare(worker.pressure.share, 0.1)
        yield* untilShare(worker.pressure.share, 1)
        assert.deepStrictEqual(yield* sharesWithin(worker.pressure.share, PRESSURE_MS), [1])
      }),
  )

  it.live("has no effect if it is of another type, and that is logged", () =>
    Effect.gen(function* () {
      const { worker, key, redis } = yield* deployment()
      yield* Effect.promise(() => redis.lpush(key, "x"))
      assert.deepStrictEqual(yield* sharesWithin(worker.pressure.share, 500), [1])
    }),
  )
})
