import { Effect } from "effect"
import { expect, it } from "vitest"
import { ONE_MORE_EVERY_MS } from "../../src/actors/begun-window.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { eventually } from "../platform-under-test.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const BATCHES = 80
const ITEMS = 5
const OWNED_MAX = 8
const UNREPORTED_MAX = 60

it.each([
  { workers: 1, partners: 1 },
  { workers: 1, partners: BATCHES },
  { workers: 2, partners: 1 },
  { workers: 2, partners: BATCHES },
])(
  "finishes the first batches of a backlog before it begins the last: workers $workers, partners $partners",
  async ({ workers, partners }) => {
    await using engine = await EngineUnderTest.open({
      environment: {
        WORKER_BATCHES: `${OWNED_MAX}`,
        WORKER_UNREPORTED: `${UNREPORTED_MAX}`,
        PARTNER_SHARE: "8",
        INQUIRY_DELAYS_MS: "60000",
      },
      reportsAfterMs: 400,
    })
    const ids = []
    for (let n = 0; n < BATCHES; n += 1)
      ids.push(await engine.submit(`partner-${n % partners}`, `${n}`, ITEMS))
    const begun = () => new Set([...engine.paid.keys()].map((reference) => reference.split("-")[0])).size
    await Promise.all(Array.from({ length: workers }, () => engine.start()))

    const since = performance.now()
    // Those that rest, those that it owns, and those that begin although there is no room.
    const most = () =>
      UNREPORTED_MAX / (ITEMS + 1) + OWNED_MAX + (performance.now() - since) / ONE_MORE_EVERY_MS
    const beyond: Array<number> = []
    let begunAtFirstEnd: number | undefined
    await eventually(
      "all batches are closed",
      async () => {
        const sofar = begun()
        const { closed } = await engine.onLog((log) => log.backlog)
        beyond.push(sofar - closed - workers * most())
        if (closed > 0) begunAtFirstEnd ??= begun()
        return closed === BATCHES
      },
      60_000,
    )
    expect(begunAtFirstEnd).toBeLessThan(BATCHES / 2)
    expect(Math.max(...beyond)).toBeLessThanOrEqual(0)
    expect([...engine.paid.values()].every((times) => times === 1)).toBe(true)
    expect(engine.paid.size).toBe(BATCHES * ITEMS)
  },
  90_000,
)

it("begins no batch that may have been put back: without an answer it is taken over after the claim time", async () => {
  const unanswered = new Set<BatchId>()
  const late = new StoreUnavailable({ store: "redis", step: "postpone", reason: "no answer in time" })
  await using engine = await EngineUnderTest.open({
    environment: { WORKER_UNREPORTED: "1", CLAIM_MS: "1000", INQUIRY_DELAYS_MS: "60000" },
    reportsAfterMs: 1_500,
    queueInstead: (queue) => ({
      ...queue,
      postpone: ({ batch }) =>
        Effect.andThen(
          Effect.sync(() => unanswered.add(batch)),
          Effect.fail(late),
        ),
    }),
  })
  await engine.submit("partner", "first")
  const worker = await engine.start()
  await eventually("the first has begun", async () => engine.paid.size === 1)
  for (const key of ["second", "third", "fourth"]) await engine.submit("partner", key)
  await eventually(
    "all are closed",
    async () => (await engine.onLog((log) => log.backlog)).closed === 4,
    20_000,
  )

  const takenOver = engine.lines.filter((line) => line.includes("batch taken over"))
  expect(unanswered.size).toBeGreaterThan(0)
  for (const batch of unanswered) expect(takenOver.filter((line) => line.includes(batch))).toHaveLength(1)
  expect(await worker.takeovers()).toBe(takenOver.length)
  expect([...engine.paid.values()]).toEqual([1, 1, 1, 1])
}, 30_000)
