import { Layer, ManagedRuntime } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { OpenCount } from "../../src/streams/day-limit.ts"
import { type DayTimes, makeDayLimit } from "../../src/streams/day-limit-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const runtime = ManagedRuntime.make(RedisConnections.layer.pipe(Layer.provide(settings())))
afterAll(() => runtime.dispose())

const day: DayTimes = { bucketMs: 900_000, buckets: 96 }

/** Counts amounts of EUR in days of 100, of a partner, under ids. */
const opened = async (times = day) => {
  const redis = await runtime.runPromise(RedisConnections)
  const prefix = ownPrefix()
  const limit = makeDayLimit(redis, prefix, times)
  const acme = PartnerId.make("acme")
  const count = (id: string, minor: bigint, partner = "acme", max = 100n) =>
    runtime.runPromise(limit.count(PartnerId.make(partner), id, [{ currency: "EUR", minor, max }]))
  const fits = async (id: string, minor: bigint, partner?: string) =>
    (await count(id, minor, partner))._tag === "Counted"
  return {
    limit,
    count,
    fits,
    prefix,
    redis: redis.commands,
    open: (id: string) => runtime.runPromise(limit.opened(acme, id)),
    giveBack: (of: OpenCount) => runtime.runPromise(limit.giveBack(acme, of)),
    pending: async () =>
      (await runtime.runPromise(limit.open(acme, Date.now() + 60_000, 100))).map(({ id }) => id),
  }
}

describe("a day", () => {
  it("takes what fits into it, of each partner for itself", async () => {
    const { fits } = await opened()
    expect([await fits("a", 60n), await fits("b", 41n), await fits("c", 40n), await fits("d", 1n)]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(await fits("a", 100n, "globex")).toBe(true)
  })

  it("counts all currencies or none, and names the one that does not fit", async () => {
    const { limit, fits } = await opened()
    const both = [
      { currency: "EUR", minor: 50n, max: 100n },
      { currency: "JPY", minor: 2n, max: 1n },
    ]
    const answer = await runtime.runPromise(limit.count(PartnerId.make("acme"), "both", both))
    expect(answer).toMatchObject({ _tag: "Exceeded", currency: "JPY" })
    expect(await fits("all", 100n), "nothing was counted of EUR").toBe(true)
  })

  it("counts an id once, before its batch is opened and after", async () => {
    const { fits, open, pending } = await opened()
    const asked = await Promise.all(Array.from({ length: 10 }, () => fits("same", 60n)))
    expect(asked).toEqual(Array(10).fill(true))
    await open("same")
    expect(await fits("same", 60n)).toBe(true)
    expect(await pending(), "it was opened, and stays so").toEqual([])
    expect([await fits("rest", 40n), await fits("more", 1n)]).toEqual([true, false])
  })

  it("is not exceeded by many who count at the same moment", async () => {
    const { fits } = await opened()
    const asked = await Promise.all(Array.from({ length: 50 }, (_, id) => fits(`id-${id}`, 7n)))
    expect(asked.filter((counted) => counted)).toHaveLength(14)
  })

  it("is exact up to the largest amounts", async () => {
    const { count } = await opened()
    const most = 999_999_999_999_999n
    const of = async (id: string, minor: bigint) => (await count(id, minor, "acme", most))._tag
    expect([await of("a", most - 1n), await of("b", 2n), await of("c", 1n), await of("d", 1n)]).toEqual([
      "Counted",
      "Exceeded",
      "Counted",
      "Exceeded",
    ])
  })

  it("ends, and leaves nothing behind", async () => {
    const { fits, prefix, redis } = await opened({ bucketMs: 50, buckets: 4 })
    const since = Date.now()
    expect(await fits("first", 100n)).toBe(true)
    for (let tries = 0; !(await fits(`again-${tries}`, 100n)); tries += 1);
    expect(Date.now() - since, "not before the whole of it").toBeGreaterThanOrEqual(200)
    await expect.poll(() => redis.keys(`${prefix}:*`), { timeout: 5_000 }).toEqual([])
  })
})

describe("a count", () => {
  it("is given back if its batch was not opened, and no other", async () => {
    const { count, fits, giveBack, open, pending } = await opened()
    const lost = await count("lost", 60n)
    const kept = await count("kept", 40n)
    await open("kept")
    expect(await pending()).toEqual(["lost"])
    expect(await giveBack({ id: "kept", at: kept.at }), "it was opened").toBe(false)
    expect(await giveBack({ id: "lost", at: lost.at })).toBe(true)
    expect(await giveBack({ id: "lost", at: lost.at }), "a second time").toBe(false)
    expect([await fits("new", 60n), await fits("more", 1n)]).toEqual([true, false])
  })

  it("stays with a repetition that took it over", async () => {
    const { count, fits, giveBack } = await opened({ bucketMs: 20, buckets: 1_000 })
    const first = await count("same", 60n)
    let again = await count("same", 60n)
    while (again.at - first.at < 50) again = await count("same", 60n)
    expect(await giveBack({ id: "same", at: first.at })).toBe(false)
    expect([await fits("rest", 40n), await fits("more", 1n)]).toEqual([true, false])
    expect(await giveBack({ id: "same", at: again.at })).toBe(true)
    expect([await fits("other", 60n), await fits("more", 1n)]).toEqual([true, false])
  })

  it("that is taken over has a later time, also within a millisecond", async () => {
    const { count } = await opened()
    const made = await Promise.all(Array.from({ length: 50 }, () => count("same", 1n)))
    expect(new Set(made.map(({ at }) => at)).size).toBe(50)
  })

  it("is looked at without what the same request counted, and nothing is counted", async () => {
    const { count, fits, limit, open } = await opened()
    await count("mine", 60n)
    await count("other", 30n)
    await open("other")
    const taken = (id: string) => runtime.runPromise(limit.taken(PartnerId.make("acme"), id))
    expect([await taken("mine"), await taken("new"), await taken("other")]).toEqual([
      new Map([["EUR", 30n]]),
      new Map([["EUR", 90n]]),
      new Map([["EUR", 90n]]),
    ])
    expect([await fits("rest", 10n), await fits("more", 1n)]).toEqual([true, false])
  })

  it("stays where a repetition does not fit any more: the first request may be about to open its batch", async () => {
    const { count, fits } = await opened()
    await count("same", 60n)
    expect((await count("same", 60n, "acme", 59n))._tag).toBe("Exceeded")
    expect([await fits("rest", 40n), await fits("more", 1n)]).toEqual([true, false])
  })
})
