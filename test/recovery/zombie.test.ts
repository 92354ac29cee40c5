/** Two services share the work: one that sleeps through its claim, or is told to go, harms nothing and holds nothing up. */
import { describe, expect, it } from "vitest"
import { eventually, freePort, PlatformUnderTest } from "../platform-under-test.ts"

const payouts = (count: number) => ({
  items: Array.from({ length: count }, (_, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: index % 2 === 0 ? "EUR" : "USD", value: `${index + 1}.00` },
    beneficiary: {
      name: index % 10 === 0 ? `Tim Timeout ${index}` : `Ada Lovelace ${index}`,
      account: { scheme: "iban", iban: "DE89370400440532013000" },
    },
  })),
})

interface EventPage {
  readonly events: ReadonlyArray<{
    readonly version: number
    readonly type: string
    readonly item?: number
    readonly transfers?: ReadonlyArray<{ readonly item: number }>
  }>
  readonly next: number | null
}

/** The whole log of a batch, as the API shows it. */
const logOf = async (platform: PlatformUnderTest, id: string): Promise<EventPage["events"]> => {
  const events: Array<EventPage["events"][number]> = []
  for (let after: number | null = 0; after !== null; ) {
    const page: EventPage = await platform.get(`/payout-batches/${id}/events?after=${after}&limit=500`)
    events.push(...page.events)
    after = page.next
  }
  return events
}

const expectPaidOnce = async (platform: PlatformUnderTest, id: string, count: number): Promise<void> => {
  const books = await platform.books()
  expect(books.filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
  expect(books.flatMap(({ transfers }) => transfers).filter(({ payments }) => payments === 1).length).toBe(
    count,
  )
  const events = await logOf(platform, id)
  expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1))
  const settled = events.flatMap(({ type, item, transfers = [] }) => {
    if (type === "TransferSettled") return [item]
    return type === "TransfersSettled" ? transfers.map((transfer) => transfer.item) : []
  })
  expect(settled.toSorted()).toEqual(Array.from({ length: count }, (_, index) => index + 1).toSorted())
}

const COUNT = 120

describe("with two services", { timeout: 90_000 }, () => {
  it("a frozen one loses its batches, and wakes up harmless", async () => {
    await using platform = await PlatformUnderTest.open({ BANK_CONCURRENCY: "4" })
    const sleeper = await platform.start({ PORT: String(await freePort()) })
    const id = await platform.through(sleeper, () => platform.submit("key", payouts(COUNT)))
    await eventually("the transfers are under way", async () => {
      const books = await platform.books()
      return books.flatMap(({ transfers }) => transfers).length >= 10
    })
    sleeper.signal("SIGSTOP")
    await platform.start()
    expect((await platform.closed(id)).state).toBe("settled")
    sleeper.signal("SIGCONT")
    const isAwake = async () => (await fetch(`${sleeper.operationsUrl}/readyz`)).ok
    await eventually("the sleeper answers again", isAwake)
    await eventually("the sleeper knows that it lost the batch", async () =>
      sleeper.lines.some((line) => line.includes("batch lost") || line.includes("batch interrupted")),
    )
    await expectPaidOnce(platform, id, COUNT)
  })

  it("one that is told to go hands over, and the other goes on without waiting for a claim", async () => {
    await using platform = await PlatformUnderTest.open({ BANK_CONCURRENCY: "4", CLAIM_MS: "5000" })
    const leaver = await platform.start({ PORT: String(await freePort()) })
    const id = await platform.through(leaver, () => platform.submit("key", payouts(COUNT)))
    await eventually("the transfers are under way", async () => {
      const books = await platform.books()
      return books.flatMap(({ transfers }) => transfers).length >= 10
    })
    leaver.signal("SIGTERM")
    const stayer = await platform.start()
    expect(await leaver.ended).toBe(0)
    expect((await platform.closed(id)).state).toBe("settled")
    expect(stayer.lines.filter((line) => line.includes("batch taken over"))).toEqual([])
    await expectPaidOnce(platform, id, COUNT)
  })
})
