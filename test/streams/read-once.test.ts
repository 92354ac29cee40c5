import { Clock, Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { emptyProjection, project } from "../../src/projections/projected-batch.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { CorruptEntry, type EventRange, type LoggedEvent } from "../../src/streams/event-store.ts"
import { Reader, readingOnce } from "../../src/streams/read-once.ts"
import { newBatchId, recorded, storyOf } from "../publisher/story.ts"

const log: ReadonlyArray<LoggedEvent> = recorded(storyOf("acme", 5)).map((event) => ({
  ...event,
  hash: `hash ${event.version}`,
}))
const hashOf = (version: number) => log[version - 1]?.hash ?? "start"
const batch = newBatchId()
const range = (after: number, to: number, of = batch): EventRange => ({
  batch: of,
  after,
  to,
  head: hashOf(after),
})
const versions = (answer: ReadonlyArray<Result.Result<ReadonlyArray<LoggedEvent>, CorruptEntry>>) =>
  answer.map((one) =>
    Result.isFailure(one) ? one.failure.reason : one.success.map(({ version }) => version),
  )

const systemClock = Effect.runSync(Clock.Clock)

/** A log that refuses ranges that do not follow from its hashes, as the store does, and counts what it reads. */
const stand = (weightMax = 100) => {
  const asked: Array<ReadonlyArray<number>> = []
  const read = readingOnce(
    (ranges) =>
      Effect.sync(() =>
        ranges.map(({ batch, after, to, head }) => {
          asked.push([after, to])
          return head === hashOf(after)
            ? Result.succeed(log.slice(after, to))
            : Result.fail(new CorruptEntry({ batch, entry: `${after + 1}-0`, reason: "changed" }))
        }),
      ).pipe(Effect.tap(Effect.yieldNow)),
    weightMax,
  )
  const clock = { now: 0 }
  const readBy =
    (reader: string | undefined) =>
    async (...ranges: ReadonlyArray<EventRange>) =>
      versions(
        await Effect.runPromise(
          read(ranges).pipe(
            Effect.provideService(Reader, reader),
            Effect.provideService(Clock.Clock, {
              ...systemClock,
              currentTimeMillis: Effect.sync(() => clock.now),
            }),
          ),
        ),
      )
  return { asked, clock, one: readBy("one"), other: readBy("other"), nobody: readBy(undefined) }
}

describe("two readers of a log", () => {
  it("read each event once, also if they read at the same time", async () => {
    const { asked, one, other } = stand()
    const both = await Promise.all([one(range(0, 3)), other(range(0, 3))])
    expect(both).toEqual([[[1, 2, 3]], [[1, 2, 3]]])
    expect(asked).toEqual([[0, 3]])
  })

  it("may cut the log in other places, and one may be ahead", async () => {
    const { asked, one, other } = stand()
    await one(range(0, 2))
    await one(range(2, 4))
    expect(await other(range(0, 3))).toEqual([[1, 2, 3]])
    expect(await other(range(3, 6))).toEqual([[4, 5, 6]])
    expect(asked).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
    ])
    // What the one that was behind has read beyond the other is there for that one.
    expect(await one(range(4, 6))).toEqual([[5, 6]])
    expect(asked).toHaveLength(3)
  })

  it("each get from the store what they ask for again", async () => {
    const { asked, one, other } = stand()
    await one(range(0, 2))
    expect(await one(range(0, 2))).toEqual([[1, 2]])
    expect(asked).toHaveLength(2)
    expect(await other(range(0, 2))).toEqual([[1, 2]])
    expect(asked).toHaveLength(2)
  })

  it("lose nothing to whoever else reads", async () => {
    const { asked, one, other, nobody } = stand()
    await one(range(0, 2))
    expect(await nobody(range(0, 2))).toEqual([[1, 2]])
    expect(asked).toHaveLength(2)
    expect(await other(range(0, 2))).toEqual([[1, 2]])
    expect(asked).toHaveLength(2)
  })

  it("each get what is theirs of several logs", async () => {
    const { asked, one, other } = stand()
    const second = newBatchId()
    await one(range(0, 2))
    expect(await other(range(0, 2, second), range(0, 3), range(5, 5, second))).toEqual([
      [1, 2],
      [1, 2, 3],
      [],
    ])
    expect(asked).toEqual([
      [0, 2],
      [0, 2],
      [2, 3],
    ])
  })

  it("ask the store again where one stands on another hash", async () => {
    const { asked, one, other } = stand()
    await one(range(0, 3))
    expect(await other({ ...range(1, 3), head: "forged" })).toEqual(["changed"])
    expect(await other({ ...range(0, 3), head: "forged" })).toEqual(["changed"])
    expect(asked).toHaveLength(3)
  })

  it("ask the store again where the log was replaced behind the first of them", async () => {
    const before = log.map((event) => ({ ...event, hash: `before ${event.hash}` }))
    const replaced = [...log.slice(0, 2), ...before.slice(2)]
    let inStore: ReadonlyArray<LoggedEvent> = replaced
    let reads = 0
    const read = readingOnce(
      (ranges) =>
        Effect.sync(() => {
          reads += 1
          return ranges.map(({ batch, after, to, head }) =>
            head === (inStore[after - 1]?.hash ?? "start")
              ? Result.succeed(inStore.slice(after, to))
              : Result.fail(new CorruptEntry({ batch, entry: `${after + 1}-0`, reason: "changed" })),
          )
        }),
      100,
    )
    const by = (reader: string, range: EventRange) =>
      Effect.runPromise(Effect.provideService(read([range]), Reader, reader))
    await by("one", range(2, 4))
    inStore = log
    // As the feed says it now: as much as before, and more.
    for (const to of [4, 5]) {
      const answer = await by("other", { ...range(2, to), end: hashOf(to) })
      expect(answer).toEqual([Result.succeed(log.slice(2, to))])
      inStore = replaced
      await by("one", range(2, 4))
      inStore = log
    }
    // What the store itself has is not asked for twice.
    reads = 0
    expect(await by("other", { ...range(0, 2), end: "elsewhere" })).toEqual([Result.succeed(log.slice(0, 2))])
    expect(reads).toBe(1)
  })

  it("ask the store again for what was taken out or did not fit", async () => {
    const { asked, one, other } = stand(8)
    const [first, second, third] = [newBatchId(), newBatchId(), newBatchId()]
    for (const batch of [first, second, third]) await one(range(2, 6, batch))
    expect(asked).toHaveLength(3)
    for (const kept of [first, second]) expect(await other(range(2, 6, kept))).toEqual([[3, 4, 5, 6]])
    expect(asked).toHaveLength(3)
    for (const gone of [third, first]) expect(await other(range(2, 6, gone))).toEqual([[3, 4, 5, 6]])
    expect(asked).toHaveLength(5)
  })

  it("keep nothing that both have read", async () => {
    const { asked, one, other } = stand(4)
    const [first, second, third] = [newBatchId(), newBatchId(), newBatchId()]
    for (const batch of [first, second]) await one(range(2, 6, batch))
    for (const batch of [first, second]) await other(range(2, 6, batch))
    expect(asked).toHaveLength(3)
    // There is room again, because the second log was not kept when the other had read it, too.
    await one(range(2, 6, third))
    expect(await other(range(2, 6, third))).toEqual([[3, 4, 5, 6]])
    expect(asked).toHaveLength(4)
  })

  it("find the first events of a log, if there was no room for more", async () => {
    const { asked, one, other } = stand(3)
    await one(range(2, 4))
    await one(range(4, 6))
    await one(range(6, 7))
    expect(await other(range(2, 7))).toEqual([[3, 4, 5, 6, 7]])
    expect(asked.slice(3)).toEqual([[4, 7]])
    // Both have read all of it.
    await other(range(7, 8))
    expect(await one(range(7, 8))).toEqual([[8]])
    expect(asked).toHaveLength(5)
  })

  it("forget the oldest of very many logs, also if nothing of the others is kept", async () => {
    const { asked, one, other } = stand(4)
    await one(range(2, 6))
    const others = Array.from({ length: 16_384 }, () => range(2, 3, newBatchId()))
    await one(...others.slice(1))
    expect(await other(range(2, 3))).toEqual([[3]])
    expect(asked).toHaveLength(16_384)
    await one(...others.slice(0, 1))
    expect(await other(range(3, 6))).toEqual([[4, 5, 6]])
    expect(asked).toHaveLength(16_386)
  })

  it("wait for each other for a minute", async () => {
    const { asked, clock, one, other } = stand(4)
    const [first, second] = [newBatchId(), newBatchId()]
    await one(range(2, 6, first))
    clock.now = 60_001
    await one(range(2, 6, second))
    expect(await other(range(2, 6, second))).toEqual([[3, 4, 5, 6]])
    expect(asked).toHaveLength(2)
    await other(range(2, 6, first))
    expect(asked).toHaveLength(3)
  })

  it("keep what comes after that minute", async () => {
    const { asked, clock, one, other } = stand(4)
    const second = newBatchId()
    await one(range(2, 4))
    clock.now = 60_001
    await one(range(4, 6))
    await one(range(2, 4, second))
    expect(await other(range(4, 6), range(2, 4, second))).toEqual([
      [5, 6],
      [3, 4],
    ])
    expect(asked).toHaveLength(3)
  })

  it("get the failure of the store, and the next read begins anew", async () => {
    let fails = true
    const down = new StoreUnavailable({ store: "redis", step: "read", reason: "down" })
    const read = readingOnce(
      (ranges) =>
        fails
          ? Effect.fail(down)
          : Effect.succeed(ranges.map(({ after, to }) => Result.succeed(log.slice(after, to)))),
      100,
    )
    const asOne = Effect.provideService(read([range(0, 2)]), Reader, "one")
    expect(await Effect.runPromise(Effect.flip(asOne))).toBe(down)
    fails = false
    expect(versions(await Effect.runPromise(asOne))).toEqual([[1, 2]])
  })
})

describe("an event", () => {
  const frozen = <A>(value: A): A => {
    if (typeof value === "object" && value !== null)
      for (const part of Object.values(Object.freeze(value))) frozen(part)
    return value
  }

  it("is not changed by the folds that share it", () => {
    const [projection, history] = [emptyProjection(batch), emptyHistory(batch)]
    for (const event of recorded(frozen(storyOf("acme", 8)))) {
      project(projection, event)
      advanceHistory(history, event)
    }
    expect(projection.batch).toEqual(history.batch)
    expect(projection.batch.version).toBeGreaterThan(8)
  })
})
