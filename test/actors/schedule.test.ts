import { Result } from "effect"
import { expect, it } from "vitest"
import { emptyBatch } from "../../src/domain/batch.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { decide } from "../../src/domain/decide.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { payoutItem, receiveBatch } from "../domain/batch-story.ts"
import { eventually } from "../platform-under-test.ts"
import { commandId } from "../streams/log-under-test.ts"
import { sealsOf } from "../vault/fixed-keys.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const account = { scheme: "iban", iban: "DE89370400440532013000" } as const

it("pays a batch at rest when its new time has come, and not before", async () => {
  await using engine = await EngineUnderTest.open()
  await engine.start()
  const id = batchIdOf("acme", "scheduled")
  const items = [
    payoutItem(1, { beneficiary: { name: "Ada Lovelace", account: visibleOf(account) } }),
  ] as const
  const seals = sealsOf({ partner: "acme", batch: id }, items, account)
  const terms = { idempotencyKey: "scheduled", items, seals, executeAt: Date.now() + 3_600_000 }
  const decision = decide(emptyBatch(), { ...receiveBatch(1, terms), at: Date.now() })
  await engine.onLog((log) => log.open(id, Result.getOrThrow(decision), "open"))
  await eventually("the batch is screened", async () => {
    return (await engine.batch(id)).items.get(1)?.state === "screened"
  })
  expect(engine.paid.size).toBe(0)
  const executeAt = Date.now() + 1_000
  const who = { by: "payroll", credential: "partner:acme/payroll" } as const
  const asked = { _tag: "Reschedule", at: Date.now(), executeAt, ...who } as const
  await engine.onLog((log) => log.enqueue(id, asked, commandId()))
  await eventually("the batch is settled", async () => (await engine.batch(id)).closed === "settled")
  expect((await engine.batch(id)).startedAt).toBeGreaterThanOrEqual(executeAt)
  expect([...engine.paid.values()]).toEqual([1])
})

it("pays a batch once whose time is changed while it falls due, and answers each change", async () => {
  await using engine = await EngineUnderTest.open()
  await engine.start()
  const id = batchIdOf("acme", "race")
  const items = [
    payoutItem(1, { beneficiary: { name: "Ada Lovelace", account: visibleOf(account) } }),
  ] as const
  const seals = sealsOf({ partner: "acme", batch: id }, items, account)
  const due = Date.now() + 1_500
  const terms = { idempotencyKey: "race", items, seals, executeAt: due }
  const decision = decide(emptyBatch(), { ...receiveBatch(1, terms), at: Date.now() })
  await engine.onLog((log) => log.open(id, Result.getOrThrow(decision), "open"))
  await eventually("it is about to fall due", () => Promise.resolve(Date.now() >= due - 30))
  const who = { by: "payroll", credential: "partner:acme/payroll" } as const
  const asked = Array.from({ length: 30 }, (_, index) => ({
    command: { _tag: "Reschedule", at: Date.now(), executeAt: due + 1 + index, ...who } as const,
    as: commandId(),
  }))
  for (const { command, as } of asked) await engine.onLog((log) => log.enqueue(id, command, as))
  await eventually("the batch is settled", async () => (await engine.batch(id)).closed === "settled")
  await eventually("each change is answered", async () => {
    const { commands } = await engine.batch(id)
    return asked.every(({ as }) => commands.has(as.id))
  })
  expect([...engine.paid.values()]).toEqual([1])
})

it("does not go back to an earlier time when the change to it comes a second time, to another worker", async () => {
  await using engine = await EngineUnderTest.open()
  const first = await engine.start()
  const id = batchIdOf("acme", "again")
  const items = [
    payoutItem(1, { beneficiary: { name: "Ada Lovelace", account: visibleOf(account) } }),
  ] as const
  const seals = sealsOf({ partner: "acme", batch: id }, items, account)
  const tomorrow = Date.now() + 86_400_000
  const terms = { idempotencyKey: "again", items, seals, executeAt: tomorrow }
  const decision = decide(emptyBatch(), { ...receiveBatch(1, terms), at: Date.now() })
  await engine.onLog((log) => log.open(id, Result.getOrThrow(decision), "open"))
  const who = { by: "payroll", credential: "partner:acme/payroll" } as const
  const change = (name: string, executeAt: number) =>
    engine.onLog((log) =>
      log.enqueue(
        id,
        { _tag: "Reschedule", at: Date.now(), executeAt, ...who },
        { id: name, digest: "", keptMs: 1 },
      ),
    )
  const answers = async () => [...(await engine.batch(id)).commands]
  await change("sooner", tomorrow - 1)
  await eventually("it is sooner", async () => (await answers()).length === 1)
  await change("later", tomorrow + 1)
  await eventually("it is later", async () => (await answers()).length === 2)
  await first.drain()
  await engine.start()
  await change("sooner", tomorrow - 1)
  const mail = await engine.keyOf("mail", id)
  await eventually("it is handled", async () => (await engine.onRedis((redis) => redis.xlen(mail))) === 0)
  expect((await engine.batch(id)).executeAt).toBe(tomorrow + 1)
})
