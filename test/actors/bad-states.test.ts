import { expect, it } from "vitest"
import { cleanText } from "../../src/domain/outside-text.ts"
import type { Span } from "../../src/traces/span.ts"
import { recordingWith } from "../../src/traces/tracing.ts"
import { eventually } from "../platform-under-test.ts"
import { commandId } from "../streams/log-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const settled = (engine: EngineUnderTest, ...ids: ReadonlyArray<Parameters<typeof engine.batch>[0]>) =>
  eventually("the batches are settled", async () => {
    const states = await Promise.all(ids.map(async (id) => (await engine.batch(id)).closed))
    return states.every((state) => state === "settled")
  })

const frozen = (engine: EngineUnderTest, worker: Awaited<ReturnType<typeof engine.start>>, count: number) =>
  eventually("the batch is frozen", async () => (await worker.frozenBatches()) === count)

it("freezes a batch with an event of an unknown version, tells why, shows its trace until there, and others go on", async () => {
  const spans: Array<Span> = []
  const recording = recordingWith(
    { percent: 0, slowMs: 86_400_000 },
    { record: (span) => void spans.push(span), dropped: () => {}, broke: () => {} },
    Date.now(),
  )
  await using engine = await EngineUnderTest.open({ recording })
  const strange = await engine.submit("acme", "strange")
  const key = await engine.keyOf("log", strange)
  await engine.onRedis((redis) =>
    redis.xadd(key, "3-0", "e", '{"_tag":"BatchClosed","v":99}', "h", "?", "c", ""),
  )
  const worker = await engine.start()
  const sound = await engine.submit("acme", "sound")
  await settled(engine, sound)
  await frozen(engine, worker, 1)
  expect(engine.lines.find((line) => line.includes("batch frozen"))).toContain(strange)
  const shown = () => spans.filter(({ name }) => name === "payout batch")
  await eventually("its trace is there", async () => shown().length > 0)
  expect(shown()).toMatchObject([{ attributes: { "atlaspay.batch.id": strange, "atlaspay.open": true } }])
  expect(engine.paid.size).toBe(1)
})

it("freezes a batch whose log was changed", async () => {
  await using engine = await EngineUnderTest.open()
  const changed = await engine.submit("acme", "changed", 2)
  const key = await engine.keyOf("log", changed)
  await engine.onRedis(async (redis) => {
    const entries = await redis.xrange(key, "-", "+")
    await redis.del(key)
    for (const [id, [, event = "", , hash = ""]] of entries)
      await redis.xadd(key, id, "e", event.replace('"1001"', '"9001"'), "h", hash, "c", "")
  })
  const worker = await engine.start()
  await frozen(engine, worker, 1)
  expect(engine.lines.find((line) => line.includes("batch frozen"))).toContain("the log was changed")
  expect(engine.paid.size).toBe(0)
})

it("freezes a batch whose log is shorter than the instruction register knows it", async () => {
  await using engine = await EngineUnderTest.open()
  const id = await engine.submit("acme", "restored")
  const key = await engine.keyOf("log", id)
  const backup = await engine.onRedis((redis) => redis.dumpBuffer(key))
  const first = await engine.start()
  await settled(engine, id)
  await first.drain()

  // The server is restored from a copy that was taken before the batch was paid.
  await engine.onRedis(async (redis) => {
    await redis.del(key)
    await redis.restore(key, 0, backup)
  })
  const second = await engine.start()
  await engine.onLog((log) => log.enqueue(id, { _tag: "Retry", at: 1, item: 1, by: "olga" }, commandId()))
  await frozen(engine, second, 1)
  expect(engine.lines.find((line) => line.includes("batch frozen"))).toContain("history was lost")
  expect([...engine.paid.values()]).toEqual([1])
})

it("drops mail that cannot be read, with an alarm, and goes on with the rest", async () => {
  await using engine = await EngineUnderTest.open()
  await engine.start()
  const id = await engine.submit("acme", "poisoned")
  await settled(engine, id)
  const mail = await engine.keyOf("mail", id)
  await engine.onRedis((redis) => redis.xadd(mail, "*", "c", "not JSON"))
  const about = { _tag: "RecordTransfer", at: Date.now(), item: 1, attempt: 1 } as const
  const returned = { _tag: "Returned", evidence: "callback", code: cleanText("AC04") } as const
  for (const command of [
    { ...about, outcome: { _tag: "Failed", evidence: "callback", code: cleanText("AC04") } },
    { ...about, bank: "north", outcome: { _tag: "Failed", evidence: "inquiry", code: cleanText("AC04") } },
    { ...about, bank: "north", outcome: { _tag: "Withdrawn" } },
    { ...about, bank: "north", outcome: returned },
  ] as const)
    await engine.onLog((log) => log.enqueue(id, command, commandId()))
  await eventually("the good mail was heard", async () => {
    return (await engine.batch(id)).items.get(1)?.state === "returned"
  })
  expect(engine.lines.some((line) => line.includes("command refused") && line.includes(id))).toBe(true)
  const anonymous = engine.lines.filter((line) => line.includes("not reported by a bank"))
  expect(anonymous, "what no bank says of itself is no word on a transfer").toHaveLength(3)
})

it("records in the log which command of a person it refused, though it was accepted before", async () => {
  await using engine = await EngineUnderTest.open()
  await engine.start()
  const id = await engine.submit("acme", "late")
  await settled(engine, id)
  const late = { id: "late-retry", digest: "", keptMs: 60_000 }
  const retry = { _tag: "Retry", at: Date.now(), item: 1, by: "olga", credential: "operator:olga" } as const
  await engine.onLog((log) => log.enqueue(id, retry, late))
  await eventually("the refusal is in the log", async () => (await engine.batch(id)).commandsRefused === 1)
  const events = await engine.onLog((log) => log.read(id, 0, 500))
  expect(events.at(-1)?.event).toMatchObject({
    _tag: "CommandRefused",
    commandId: "late-retry",
    command: "Retry",
    reason: "not-failed",
    credential: "operator:olga",
  })
})

it("freezes a batch at which the program breaks, and others go on", async () => {
  await using engine = await EngineUnderTest.open({ bugFor: "unlucky" })
  const worker = await engine.start()
  const unlucky = await engine.submit("unlucky", "batch")
  const sound = await engine.submit("acme", "batch")
  await settled(engine, sound)
  await frozen(engine, worker, 1)
  expect(engine.lines.find((line) => line.includes("batch frozen"))).toContain(unlucky)
})

it("takes a batch of 15,000 items, which is opened in steps, and pays each once", async () => {
  await using engine = await EngineUnderTest.open({ environment: { BANK_CONCURRENCY: "64" } })
  await engine.start()
  const id = await engine.submit("acme", "large", 15_000)
  const backlog = async () => (await engine.onLog((log) => log.backlog)).open
  await eventually("it is closed", async () => (await backlog()) === 0, 60_000)
  expect((await engine.batch(id)).closed).toBe("settled")
  expect(engine.paid.size).toBe(15_000)
  expect([...engine.paid.values()].every((times) => times === 1)).toBe(true)
}, 90_000)
