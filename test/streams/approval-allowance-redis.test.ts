import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { type AllowanceTimes, makeAllowance } from "../../src/streams/approval-allowance-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const runtime = ManagedRuntime.make(RedisConnections.layer.pipe(Layer.provide(settings())))
afterAll(() => runtime.dispose())

const day: AllowanceTimes = { bucketMs: 900_000, buckets: 97, markMs: 900_000 }

/** Takes amounts of EUR, of which a day may have 100, for a partner, under ids. */
const opened = async (times = day) => {
  const redis = await runtime.runPromise(RedisConnections)
  const prefix = ownPrefix()
  const { take } = makeAllowance(redis, prefix, times)
  const euros = (id: string, minor: bigint, partner = "acme") =>
    runtime.runPromise(take(PartnerId.make(partner), id, [{ currency: "EUR", minor, perDay: 100n }]))
  return { take, euros, prefix, redis: redis.commands }
}

describe("an allowance", () => {
  it("is taken until it is used up, by each partner for itself", async () => {
    const { euros } = await opened()
    expect([
      await euros("a", 60n),
      await euros("b", 41n),
      await euros("c", 40n),
      await euros("d", 1n),
    ]).toEqual([true, false, true, false])
    expect(await euros("a", 100n, "globex")).toBe(true)
  })

  it("is taken in all currencies or in none", async () => {
    const { take, euros } = await opened()
    const both = [
      { currency: "EUR", minor: 50n, perDay: 100n },
      { currency: "JPY", minor: 2n, perDay: 1n },
    ]
    expect(await runtime.runPromise(take(PartnerId.make("acme"), "both", both))).toBe(false)
    expect(await euros("all", 100n), "nothing was taken of EUR").toBe(true)
  })

  it("is taken once under one id, however often it is asked for", async () => {
    const { euros } = await opened()
    const asked = await Promise.all(Array.from({ length: 10 }, () => euros("same", 60n)))
    expect(asked).toEqual(Array(10).fill(true))
    expect([await euros("rest", 40n), await euros("more", 1n), await euros("same", 60n)]).toEqual([
      true,
      false,
      true,
    ])
  })

  it("is not exceeded by many who ask at the same moment", async () => {
    const { euros } = await opened()
    const asked = await Promise.all(Array.from({ length: 50 }, (_, id) => euros(`id-${id}`, 7n)))
    expect(asked.filter((taken) => taken)).toHaveLength(14)
  })

  it("is exact up to the largest amounts", async () => {
    const { take } = await opened()
    const most = 999_999_999_999_999n
    const of = (id: string, minor: bigint) =>
      runtime.runPromise(take(PartnerId.make("acme"), id, [{ currency: "EUR", minor, perDay: most }]))
    expect([await of("a", most - 1n), await of("b", 2n), await of("c", 1n), await of("d", 1n)]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it("comes back when its time is over, and leaves nothing behind", async () => {
    const { euros, prefix, redis } = await opened({ bucketMs: 50, buckets: 4, markMs: 50 })
    const since = Date.now()
    expect(await euros("first", 100n)).toBe(true)
    for (let tries = 0; !(await euros(`again-${tries}`, 100n)); tries += 1);
    expect(Date.now() - since, "not before the whole of it").toBeGreaterThanOrEqual(200)
    const left = () => redis.keys(`${prefix}*`)
    await expect.poll(left, { timeout: 5_000 }).toEqual([])
  })

  it("counts a request anew once the mark of the first time is gone", async () => {
    const { euros } = await opened({ bucketMs: 900_000, buckets: 97, markMs: 1 })
    expect(await euros("late", 60n)).toBe(true)
    await expect.poll(() => euros("late", 60n), { timeout: 5_000 }).toBe(false)
  })
})

it("says that it does not know when Redis does not answer", async () => {
  const away = { eval: () => Promise.reject(new Error("ECONNREFUSED")) } as never
  const { take } = makeAllowance({ commands: away, replicated: () => Effect.void }, "away", day)
  const failure = await Effect.runPromise(
    Effect.flip(take(PartnerId.make("acme"), "a", [{ currency: "EUR", minor: 1n, perDay: 1n }])),
  )
  expect(failure._tag).toBe("StoreUnavailable")
})
