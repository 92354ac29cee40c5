import { expect, it } from "vitest"
import { eventually } from "../platform-under-test.ts"
import { ownPrefix } from "../settings.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const BATCHES = 40
const ROOM = 20
/** A tenth of the room, as SETTLING_SHARE_PERCENT says by default. */
const SHARE = 2

/** Leaves marks, as a process does whose intake is pressed, until it is disposed. */
const press = (engine: EngineUnderTest, prefix: string): Disposable => {
  let marks = 0
  const mark = () => engine.onRedis((redis) => redis.set(`${prefix}:pressed`, `${++marks}`, "PX", 1_000))
  const marking = setInterval(() => void mark(), 100)
  return { [Symbol.dispose]: () => clearInterval(marking) }
}

const submitAll = (engine: EngineUnderTest) =>
  Promise.all(Array.from({ length: BATCHES }, (_, n) => engine.submit(`partner-${n}`, "k")))

it("takes a share of the batches while intake is pressed, and never stops; then all that there is room for", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({
    environment: { STREAM_PREFIX: prefix, WORKER_BATCHES: `${ROOM}` },
    bankMs: 2_500,
  })
  const worker = await engine.start()
  const seen: Array<number> = []
  await engine.submit("partner", "first")
  {
    using _pressure = press(engine, prefix)
    await eventually("the worker has seen the marks", worker.isYielding)
    await submitAll(engine)
    await eventually("the worker has its share", async () => (await worker.activeBatches()) >= SHARE)
    seen.push(await worker.activeBatches())
    await eventually("the worker has more than its share", async () => {
      seen.push(await worker.activeBatches())
      return (seen.at(-1) ?? 0) > SHARE
    })
  }
  // What one read of the run queue takes of its two partitions.
  expect(Math.max(...seen)).toBeLessThanOrEqual(SHARE + 2)
  await eventually("the worker is full", async () => (await worker.activeBatches()) >= ROOM)
  await eventually("all are paid", async () => engine.paid.size === BATCHES + 1, 60_000)
  expect([...engine.paid.values()].every((times) => times === 1)).toBe(true)
}, 90_000)

it("takes all that there is room for while intake is pressed, if settling is not to yield", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({
    environment: { STREAM_PREFIX: prefix, WORKER_BATCHES: `${ROOM}`, SETTLING_SHARE_PERCENT: "100" },
    bankMs: 2_500,
  })
  using _pressure = press(engine, prefix)
  const worker = await engine.start()
  await submitAll(engine)
  await eventually("the worker is full", async () => (await worker.activeBatches()) >= ROOM, 2_000)
}, 60_000)
