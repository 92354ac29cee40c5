/** A service that is killed at any point pays nobody twice, and finishes what it accepted once it is started again. */
import { describe, expect, it } from "vitest"
import { type CrashPoint, crashPoints } from "../../src/platform/crash-point.ts"
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

/** How often the point may be passed before it is deadly: the first time, and in the middle of the work. */
const passes: ReadonlyArray<readonly [CrashPoint, number]> = crashPoints.flatMap((point) => [
  [point, 1] as const,
  [point, 2] as const,
])

describe.concurrent("a batch survives a kill", { timeout: 60_000 }, () => {
  it.each(passes)("%s, pass %i", async (point, nth) => {
    await using platform = await PlatformUnderTest.open()
    const doomed = await platform.start({ CRASH_AT: `${point}:${nth}` })
    const submitted = platform.submit("one-key", payouts)
    const survived = new Promise<"survived">((resolve) => {
      submitted
        .then((id) => platform.closed(id))
        .then(
          () => resolve("survived"),
          () => {},
        )
    })
    const fate = await Promise.race([doomed.ended, survived])
    if (fate === "survived") return expect(nth, "every point is passed at least once").toBe(2)
    expect(fate).toBe("SIGKILL")

    await platform.start()
    const id = await submitted
    expect((await platform.closed(id)).state).toBe("partially-settled")
    const books = await platform.books()
    const transfers = books.flatMap(({ transfers }) => transfers)
    expect(books.map(({ paidTwice }) => paidTwice)).toEqual([0, 0])
    expect(transfers.filter(({ payments }) => payments === 1).length).toBe(4)
    expect(transfers.filter(({ payments }) => payments > 1)).toEqual([])
  })
})
