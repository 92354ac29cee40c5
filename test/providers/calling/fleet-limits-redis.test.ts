import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll, beforeEach, vi } from "vitest"
import { RedisConnections } from "../../../src/platform/redis.ts"
import { type PolicyFields, policyOf } from "../../../src/providers/calling/call-policy.ts"
import { type CallTerms, ProviderChannels } from "../../../src/providers/calling/channel.ts"
import { FleetLimits } from "../../../src/providers/calling/fleet-limits.ts"
import { layer } from "../../../src/providers/calling/fleet-limits-redis.ts"
import { PATIENCE_MS } from "../../patience.ts"
import { ownPrefix, settings } from "../../settings.ts"

/** A provider that says when each call began, and answers when it is told to. */
const began: Array<number> = []
let underWay = 0
let underWayMax = 0
const answers: Array<() => void> = []
const call = Effect.callback<string>((resume) => {
  began.push(Date.now())
  underWayMax = Math.max(underWayMax, ++underWay)
  answers.push(() => resume(Effect.succeed("yes")))
  return Effect.void
}).pipe(Effect.ensuring(Effect.sync(() => (underWay -= 1))))

const terms: CallTerms<string> = {
  step: "inquiry",
  repeatable: false,
  patienceMs: 0,
  outcomeOf: (said) => said,
}

const STREAM_PREFIX = ownPrefix()

/** As another process would have it: connections, an id and channels of its own. */
const newProcess = () =>
  ManagedRuntime.make(
    Layer.fresh(ProviderChannels.layer).pipe(
      Layer.provideMerge(Layer.fresh(layer)),
      Layer.provide(Layer.fresh(RedisConnections.layer)),
      Layer.provide(settings({ STREAM_PREFIX })),
    ),
  )

let processes: ReadonlyArray<ReturnType<typeof newProcess>>
beforeAll(() => {
  processes = [newProcess(), newProcess()]
})
beforeEach(() => {
  began.length = 0
  answers.length = 0
  underWayMax = 0
})
afterAll(async () => {
  await Promise.all(processes.map((process) => process.dispose()))
})

/** Makes calls at once in each process, through the channel of a provider. */
const callFromEach = async (name: string, fields: PolicyFields, calls: number) => {
  const policy = policyOf(fields, { timeoutMs: 60_000, concurrency: 100 })
  return Promise.all(
    processes.map((process) =>
      process.runPromise(
        Effect.gen(function* () {
          const channel = yield* (yield* ProviderChannels).open({ name, kind: "instant" }, policy)
          const made = Effect.forEach(Array.from({ length: calls }), () => channel.call(terms, call), {
            concurrency: "unbounded",
          })
          return yield* Effect.forkDetach(made)
        }),
      ),
    ),
  )
}

const bookedBy = (number: number, seats: number, leaseMs = 60_000) =>
  processes[number]?.runPromise(
    Effect.flatMap(FleetLimits, ({ book }) =>
      book("seats", { concurrencyOfAll: 4 }, { underWay: 0, seatsWanted: seats, startsWanted: 0, leaseMs }),
    ),
  )

describe("limits of all processes together", () => {
  it.live("hold for calls under way, and are shared out", () =>
    Effect.gen(function* () {
      const calls = yield* Effect.promise(() => callFromEach("concurrency", { concurrencyOfAll: 4 }, 8))
      const answering = setInterval(() => answers.shift()?.(), 20)
      yield* Fiber.joinAll(calls)
      clearInterval(answering)
      assert.strictEqual(began.length, 16)
      assert.strictEqual(underWayMax, 4)
    }),
  )

  it.live("hold for calls per second", () =>
    Effect.gen(function* () {
      const calls = yield* Effect.promise(() => callFromEach("rate", { ratePerSecond: 20 }, 12))
      const answering = setInterval(() => answers.shift()?.(), 1)
      yield* Fiber.joinAll(calls)
      clearInterval(answering)
      assert.strictEqual(began.length, 24)
      const [first = 0, last = 0] = [began[0], began.at(-1)]
      // Two may begin at once, and a tenth of a second is left to the way from Redis to here.
      assert.isAtLeast(last - first, (22 / 20) * 1_000 - 100)
    }),
  )

  it.live("free the seats of a process that died, when its lease is over, and not before", () =>
    Effect.promise(async () => {
      assert.deepInclude(await bookedBy(0, 4, 700), { seats: 4 })
      assert.deepInclude(await bookedBy(1, 4), { seats: 0 })
      await vi.waitUntil(async () => (await bookedBy(1, 4))?.seats === 4, { timeout: 10_000, interval: 50 })
      assert.deepInclude(await bookedBy(0, 4), { seats: 0 })
      assert.deepInclude(await bookedBy(1, 4), { seats: 2 }, "nobody takes more than a fair share")
      assert.deepInclude(await bookedBy(0, 4), { seats: 2 })
    }),
  )

  it.live("let a seat go that a caller waited for in vain", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.promise(() =>
        callFromEach("interrupted", { concurrencyOfAll: 1 }, 1),
      )
      if (one === undefined || other === undefined) throw new Error("there are two processes")
      yield* Effect.promise(() => vi.waitUntil(() => began.length === 1, PATIENCE_MS))
      yield* Effect.all([Fiber.interrupt(one), Fiber.interrupt(other)])
      const calls = yield* Effect.promise(() => callFromEach("interrupted", { concurrencyOfAll: 1 }, 1))
      const answering = setInterval(() => answers.shift()?.(), 5)
      yield* Fiber.joinAll(calls)
      clearInterval(answering)
      assert.strictEqual(underWayMax, 1)
    }),
  )
})
