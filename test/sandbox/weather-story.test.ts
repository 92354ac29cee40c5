import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { chanceOf, drawLatencyMs, type Latency } from "../../src/sandbox/dice.ts"
import { startSandbox } from "../../src/sandbox/sandbox.ts"
import { startCallbackReceiver } from "./callback-receiver.ts"
import { get, send, setWeather, transferOf } from "./sandbox-client.ts"
import { spawnSandbox } from "./sandbox-process.ts"

const references = Array.from({ length: 40 }, (_, index) => `story-${index}`)
/** Lost replies are cut off at once, so that no answer is late but on a machine that is busy. */
const ANSWER_MS_MAX = 20_000
const storm = {
  errorsBefore: 0.2,
  errorsAfter: 0.2,
  lostReplies: { cut: 0.2 },
  tooManyRequests: { share: 0.1 },
  malformed: { share: 0.2 },
  forgottenKeys: 0.3,
}

/** What each of many orders met, each of them asked three times in turn. */
const storyOf = async (seed: number, inOrder: readonly string[], weather: object = storm) => {
  const sandbox = await startSandbox({ weather: { north: { ...weather, seed } } })
  try {
    const { north } = sandbox.urls.banks
    const met = await Promise.all(
      inOrder.map(async (reference): Promise<readonly [string, string]> => {
        const seen: string[] = []
        for (let time = 1; time <= 3; time += 1) seen.push(await oneAnswer(north, reference))
        return [reference, seen.join(" ")]
      }),
    )
    return new Map(met)
  } finally {
    await sandbox.close()
  }
}

const oneAnswer = (bank: string, reference: string): Promise<string> =>
  send(`${bank}/instant-transfer`, reference, transferOf("Ada Lovelace", reference), ANSWER_MS_MAX).then(
    async (answer) => `${answer.status} ${(await answer.text()).length > 1_000}`,
    () => "no answer",
  )

it("tells the same story for the same seed, in whatever order the requests come, and another for another", async () => {
  const story = await storyOf(1, references)
  expect(new Set(story.values()).size).toBeGreaterThan(10)
  expect(await storyOf(1, references.toReversed())).toEqual(story)
  expect(await storyOf(2, references)).not.toEqual(story)
})

it("draws latencies that have the distribution asked for", () => {
  const draws = (latency: Latency) =>
    Array.from({ length: 2_000 }, (_, index) =>
      drawLatencyMs(latency, (what) => chanceOf(index, what)),
    ).toSorted((a, b) => a - b)
  expect(new Set(draws({ distribution: "constant", ms: 20 }))).toEqual(new Set([20]))
  const uniform = draws({ distribution: "uniform", msMin: 10, msMax: 30 })
  expect([uniform[0], uniform[1_000], uniform.at(-1)]).toEqual([10, 20, 30])
  const lognormal = draws({ distribution: "lognormal", msMedian: 100, msP99: 5_000 })
  expect(lognormal[1_000]).toBeGreaterThan(85)
  expect(lognormal[1_000]).toBeLessThan(115)
  expect(lognormal[1_980]).toBeGreaterThan(3_500)
  expect(lognormal[1_980]).toBeLessThan(7_000)
  expect(Math.max(...draws({ distribution: "lognormal", msMedian: 50_000, msP99: 60_000 }))).toBe(60_000)
})

it("leaves books that are true, and that a bank killed in a storm has again", {
  timeout: 30_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "storm-"))
  const receiver = await startCallbackReceiver()
  const callbacks = { duplicate: 0.5, reordered: 0.5, late: 0.3, lateMs: 300, early: 0.2 }
  const args = ["--data", folder, "--weather", JSON.stringify({ north: { ...storm, seed: 5, callbacks } })]
  let sandbox = await spawnSandbox(...args)
  try {
    const { north } = sandbox.urls.banks
    const accepted: string[] = []
    await Promise.all(
      references.map(async (reference) => {
        const order = transferOf("Ralf Returned", reference, receiver.url)
        const answer = await send(`${north}/instant-transfer`, reference, order).catch(() => undefined)
        if (answer?.status === 202) accepted.push(reference)
      }),
    )
    const booked = async () => (await get(`${north}/books`)).body as Record<string, never[]>
    const before = await booked()
    await sandbox.end("SIGKILL")
    sandbox = await spawnSandbox(...args)

    await expect.poll(booked, { timeout: 10_000 }).toMatchObject({ outstanding: 0 })
    const after = (await booked()) as unknown as {
      readonly transfers: {
        readonly reference: string
        readonly transferId: string
        readonly status: string
      }[]
      readonly payments: { readonly reference: string }[]
      readonly paidTwice: number
    }
    const ids = after.transfers.map(({ transferId }) => transferId)
    expect(ids).toEqual((before.transfers ?? []).map(({ transferId }) => transferId))
    expect(new Set(after.transfers.map(({ status }) => status))).toEqual(new Set(["returned"]))
    expect(after.payments).toHaveLength(ids.length)
    expect(after.paidTwice).toBe(0)
    expect(after.transfers.map(({ reference }) => reference)).toEqual(expect.arrayContaining(accepted))
    const heard = new Set(receiver.received.map(({ transferId, status }) => `${transferId} ${status}`))
    expect(heard.size).toBe(2 * ids.length)
    expect(await get(`${north}/sandbox/weather`)).toMatchObject({ body: { seed: 5 } })
  } finally {
    await sandbox.end("SIGKILL")
    await receiver.close()
    rmSync(folder, { recursive: true })
  }
})

it("begins anew when the weather is set again", async () => {
  const sandbox = await startSandbox()
  try {
    const { north } = sandbox.urls.banks
    const once = async () => {
      await setWeather(north, { seed: 9, errorsBefore: 0.5 })
      return Promise.all(references.map((reference) => oneAnswer(north, reference)))
    }
    expect(await once()).toEqual(await once())
  } finally {
    await sandbox.close()
  }
})
