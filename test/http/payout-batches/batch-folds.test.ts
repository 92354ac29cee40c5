import { Context, Effect, Fiber } from "effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { BatchEvent } from "../../../src/domain/events.ts"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { TokenBuckets } from "../../../src/http/edge/token-buckets.ts"
import { BatchFolds } from "../../../src/http/payout-batches/batch-folds.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import type { BatchView } from "../../../src/projections/batch-queries.ts"
import { beginningOf } from "../../../src/streams/event-range.ts"
import { CorruptEntry, EventStore } from "../../../src/streams/event-store.ts"
import { linked } from "../../../src/streams/hash-chain.ts"
import { batchId, Story } from "../../domain/batch-story.ts"
import { ApiUnderTest, globex } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"
import { payout } from "./payout-batch-body.ts"

/** A log of given events, that counts what is read of it. */
const logOf = (events: ReadonlyArray<BatchEvent>) => {
  const goneNow: Effect.Effect<never, CorruptEntry | StoreUnavailable> = Effect.die(
    new Error("the store is gone"),
  )
  const of = { events, read: 0, failsFrom: Number.POSITIVE_INFINITY, failure: goneNow }
  const read: EventStore["Service"]["read"] = (batch, after, limit) =>
    Effect.suspend(() => {
      if (after >= of.failsFrom) return of.failure
      const found = linked(beginningOf(batch).head, of.events)
        .map(({ hash }, index) => ({ version: index + 1, event: of.events[index] as BatchEvent, hash }))
        .slice(after, after + limit)
      of.read += found.length
      return Effect.succeed(found)
    })
  return Object.assign(of, { folds: new BatchFolds({ read } as EventStore["Service"]) })
}

const versionOf = (log: ReturnType<typeof logOf>, id: BatchId = batchId) =>
  Effect.runPromise(log.folds.show(id, ({ batch }) => batch.version))

describe("a batch that is shown again", () => {
  const whole = new Story().started(20).events

  it("is read from where it was left", async () => {
    const log = logOf(whole.slice(0, -1))
    expect(await versionOf(log)).toBe(whole.length - 1)
    log.read = 0
    log.events = whole
    expect(await versionOf(log)).toBe(whole.length)
    expect(log.read, "the last that was known, and the new one").toBe(2)
  })

  it("is folded anew when its store came back older, or with another history", async () => {
    const log = logOf(whole)
    await versionOf(log)
    log.events = whole.slice(0, -1)
    expect(await versionOf(log)).toBe(whole.length - 1)
    const [first, ...others] = whole
    log.events = [{ ...(first as BatchEvent), at: 5 }, ...others]
    const { receivedAt, version } = await Effect.runPromise(
      log.folds.show(batchId, ({ batch: { receivedAt, version } }) => ({ receivedAt, version })),
    )
    expect({ receivedAt, version }).toEqual({ receivedAt: 5, version: whole.length })
  })

  const refused = {
    _tag: "CancellationRefused",
    at: 1,
    by: "sam",
    items: [{ item: 1, reason: "late" }],
  } as const
  const long = [...whole, ...Array(40).fill(refused)]

  it("is folded anew after a look that failed half way", async () => {
    const log = logOf(long)
    log.failsFrom = 16
    await expect(versionOf(log)).rejects.toThrow("the store is gone")
    log.failsFrom = Number.POSITIVE_INFINITY
    log.read = 0
    expect(await versionOf(log)).toBe(long.length)
    expect(log.read).toBe(long.length)
  })

  it("is folded anew after an entry that is not what was written", async () => {
    const log = logOf(long)
    log.failsFrom = 16
    log.failure = Effect.fail(new CorruptEntry({ batch: batchId, entry: "17-0", reason: "another hash" }))
    await expect(versionOf(log)).rejects.toThrow()
    log.failsFrom = Number.POSITIVE_INFINITY
    log.read = 0
    expect(await versionOf(log)).toBe(long.length)
    expect(log.read).toBe(long.length)
  })

  it("is read from where a client left that went away", async () => {
    const log = logOf(long)
    log.failsFrom = 16
    const asked = Promise.withResolvers<void>()
    log.failure = Effect.andThen(Effect.sync(asked.resolve), Effect.never)
    const client = Effect.runFork(log.folds.show(batchId, ({ batch }) => batch.version))
    await asked.promise
    await Effect.runPromise(Fiber.interrupt(client))
    log.failsFrom = Number.POSITIVE_INFINITY
    log.read = 0
    expect(await versionOf(log)).toBe(long.length)
    expect(log.read, "the last that was known, and those after it").toBe(1 + long.length - 16)
  })

  it.each([
    ["before its first answer", 0],
    ["half way", 40],
  ])("is read from where a store left that stopped answering %s", async (_, failsFrom) => {
    const log = logOf(long.slice(0, 40))
    await versionOf(log)
    log.events = [...long]
    log.failsFrom = failsFrom
    log.failure = Effect.fail(new StoreUnavailable({ store: "redis", step: "read", reason: "no answer" }))
    await expect(versionOf(log)).rejects.toThrow()
    log.failsFrom = Number.POSITIVE_INFINITY
    log.read = 0
    expect(await versionOf(log)).toBe(long.length)
    expect(log.read, "the last that was known, and those after it").toBe(1 + long.length - 40)
  })

  it("is one for all who ask at a time", async () => {
    const log = logOf(whole)
    expect(await Promise.all(Array.from({ length: 20 }, () => versionOf(log)))).toEqual(
      Array(20).fill(whole.length),
    )
    expect(log.read).toBeLessThan(whole.length + 2 * 20)
  })

  it("is forgotten when others need the room", async () => {
    const log = logOf(new Story().asked(60_000).events)
    const ids = ["b", "c", "d", "e"].map((letter) => `pb_${letter.repeat(22)}` as BatchId)
    for (const id of ids) await versionOf(log, id)
    log.read = 0
    await versionOf(log, ids[3])
    expect(log.read, "the last is kept").toBe(1)
    log.read = 0
    await versionOf(log, ids[0])
    expect(log.read, "the first is not").toBeGreaterThan(100)
  })
})

describe("?atLeast", () => {
  let api: ApiUnderTest
  let known: BatchView | undefined
  let read = 0
  const id = batchIdOf("acme", "asked")
  beforeEach(async () => {
    known = undefined
    api = await ApiUnderTest.open({ queries: readModels({ batch: () => Effect.succeed(known) }) })
    await api.post("asked", { items: [payout("a")] })
    const { json } = await api.get(`/payout-batches/${id}`)
    const { itemCount, version } = json as { itemCount: number; version: number }
    const view = {
      id,
      reference: "shown",
      idempotencyKey: "asked",
      state: "received",
      totals: {},
      itemCount,
      version,
    }
    known = { ...view, receivedAt: 0, updatedAt: 0, closedAt: undefined } as BatchView
    const store = Context.get(api.streams, EventStore)
    const { read: reading } = store
    Object.assign(store, {
      read: (...of: Parameters<typeof reading>) =>
        Effect.tap(reading(...of), (events) =>
          Effect.sync(() => {
            read += events.length
          }),
        ),
    })
    read = 0
  })
  afterEach(() => api[Symbol.asyncDispose]())

  it("beyond the end of the log is refused with the version that it ends with, and reads no event", async () => {
    for (const version of [999_999_999, 4, 1_000])
      expect(await api.get(`/payout-batches/${id}?atLeast=${version}`)).toMatchObject({
        status: 409,
        json: { type: "/problems/version-not-reached", version: 3 },
      })
    expect(read).toBe(0)
    expect((await api.get(`/payout-batches/${id}?atLeast=3`)).json).toMatchObject({ reference: "shown" })
  })

  it("beyond the end of a log that is not shown yet is refused as well", async () => {
    for (const shown of [undefined, { ...(known as BatchView), version: 1 }]) {
      known = shown
      expect(await api.get(`/payout-batches/${id}?atLeast=4`)).toMatchObject({
        status: 409,
        json: { type: "/problems/version-not-reached", version: 3 },
      })
    }
  })

  it("within it is answered by the log, and not read as a whole again", async () => {
    known = { ...(known as BatchView), version: 2 }
    const ask = async () => (await api.get(`/payout-batches/${id}?atLeast=3`)).json.version
    expect(await ask()).toBe(3)
    read = 0
    expect(await ask()).toBe(3)
    expect(read, "the one after what is shown, the partner's, and the last").toBe(3)
  })

  it("is for so many looks a second", async () => {
    known = undefined
    const stopped = vi.spyOn(Date, "now").mockReturnValue(Date.now())
    const answers = await Promise.all(Array.from({ length: 210 }, () => api.get(`/payout-batches/${id}`)))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.headers.get("retry-after")).toBe("1")
    expect((await api.get(`/payout-batches/${id}`, globex)).status, "another partner").toBe(404)
    stopped.mockRestore()
  })
})

it("a bucket fills up with time, and not beyond its brim", () => {
  const buckets = new TokenBuckets(10, 20)
  const taken = (now: number) => {
    let count = 0
    while (buckets.take("acme", now) === 0) count += 1
    return count
  }
  expect(taken(0)).toBe(20)
  expect(buckets.take("acme", 0)).toBe(1)
  expect(taken(500)).toBe(5)
  expect(taken(1_000_000)).toBe(20)
  expect(taken(999_000), "a clock that was set back gives nothing").toBe(0)
  expect(buckets.take("globex", 0)).toBe(0)
})
