/** A service that is killed at any point pays nobody twice, and finishes what it accepted once it is started again. */
import { describe, expect, it } from "vitest"
import { payingCrashPoints } from "../../src/crash-points.ts"
import type { CrashPoint } from "../../src/platform/crash-point.ts"
import { PlatformUnderTest } from "../platform-under-test.ts"

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

/** Each point when it is passed first, and the calls and appends also in the middle of the work. */
const deaths: ReadonlyArray<readonly [CrashPoint, number]> = [
  ...payingCrashPoints.map((point) => [point, 1] as const),
  ["after-bank-call", 4],
  ["after-append", 3],
]

describe.concurrent("a batch survives a kill", { timeout: 90_000 }, () => {
  it.each(deaths)("%s, pass %i", async (point, nth) => {
    await using platform = await PlatformUnderTest.open()
    const doomed = await platform.start({ CRASH_AT: `${point}:${nth}` })
    const submitted = platform.submit("one-key", payouts)
    expect(await doomed.ended).toBe("SIGKILL")

    await platform.start()
    const id = await submitted
    expect((await platform.closed(id)).state).toBe("partially-settled")
    const books = await platform.books()
    const transfers = books.flatMap(({ transfers }) => transfers)
    expect(books.filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
    expect(transfers.filter(({ payments }) => payments === 1).length).toBe(4)
    expect(transfers.filter(({ payments }) => payments > 1)).toEqual([])
  })
})
