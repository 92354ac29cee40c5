/** Batches under their terms, on the whole platform: approved, scheduled, strict, cancelled, reviewed, retried. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  API_KEY,
  eventually,
  OLGA,
  PlatformUnderTest,
  type Service,
  SUPERVISOR_KEY,
} from "../platform-under-test.ts"

let platform: PlatformUnderTest
let service: Service
beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  service = await platform.start()
}, 60_000)
afterAll(() => platform[Symbol.asyncDispose]())

const payouts = (names: ReadonlyArray<string>, terms: Readonly<Record<string, unknown>> = {}) => ({
  ...terms,
  items: names.map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: "10.00" },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

const say = async (path: string, body: unknown, key = API_KEY): Promise<number> => {
  const answer = await platform.say(path, body, key)
  await answer.arrayBuffer()
  return answer.status
}

const stateOf = async (id: string) => (await platform.get<{ state: string }>(`/payout-batches/${id}`)).state
const reaches = (id: string, state: string) =>
  eventually(`${id} is ${state}`, async () => (await stateOf(id)) === state)

interface ShownEvent {
  readonly type: string
  readonly at: string
  readonly approval?: { readonly hash: string }
  readonly arrivals?: unknown
}
const eventsOf = async (id: string) =>
  (await platform.get<{ events: ReadonlyArray<ShownEvent> }>(`/payout-batches/${id}/events`)).events

const itemStates = async (id: string) => {
  const { items } = await platform.get<{ items: ReadonlyArray<{ item: number; state: string }> }>(
    `/payout-batches/${id}/items`,
  )
  return items.map(({ state }) => state)
}

const paidFor = async (id: string): Promise<number> => {
  const transfers = (await platform.books()).flatMap(({ transfers }) => transfers)
  return transfers.filter(({ reference }) => reference.startsWith(id.slice(3).toUpperCase())).length
}

describe.concurrent("a batch", { timeout: 60_000 }, () => {
  it("waits for its approval, and is paid once it is given", async () => {
    const id = await platform.submit(
      "approved",
      payouts(["Ada Lovelace"], { requireApproval: true, submittedBy: "sam" }),
    )
    await reaches(id, "awaiting-approval")
    expect(await paidFor(id)).toBe(0)
    const hash = (await eventsOf(id))[0]?.approval?.hash
    expect(await say(`${id}/approval`, { by: "sue", hash }, SUPERVISOR_KEY)).toBe(202)
    await reaches(id, "settled")
  })

  it("waits for its time, and tells when its payouts should arrive", async () => {
    let [id, executeAt, state] = ["", 0, ""]
    // On a machine that is busy its time may come before anybody has looked: then a batch has more time.
    for (const marginMs of [4_000, 12_000, 24_000]) {
      executeAt = Date.now() + marginMs
      const terms = { executeAt: new Date(executeAt).toISOString() }
      id = await platform.submit(`scheduled in ${marginMs}`, payouts(["Ada Lovelace"], terms))
      await eventually("it waits, or its time has come", async () => {
        state = await stateOf(id)
        return state === "scheduled" || Date.now() >= executeAt
      })
      if (state === "scheduled") break
    }
    expect(state).toBe("scheduled")
    await reaches(id, "settled")
    const started = (await eventsOf(id)).find(({ type }) => type === "ExecutionStarted")
    expect(Date.parse(String(started?.at))).toBeGreaterThanOrEqual(executeAt)
    expect(started?.arrivals).toEqual([{ scheme: "sepa", on: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) }])
  })

  it("that is strict pays nobody when one of its items is rejected", async () => {
    const id = await platform.submit(
      "strict",
      payouts(["Ada Lovelace", "Sam Sanctioned"], { mode: "strict" }),
    )
    await reaches(id, "rejected")
    expect(await paidFor(id)).toBe(0)
  })

  it("is cancelled while it waits, and never paid", async () => {
    const id = await platform.submit("cancelled", payouts(["Ada Lovelace"], { requireApproval: true }))
    await reaches(id, "awaiting-approval")
    expect(await say(`${id}/cancellation`, { by: "sam", reason: "by mistake" })).toBe(202)
    await reaches(id, "cancelled")
    expect(await paidFor(id)).toBe(0)
  })

  it("waits for what compliance decides later, and holds a payee of another name", async () => {
    const id = await platform.submit("verified", payouts(["Ada Async", "Nora Nomatch", "Vera Verified"]))
    await eventually("what was decided later is paid", async () => {
      return JSON.stringify(await itemStates(id)) === '["settled","held","settled"]'
    })
    expect((await eventsOf(id)).map(({ type }) => type)).toContain("ClearancePending")
    const { items } = await platform.get<{ items: ReadonlyArray<{ clearance: object }> }>(
      `/payout-batches/${id}/items`,
    )
    expect(items.map(({ clearance }) => clearance)).toMatchObject([
      { decision: "approved", payee: "unknown" },
      { decision: "review", payee: "no-match" },
      { decision: "approved", payee: "match" },
    ])
  })

  it("goes on with an item that a reviewer released, and retries one that failed, under a new key", async () => {
    const id = await platform.submit("reviewed", payouts(["Rita Review", "Ivo Insufficient", "Ada Lovelace"]))
    await eventually("two are final and one is held", async () => {
      return JSON.stringify(await itemStates(id)) === '["held","failed","settled"]'
    })
    await eventually(
      "the failed one can be retried",
      async () => (await say(`${id}/items/2/retry`, { by: "olga" })) === 202,
    )
    await eventually("it was tried twice", async () => (await paidFor(id)) === 3)
    const review = { by: "olga", decision: "released", reason: "not the same person" }
    expect(await say(`${id}/items/1/review`, review, OLGA)).toBe(202)
    await reaches(id, "partially-settled")
    expect(await itemStates(id)).toEqual(["settled", "failed", "settled"])
    expect((await platform.books()).filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
  })
})

it("a payout goes through channels that tell how the providers are", { timeout: 60_000 }, async () => {
  await platform.closed(await platform.submit("seen", payouts(["Ada Lovelace"])))
  interface Seen {
    readonly name: string
    readonly workers: ReadonlyArray<{ readonly calls: number; readonly breaker: { readonly state: string } }>
  }
  const seen = async () => {
    const shown = await (await fetch(`${service.operationsUrl}/providers`)).json()
    return (shown as { readonly providers: ReadonlyArray<Seen> }).providers
  }
  await eventually("the worker has told", async () =>
    (await seen()).some(({ name, workers }) => name === "north" && workers.some(({ calls }) => calls > 0)),
  )
  expect((await seen()).map(({ name }) => name)).toEqual(["compliance-engine", "ledger", "north", "south"])
  expect((await seen()).flatMap(({ workers }) => workers.map(({ breaker }) => breaker.state))).toEqual(
    Array(4).fill("closed"),
  )
  expect(JSON.stringify(await seen())).not.toContain("127.0.0.1")
})
