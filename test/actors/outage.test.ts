import { expect, inject, it } from "vitest"
import { Gate } from "../gate.ts"
import { eventually } from "../platform-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const ITEMS = 100

it("a worker without Redis for longer than its claim calls no bank for what it may have lost, and goes on by itself", {
  timeout: 60_000,
}, async () => {
  await using gate = await Gate.to(inject("redisUrl"))
  await using engine = await EngineUnderTest.open({
    environment: {
      CLAIM_MS: "1000",
      PROVIDER_TIMEOUT_MS: "500",
      INQUIRY_DELAYS_MS: "100,100,100,1000,1000,1000,1000",
    },
    // Whoever sends all transfers needs much longer than the claim.
    bankMs: 100,
    bankConcurrency: 4,
  })
  const settled = async (id: Parameters<typeof engine.batch>[0]) =>
    (await engine.batch(id)).closed === "settled"

  const cutOff = await engine.start({ REDIS_URL: gate.url })
  const lost = await engine.submit("acme", "lost", ITEMS)
  await eventually("its transfers are under way", async () => cutOff.transfers() >= 8)
  gate.cut()
  const heir = await engine.start()
  await eventually("the heir settles the batch", () => settled(lost))
  const sent = cutOff.transfers()
  gate.mend()
  expect(sent).toBeLessThan(ITEMS)
  expect(heir.transfers()).toBe(ITEMS - sent)

  await heir.drain()
  const next = await engine.submit("acme", "next")
  await eventually("the other one settles the next batch", () => settled(next))
  expect(cutOff.transfers()).toBe(sent + 1)
  expect([...engine.paid.values()]).toEqual(Array(ITEMS + 1).fill(1))
})
