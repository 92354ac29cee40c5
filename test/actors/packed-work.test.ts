/**
 * Two workers of which one takes all batches while it has room, and the other when that helps. On a machine that is busy with other
 * things a taker may stand still for so long that the other one takes its place, which is not what is looked for here.
 */
import { beforeEach, expect, it } from "vitest"
import { MARK_MS } from "../../src/actors/packing.ts"
import { eventually } from "../platform-under-test.ts"
import { ownPrefix } from "../settings.ts"
import { EngineUnderTest, type Worker } from "./engine-under-test.ts"

const SOON_MS = 10_000
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

/** How many transfers each worker sends meanwhile. */
const sentDuring = async (workers: ReadonlyArray<Worker>, work: () => Promise<void>) => {
  const before = workers.map((worker) => worker.transfers())
  await work()
  return workers.map((worker, index) => worker.transfers() - (before[index] ?? 0))
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

it("has one of two workers take nearly all batches, and the other one when it leaves", async () => {
  await using engine = await EngineUnderTest.open({ idleShare: 0, bankMs: 20 })
  const [one, two] = [await engine.start(), await engine.start()]
  let sent: ReadonlyArray<number> = []
  await eventually("one takes nearly all", async () => {
    sent = await sentDuring([one, two], () => submitFor(engine, 1_000))
    return Math.min(...sent) < 0.1 * Math.max(...sent)
  })
  const [taker, other] = (sent[0] ?? 0) > (sent[1] ?? 0) ? [one, two] : [two, one]
  const submitting = sentDuring([other], () => submitFor(engine, 3_000))
  await taker.drain()
  expect((await submitting)[0]).toBeGreaterThan(10)
  await allPaidOnce(engine)
}, 60_000)

it.each([
  { name: "lets the other one take when the taker is full and there is time to spare", idleShare: 0.5 },
  { name: "lets no other one take when the taker is full and there is no time to spare", idleShare: 0 },
])(
  "$name",
  async ({ idleShare }) => {
    const environment = { WORKER_BATCHES: "6" }
    await using engine = await EngineUnderTest.open({ environment, idleShare, bankMs: 1_000 })
    const workers = [await engine.start(), await engine.start()]
    const submitting = submitFor(engine, 6_000, 50)
    await eventually("they own as many as they should", async () => {
      const owned = await Promise.all(workers.map((worker) => worker.activeBatches()))
      const [fewest, most] = [Math.min(...owned), Math.max(...owned)]
      return idleShare > 0 ? fewest > 2 : fewest === 0 && most >= 6
    })
    await submitting
    await allPaidOnce(engine)
  },
  90_000,
)

it("takes soon when the taker is killed or frozen", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({ environment: { STREAM_PREFIX: prefix }, idleShare: 0 })
  const worker = await engine.start()
  {
    using _other = otherTaker(engine, prefix)
    await eventually("it does not take", async () => {
      const [sent] = await sentDuring([worker], () => submitFor(engine, 500))
      return sent === 0
    })
  }
  await eventually("it takes", async () => engine.paid.size === submitted, SOON_MS)
  await allPaidOnce(engine)
}, 60_000)

it("takes although there is something of another type in the place of the mark", async () => {
  const prefix = ownPrefix()
  await using engine = await EngineUnderTest.open({ environment: { STREAM_PREFIX: prefix }, idleShare: 0 })
  await engine.onRedis((redis) => redis.rpush(`${prefix}:taker`, "no mark"))
  await engine.start()
  await submitFor(engine, 500)
  await allPaidOnce(engine)
  expect(engine.lines.some((line) => line.includes("not known who takes"))).toBe(true)
}, 60_000)
