import { expect, it } from "vitest"
import { eventually } from "../platform-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const WAITING = 1_000

it("pays a small partner's batch while nearly all of a large partner's thousand still wait", async () => {
  await using engine = await EngineUnderTest.open({
    environment: { WORKER_BATCHES: "16", PARTNER_SHARE: "8" },
    bankMs: 5,
  })
  for (let sent = 0; sent < WAITING; sent += 50)
    await Promise.all(Array.from({ length: 50 }, (_, n) => engine.submit("large", `${sent + n}`)))
  const small = await engine.submit("small", "only")
  const backlog = async () => (await engine.onLog((log) => log.backlog)).open
  expect(await backlog()).toBe(WAITING + 1)

  await engine.start()
  await eventually("the small partner's batch is settled", async () => {
    return (await engine.batch(small)).closed === "settled"
  })
  const waited = WAITING + 1 - (await backlog())
  expect(waited).toBeLessThan(WAITING / 4)

  await eventually("all are settled in the end", async () => (await backlog()) === 0, 60_000)
  expect([...engine.paid.values()].every((times) => times === 1)).toBe(true)
  expect(engine.paid.size).toBe(WAITING + 1)
}, 90_000)
