import { Effect } from "effect"
import { expect, it } from "vitest"
import { eventually } from "../platform-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const BANK_MS = 10_000

it("hands its batches over before a slow bank has answered, and nobody waits for a claim or pays twice", async () => {
  await using engine = await EngineUnderTest.open({
    environment: { CLAIM_MS: "600000", DRAIN_MS: "200" },
    bankMs: BANK_MS,
  })
  const leaving = await engine.start()
  const ids = await Promise.all(Array.from({ length: 6 }, (_, n) => engine.submit("acme", `${n}`, 3)))
  await eventually("every transfer is in the air", async () => engine.paid.size === 18)

  const since = performance.now()
  await leaving.drain()
  expect(performance.now() - since).toBeLessThan(BANK_MS / 2)

  // The heir asks the bank about what was cut off, and does not send it again.
  await engine.start()
  await eventually("all are settled", async () => {
    const states = await Promise.all(ids.map(async (id) => (await engine.batch(id)).closed))
    return states.every((state) => state === "settled")
  })
  expect([...engine.paid.values()]).toEqual(Array(18).fill(1))
})

it("leaves nothing behind of what it was just about to take", async () => {
  await using engine = await EngineUnderTest.open({ environment: { CLAIM_MS: "600000" } })
  const ids: Array<Parameters<typeof engine.batch>[0]> = []
  for (let round = 0; round < 8; round += 1) {
    const leaving = await engine.start()
    const [id] = await Promise.all([engine.submit("acme", `${round}`), leaving.drain()])
    ids.push(id)
  }
  await engine.start()
  await eventually("all are settled", async () => {
    const states = await Promise.all(ids.map(async (id) => (await engine.batch(id)).closed))
    return states.every((state) => state === "settled")
  })
})

it("ends although it was just about to take over from another", async () => {
  let looks = 0
  let reads = 0
  let isDraining = false
  let answer = () => {}
  const looked = new Promise<void>((resolve) => {
    answer = resolve
  })
  const reading = (change: number) =>
    Effect.sync(() => {
      reads += change
    })
  await using engine = await EngineUnderTest.open({
    environment: { CLAIM_MS: "600000", DRAIN_MS: "2000" },
    bankMs: BANK_MS,
    queueInstead: (queue) => ({
      ...queue,
      parts: queue.parts.map((part) => ({
        take: (...asked) => Effect.ensuring(Effect.andThen(reading(1), part.take(...asked)), reading(-1)),
        endWait: Effect.tap(part.endWait, () =>
          Effect.sync(() => {
            isDraining = true
          }),
        ),
      })),
      isAnySilent: () =>
        Effect.promise(async () => {
          looks += 1
          await looked
          return true
        }),
    }),
  })
  const leaving = await engine.start()
  await engine.submit("acme", "under way")
  await eventually("a transfer is in the air, and it looks", async () => engine.paid.size === 1 && looks > 0)
  const drained = leaving.drain()
  // It takes nothing any more, and waits for the bank.
  await eventually("no read is under way", async () => isDraining && reads === 0)
  answer()
  await drained
})
