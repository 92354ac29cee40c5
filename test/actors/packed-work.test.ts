/** Two workers of which one takes all batches while it has room, and the other when that helps. */
import { beforeEach, expect, it } from "vitest"
import { MARK_MS } from "../../src/actors/packing.ts"
import { eventually } from "../platform-under-test.ts"
import { ownPrefix } from "../settings.ts"
import { EngineUnderTest, type Worker } from "./engine-under-test.ts"

let submitted = 0

beforeEach(() => {
  submitted = 0
})

/** Submits a batch every so many milliseconds, for so long. */
const submitFor = async (engine: EngineUnderTest, ms: number, everyMs = 25): Promise<void> => {
  const since = performance.now()
  while (performance.now() - since < ms) {
    await engine.submit(`partner-${++submitted}`, "k")
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** How many transfers a worker sends meanwhile. */
const sentDuring = async (worker: Worker, work: () => Promise<void>): Promise<number> => {
  const before = worker.transfers()
  await work()
  return worker.transfers() - before
}

const allPaidOnce = async (engine: EngineUnderTest) => {
  await eventually("all are paid", async () => engine.paid.size === submitted, 30_000)
  expect(new Set(engine.paid.values())).toEqual(new Set([1]))
}

/** Leaves marks of another worker that takes, until it is disposed: from then on it is as if that one was killed, or frozen. */
const otherTaker = (engine: EngineUnderTest, prefix: string): Disposable => {
  let marks = 0
  const leave = () =>
    engine.onRedis((redis) => redis.set(`${prefix}:taker`, `other.${++marks}`, "PX", MARK_MS))
  const leaving = setInterval(() => void leave(), 50)
  return { [Symbol.dispose]: () => clearInterval(leaving) }
}

it("has one of two workers take nearly all batches, and the other one at once when it leaves", async () => {
  await using engine = await EngineUnderTest.open({ idleShare: 0, bankMs: 20 })
  const workers = [await engine.start(), await engine.start()] as const
  await submitFor(engine, 1_000)
  const sent = workers.map((worker) => worker.transfers())
  await submitFor(engine, 3_000)
  const [a, b] = workers.map((worker, index) => worker.transfers() - (sent[index] ?? 0)) as [number, number]
  expect(Math.min(a, b)).toBeLessThan(0.2 * (a + b))
  const [taker, other] = a > b ? workers : ([workers[1], workers[0]] as const)
  const taken = sentDuring(other, () => submitFor(engine, 1_500))
  await taker.drain()
  expect(await taken).toBeGreaterThan(10)
  await allPaidOnce(engine)
}, 60_000)

it("lets the other one take when the taker is full and there is time to spare, and not without", async () => {
  for (const idleShare of [0.5, 0]) {
    submitted = 0
    await using engine = await EngineUnderTest.open({
      environment: { WORKER_BATCHES: "6" },
      idleShare,
      bankMs: 1_000,
    })
    const workers = [await engine.start(), await engine.start()] as const
    await submitFor(engine, 5_000, 50)
    const [a, b] = await Promise.all(workers.map((worker) => worker.activeBatches()))
    const owned = [a ?? 0, b ?? 0].sort((one, two) => one - two)
    if (idleShare > 0) expect(owned[0]).toBeGreaterThan(2)
    else expect(owned[0]).toBe(0)
    await allPaidOnce(engine)
  }
}, 90_000)

it("takes within a second when the taker is gone, frozen, or no longer says that it takes", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({ environment: { STREAM_PREFIX: prefix }, idleShare: 0 })
  const worker = await engine.start()
  {
    using _other = otherTaker(engine, prefix)
    // What it takes before it knows of the other.
    await submitFor(engine, 500)
    const sent = await sentDuring(worker, () => submitFor(engine, 1_000))
    expect(sent).toBe(0)
  }
  await eventually("it takes", async () => worker.transfers() > 10, 1_000)
  await allPaidOnce(engine)
}, 60_000)

it("takes although there is something of another type in the place of the mark", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({ environment: { STREAM_PREFIX: prefix }, idleShare: 0 })
  await engine.onRedis((redis) => redis.rpush(`${prefix}:taker`, "no mark"))
  await engine.start()
  await submitFor(engine, 500)
  await allPaidOnce(engine)
  expect(engine.lines.filter((line) => line.includes("not known who takes"))).toHaveLength(1)
}, 60_000)
