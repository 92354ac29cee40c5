/** How a worker gives up its batches, on real Redis and Postgres. */
import { Effect } from "effect"
import { expect, it, vi } from "vitest"
import { Pace } from "../../src/actors/pace.ts"
import { eventually } from "../platform-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const BATCHES = 12

it("releases a batch that waits for its bank, or is closed, with the append that leaves nothing to do", async () => {
  let releases = 0
  await using engine = await EngineUnderTest.open({
    reportsAfterMs: 100,
    queueInstead: (queue) => ({
      ...queue,
      release: (...asked) =>
        Effect.suspend(() => {
          releases += 1
          return queue.release(...asked)
        }),
    }),
  })
  await engine.start()
  for (let sent = 0; sent < BATCHES; sent += 1) {
    const batch = await engine.submit("demo", `lone ${sent}`)
    await eventually("it is closed", async () => (await engine.batch(batch)).closed === "settled")
  }
  expect(releases).toBe(0)
  expect([...engine.paid.values()]).toEqual(Array(BATCHES).fill(1))
})

it("gathers answers for the transfers of which the batch still waits to know", async () => {
  using gathered = vi.spyOn(Pace.prototype, "gatherAnswersMs")
  await using engine = await EngineUnderTest.open({ reportsAfterMs: 100 })
  await engine.start()
  const awaitedIn = async (key: string, items: number) => {
    gathered.mockClear()
    const batch = await engine.submit("demo", key, items)
    await eventually("it is closed", async () => (await engine.batch(batch)).closed === "settled")
    return gathered.mock.calls.map(([, awaited]) => awaited)
  }
  const alone = await awaitedIn("alone", 1)
  expect(alone.at(0), "nothing is sent before it is screened").toBe(0)
  expect(Math.max(...alone)).toBe(1)
  expect(Math.max(...(await awaitedIn("three", 3)))).toBe(3)
})

it("gathers nothing when banks have answered for good", async () => {
  using gathered = vi.spyOn(Pace.prototype, "gatherAnswersMs")
  await using engine = await EngineUnderTest.open()
  await engine.start()
  const batch = await engine.submit("demo", "settled at once", 3)
  await eventually("it is closed", async () => (await engine.batch(batch)).closed === "settled")
  const afterAll = gathered.mock.calls.filter(([isMoreToCome]) => !isMoreToCome)
  expect(afterAll.length).toBeGreaterThan(0)
  for (const [, awaited] of afterAll) expect(awaited).toBe(0)
})

it("keeps a batch for the first reports about many payouts, and releases one that has few to come at once", async () => {
  using kept = vi.spyOn(Pace.prototype, "gatherReportsMs")
  await using engine = await EngineUnderTest.open({ reportsAfterMs: 100 })
  await engine.start()
  const keptMs = async (items: number) => {
    kept.mockClear()
    const batch = await engine.submit("demo", `${items} items`, items)
    await eventually("it is closed", async () => (await engine.batch(batch)).closed === "settled")
    return kept.mock.results.map(({ value }) => Number(value))
  }
  expect(Math.max(...(await keptMs(1)))).toBe(0)
  expect(Math.max(...(await keptMs(20)))).toBeGreaterThanOrEqual(10)
})
