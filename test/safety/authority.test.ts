/** Who may let money go, tried on the running service: by the banks' own books nothing is paid that a person had to decide. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { API_KEY, eventually, OLGA, OTTO, PlatformUnderTest, SUPERVISOR_KEY } from "../platform-under-test.ts"

let platform: PlatformUnderTest
beforeAll(async () => {
  platform = await PlatformUnderTest.open({
    APPROVAL_ABOVE: "EUR=100,USD=1000",
    INQUIRY_DELAYS_MS: "100,100",
  })
  await platform.start({ PROVIDERS_FILE: providersOf(platform) })
})
afterAll(() => platform[Symbol.asyncDispose]())

/** Euros go to north, which calls back, and dollars to west, which does not. */
const providersOf = ({ sandbox: { compliance, ledger, banks } }: PlatformUnderTest): string => {
  const path = join(mkdtempSync(join(tmpdir(), "authority-")), "providers.json")
  const document = {
    version: "authority",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [
      { name: "north", kind: "instant", url: banks.north },
      { name: "west", kind: "synchronous", url: banks.west },
    ],
    routes: [
      { rule: "dollars", when: { currency: ["USD"] }, banks: ["west"] },
      { rule: "rest", banks: ["north"] },
    ],
  }
  writeFileSync(path, JSON.stringify(document))
  return path
}

const payouts = (name: string, value: string, terms: object = {}) => ({
  ...terms,
  items: [
    {
      reference: "invoice-1",
      amount: { currency: name.startsWith("Dollar") ? "USD" : "EUR", value },
      beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
    },
  ],
})

/** What the banks paid for a batch. */
const paidFor = async (id: string): Promise<ReadonlyArray<number>> => {
  const transfers = (await platform.books()).flatMap(({ transfers }) => transfers)
  return transfers
    .filter(({ reference }) => reference.startsWith(id.slice(3).toUpperCase()))
    .map(({ payments }) => payments)
}

interface Shown {
  readonly type: string
  readonly approval?: { readonly hash: string }
}
const eventsOf = async (id: string) =>
  (await platform.get<{ readonly events: ReadonlyArray<Shown> }>(`/payout-batches/${id}/events`)).events
const tells = (id: string, type: string, times = 1) =>
  eventually(
    `the log tells ${type}`,
    async () => (await eventsOf(id)).filter((event) => event.type === type).length === times,
  )
const stateOf = async (id: string) =>
  (await platform.get<{ readonly state: string }>(`/payout-batches/${id}`)).state
const itemStateIs = (id: string, state: string) =>
  eventually(`the item is ${state}`, async () => {
    const { items } = await platform.get<{ readonly items: ReadonlyArray<{ readonly state: string }> }>(
      `/payout-batches/${id}/items`,
    )
    return items[0]?.state === state
  })

const statusOf = async (path: string, body: unknown, key: string): Promise<number> => {
  const answer = await platform.say(path, body, key)
  await answer.arrayBuffer()
  return answer.status
}

/** Names that were once taken for somebody else than Alice Smith. */
const names = [
  "Alice Smith",
  "ALICE SMITH",
  "Alice  Smith",
  "\u0410lice Smith",
  "Alice Smith.",
  "Alice\u00a0Smith",
  "Bob Jones",
  "stra\u00dfe",
  "strasse",
]

describe.concurrent("with one key of a partner", { timeout: 60_000 }, () => {
  it("nobody approves what was submitted with it, under whatever name", async () => {
    for (const [key, submittedBy] of ["Alice Smith", "stra\u00dfe"].entries()) {
      const terms = { requireApproval: true, submittedBy }
      const id = await platform.submit(`four eyes ${key}`, payouts("Ada Lovelace", "1.00", terms))
      await eventually("it waits", async () => (await stateOf(id)) === "awaiting-approval")
      const hash = (await eventsOf(id))[0]?.approval?.hash
      for (const by of names) expect(await statusOf(`${id}/approval`, { by, hash }, API_KEY), by).toBe(409)
      expect(await paidFor(id)).toEqual([])
      expect(await statusOf(`${id}/approval`, { by: submittedBy, hash }, SUPERVISOR_KEY)).toBe(202)
      await platform.closed(id)
      expect(await paidFor(id)).toEqual([1])
    }
  })

  it("nobody releases what compliance holds", async () => {
    const id = await platform.submit("held", payouts("Rita Review", "2.00"))
    await itemStateIs(id, "held")
    const review = { by: "operator:olga", reason: "it is fine", decision: "released" }
    for (const key of [API_KEY, SUPERVISOR_KEY])
      expect(await statusOf(`${id}/items/1/review`, review, key)).toBe(403)
    expect(await eventsOf(id)).not.toContainEqual(expect.objectContaining({ type: "ItemReviewed" }))
    expect(await paidFor(id)).toEqual([])
    expect(await statusOf(`${id}/items/1/review`, review, OLGA)).toBe(202)
    await platform.closed(id)
    expect(await paidFor(id)).toEqual([1])
  })

  it("nobody says that a parked transfer failed, to have it paid again; nor does one operator", async () => {
    const weather = { lostReplies: { cut: 1 }, inquiryErrors: 1 }
    const put = { method: "POST", body: JSON.stringify(weather) }
    await fetch(`${platform.sandbox.banks.west}/sandbox/weather`, put)
    const id = await platform.submit("parked", payouts("Dollar Dora", "3.00"))
    await itemStateIs(id, "parked")
    const [resolution, retry] = [`${id}/items/1/resolution`, `${id}/items/1/retry`]
    const evidence = { text: "not on the statement", reference: "west-27" }
    const failed = { outcome: "failed", evidence }
    for (const key of [API_KEY, SUPERVISOR_KEY]) {
      expect(await statusOf(resolution, failed, key)).toBe(403)
      expect(await statusOf(retry, {}, key)).toBe(403)
    }
    expect(await statusOf(resolution, { outcome: "failed", reason: "trust me" }, OLGA)).toBe(400)
    expect(await statusOf(resolution, failed, OLGA)).toBe(202)
    await tells(id, "ResolutionProposed")
    expect(await statusOf(resolution, failed, OLGA), "not twice the same one").toBe(409)
    expect(await statusOf(retry, {}, OLGA), "it has not failed").toBe(409)
    const settled = { outcome: "settled", evidence: { text: "on page 2 after all", reference: "west-27" } }
    expect(await statusOf(resolution, settled, OTTO)).toBe(202)
    await tells(id, "ResolutionProposed", 2)
    expect(await statusOf(resolution, settled, OLGA)).toBe(202)
    expect((await platform.closed(id)).state).toBe("settled")
    expect(await paidFor(id)).toEqual([1])
  })

  it("nobody gets more paid by splitting it than at once", async () => {
    const parts = Array.from({ length: 6 }, (_, part) =>
      platform.submit(`part ${part}`, payouts("Grace Hopper", "40.00")),
    )
    const ids = await Promise.all(parts)
    const settledOf = async () => {
      const states = await Promise.all(ids.map(stateOf))
      expect(states.every((state) => !/failed|cancelled/.test(state))).toBe(true)
      return states
    }
    await eventually("each is paid or waits", async () =>
      (await settledOf()).every((state) => ["settled", "awaiting-approval"].includes(state)),
    )
    // What the other tests were let pay in euros is less than what is left beside two parts.
    expect((await settledOf()).filter((state) => state === "settled")).toHaveLength(2)
    const paid = (await Promise.all(ids.map(paidFor))).flat()
    expect(paid).toEqual([1, 1])
  })
})
