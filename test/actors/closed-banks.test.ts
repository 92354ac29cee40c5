import { expect, it, vi } from "vitest"
import { JOINED_MAX } from "../../src/actors/due-work.ts"
import { countOf } from "../../src/domain/batch.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const patience = { timeout: 30_000, interval: 50 }

it("a bank that takes no calls gets no intents and no inquiries, and holds up no other bank", async () => {
  await using engine = await EngineUnderTest.open()
  engine.closedBanks.add("north")
  await engine.start()
  const batch = await engine.submit("acme", "two banks", 300, (item) => (item > 280 ? "JPY" : "EUR"))
  await vi.waitUntil(async () => countOf(await engine.batch(batch), "settled") === 20, patience)
  const waiting = await engine.batch(batch)
  expect(waiting.tasks.request.size).toBe(280)
  expect(engine.paid.size).toBe(20)

  engine.closedBanks.delete("north")
  await vi.waitUntil(async () => (await engine.batch(batch)).closed !== undefined, patience)
  expect([...engine.paid.values()].filter((times) => times !== 1)).toEqual([])
  expect(engine.paid.size).toBe(300)
  expect(engine.uninvited, "each takes the place that its intent was given").toEqual([])
})

it("what is paid behind more than one turn looks at is found at once, with nothing else to wake the batch", async () => {
  await using engine = await EngineUnderTest.open()
  engine.closedBanks.add("north").add("south")
  const worker = await engine.start()
  const items = JOINED_MAX + 200
  const batch = await engine.submit("acme", "many", items, (item) => (item > items - 20 ? "JPY" : "EUR"))
  await vi.waitUntil(async () => (await engine.batch(batch)).tasks.request.size === items, patience)
  await worker.drain()

  engine.closedBanks.delete("south")
  engine.closedForMs = 3_600_000
  await engine.start()
  await vi.waitUntil(async () => countOf(await engine.batch(batch), "settled") === 20, patience)
  expect(engine.paid.size).toBe(20)
}, 60_000)
