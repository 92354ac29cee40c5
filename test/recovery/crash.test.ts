/**
 * Workers that are killed at any point pay nobody twice, and what was accepted is finished. They follow each other, each in the middle of
 * what the ones before it left, beside an API that stays.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { payingCrashPoints } from "../../src/crash-points.ts"
import type { CrashPoint } from "../../src/platform/crash-point.ts"
import { PlatformUnderTest } from "../platform-under-test.ts"

const WORKING = { ROLES: "worker" }
const DIES_WITHIN_MS = 90_000

const payouts = {
  items: [
    "Ada Lovelace",
    "Grace Hopper",
    "Tim Timeout",
    "Ivo Insufficient",
    "Clara Closed",
    "Dora Duplicate",
  ].map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}0.00` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
}
/** The names whose payouts settle. */
const PAID = 4

/** Each point when it is passed first, and the calls and appends also in the middle of the work. */
const deaths: ReadonlyArray<readonly [CrashPoint, number]> = [
  ...payingCrashPoints.map((point) => [point, 1] as const),
  ["after-bank-call", 4],
  ["after-append", 3],
]

let platform: PlatformUnderTest
const ids: Array<string> = []

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  await platform.start({ ROLES: "api,projector" })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

describe("a batch survives a kill", { timeout: DIES_WITHIN_MS + 30_000 }, () => {
  it.each(deaths)("%s, pass %i", async (point, nth) => {
    // The new batch is worked on first: those of dead workers are taken over after CLAIM_MS.
    ids.push(await platform.submit(`${point} ${nth}`, payouts))
    const doomed = platform.launch({ ...WORKING, CRASH_AT: `${point}:${nth}` })
    const end = await Promise.race([doomed.ended, sleep(DIES_WITHIN_MS, "alive", { ref: false })])
    await doomed.stop()
    expect(end, doomed.lines.slice(-5).join("\n")).toBe("SIGKILL")
  })
})

it("is finished, and nobody is paid twice", { timeout: 150_000 }, async () => {
  platform.launch(WORKING)
  const closed = await Promise.all(ids.map((id) => platform.closed(id)))
  expect(closed.map(({ state }) => state)).toEqual(ids.map(() => "partially-settled"))
  const books = await platform.books()
  const transfers = books.flatMap(({ transfers }) => transfers)
  expect(ids).toHaveLength(deaths.length)
  expect(books.filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
  expect(transfers.filter(({ payments }) => payments > 1)).toEqual([])
  const paidFor = (id: string) =>
    transfers.filter(
      ({ reference, payments }) => payments === 1 && reference.startsWith(id.slice(3).toUpperCase()),
    )
  expect(ids.map((id) => paidFor(id).length)).toEqual(ids.map(() => PAID))
})
