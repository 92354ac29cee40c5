/** A Redis that comes back older than it was: what was acknowledged holds, and nobody is paid where history was lost. */
import { describe, expect, it } from "vitest"
import { atlaspay } from "../cli/atlaspay-process.ts"
import {
  API_KEY,
  type BatchView,
  eventually,
  OLGA,
  PlatformUnderTest,
  type Service,
} from "../platform-under-test.ts"
import { SetBackServer } from "./set-back-server.ts"

/** Long enough to copy the store and cancel before it, on a machine that takes so long to start the service. */
const executionTime = (startMs: number): number => Date.now() + Math.max(5_000, 3 * startMs)

const startTimed = async (platform: PlatformUnderTest) => {
  const begunAt = Date.now()
  const service = await platform.start()
  return { service, startMs: Date.now() - begunAt }
}

const payouts = (executeAt?: number, names = ["Ada Lovelace", "Grace Hopper"]) => ({
  ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
  items: names.map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: "10.00" },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

const inState = (platform: PlatformUnderTest, id: string, state: string) =>
  eventually(`the batch is ${state}`, async () => {
    return (await platform.get<BatchView>(`/payout-batches/${id}`)).state === state
  })

const cancel = async (platform: PlatformUnderTest, id: string) =>
  (
    await fetch(`${platform.url}/payout-batches/${id}/cancellation`, {
      method: "POST",
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ by: "alice", reason: "fraud" }),
    })
  ).status

const saysThat = (service: Service, what: string) =>
  eventually(`it is said: ${what}`, async () => service.lines.some((line) => line.includes(what)))

/** Runs `atlaspay history` with the settings of the service. */
const history = async (platform: PlatformUnderTest, ...words: ReadonlyArray<string>) => {
  const run = atlaspay({ ...platform.environment }, "history", ...words)
  const { status } = await run.end()
  return { status, output: run.output() }
}

const paid = async (platform: PlatformUnderTest) =>
  (await platform.books()).flatMap(({ transfers }) => transfers.map(({ reference }) => reference))

describe("Redis comes back older than it was", { timeout: 90_000 }, () => {
  it("a cancellation that the log had answered holds: nobody is paid, and it is said", async () => {
    await using redis = await SetBackServer.start("redis")
    await using platform = await PlatformUnderTest.open({ REDIS_URL: redis.url, PARTITIONS: "1" })
    const { service, startMs } = await startTimed(platform)
    const executeAt = executionTime(startMs)
    const id = await platform.submit("scheduled", payouts(executeAt))
    await inState(platform, id, "scheduled")
    await redis.remember()
    expect(await cancel(platform, id)).toBe(202)
    await inState(platform, id, "cancelled")

    await redis.setBack()
    await saysThat(service, "nobody is paid in a partition")
    await eventually("the time to pay has passed", async () => Date.now() > executeAt)
    await saysThat(service, "batch frozen: its log cannot be continued")
    // A batch that came after the loss is in the same partition.
    await platform.submit("after the loss", payouts())
    await saysThat(service, "work stalled")
    expect(await paid(platform)).toEqual([])
    expect(await (await fetch(`${service.operationsUrl}/readyz`)).json()).toMatchObject({
      status: "degraded",
      notAnswering: ["paying"],
    })
    expect(await (await fetch(`${service.operationsUrl}/metrics`)).text()).toContain(
      "atlaspay_lost_partitions 1",
    )
  })

  it("a loss that an operator has accepted is gone on from: what was decided is decided again", async () => {
    await using redis = await SetBackServer.start("redis")
    await using platform = await PlatformUnderTest.open({ REDIS_URL: redis.url, PARTITIONS: "1" })
    const first = await platform.start()
    // One item is posted in one way only: in another grouping the ledger would refuse what it has booked already.
    const one = payouts(undefined, ["Ada Lovelace"])
    // Paid in an hour, unless it is cancelled.
    const id = await platform.submit("scheduled", payouts(Date.now() + 3_600_000))
    await inState(platform, id, "scheduled")
    await redis.remember()
    expect(await cancel(platform, id)).toBe(202)
    const forgotten = await platform.submit("forgotten", one)
    await platform.closed(forgotten)
    await inState(platform, id, "cancelled")
    await redis.setBack()
    await saysThat(first, "nobody is paid in a partition")
    await first.stop()

    const before = await history(platform, "show")
    expect([before.status, before.output]).toEqual([1, expect.stringContaining("history was lost")])
    expect((await history(platform, "accept", "--partition", "0")).output).toContain(
      "reconcile every day since",
    )
    const reason = ["--by", "olivia", "--reason", "reconciled with the statements of today"]
    const accepted = await history(platform, "accept", "--partition", "0", ...reason)
    expect(accepted.output).toContain(`${forgotten}: its log is lost`)
    expect((await history(platform, "show")).status).toBe(0)

    await platform.start()
    await inState(platform, id, "cancelled")
    // The same payout under the same key: the bank is asked about it, and has paid it.
    expect(await platform.submit("forgotten", one)).toBe(forgotten)
    expect((await platform.closed(forgotten)).state).toBe("settled")
    expect((await platform.closed(await platform.submit("new", payouts()))).state).toBe("settled")
    const transfers = (await platform.books()).flatMap(({ transfers }) => transfers)
    expect(transfers.map(({ payments }) => payments)).toEqual([1, 1, 1])
    expect(transfers.some(({ reference }) => reference.includes(id.slice(3).toUpperCase()))).toBe(false)
  })

  it("a cancellation that waited in a mailbox is taken again before anybody is paid", async () => {
    await using redis = await SetBackServer.start("redis")
    // Nobody looks for decisions about batches at rest meanwhile.
    const environment = { REDIS_URL: redis.url, PARTITIONS: "1", SWEEP_MS: "60000" }
    await using platform = await PlatformUnderTest.open(environment)
    const { service: first, startMs } = await startTimed(platform)
    const id = await platform.submit("scheduled", payouts(executionTime(2 * startMs)))
    await inState(platform, id, "scheduled")
    await first.stop()
    await redis.remember()
    const api = await platform.start({ ROLES: "api" })
    expect(await cancel(platform, id)).toBe(202)
    await redis.setBack()
    await api.stop()

    await platform.start()
    await inState(platform, id, "cancelled")
    expect(await paid(platform)).toEqual([])
    const { events } = await platform.get<{ readonly events: ReadonlyArray<{ readonly type: string }> }>(
      `/payout-batches/${id}/events`,
    )
    expect(events.map(({ type }) => type)).not.toContain("TransfersRequested")
  })

  it("a review of a batch at rest that was lost on its way is taken all the same", async () => {
    await using redis = await SetBackServer.start("redis")
    await using platform = await PlatformUnderTest.open(atRest(redis))
    const first = await platform.start()
    const id = await platform.submit("held", payouts(undefined, ["Nora Nomatch"]))
    await isItem(platform, id, "held")
    await first.stop()
    await redis.remember()
    const api = await platform.start({ ROLES: "api" })
    expect(await review(platform, id, "released")).toBe(202)
    await redis.setBack()
    await api.stop()

    await platform.start()
    expect((await platform.closed(id)).state).toBe("settled")
    expect(await paid(platform)).toHaveLength(1)
  })

  it("a review of a batch at rest is taken again after its loss was accepted", async () => {
    await using redis = await SetBackServer.start("redis")
    await using platform = await PlatformUnderTest.open(atRest(redis))
    const first = await platform.start()
    const id = await platform.submit("held", payouts(undefined, ["Nora Nomatch"]))
    await isItem(platform, id, "held")
    await redis.remember()
    expect(await review(platform, id, "rejected")).toBe(202)
    await isItem(platform, id, "rejected")
    await redis.setBack()
    await saysThat(first, "nobody is paid in a partition")
    await first.stop()

    const reason = ["--by", "olivia", "--reason", "reconciled with the statements of today"]
    const accepted = await history(platform, "accept", "--partition", "0", ...reason)
    expect(accepted.output).toContain("Decisions about 1 batches will be applied again")
    await platform.start()
    await isItem(platform, id, "rejected")
    expect(await paid(platform)).toEqual([])
  })
})

/** Decisions that nobody answers are told again soon. */
const atRest = (redis: SetBackServer) => ({ REDIS_URL: redis.url, PARTITIONS: "1", SWEEP_MS: "1000" })

const isItem = (platform: PlatformUnderTest, id: string, state: string) =>
  eventually(`the item is ${state}`, async () => {
    const path = `/payout-batches/${id}/items`
    const { items } = await platform.get<{ readonly items: ReadonlyArray<{ readonly state: string }> }>(path)
    return items[0]?.state === state
  })

const review = async (platform: PlatformUnderTest, id: string, decision: "released" | "rejected") =>
  (
    await fetch(`${platform.url}/payout-batches/${id}/items/1/review`, {
      method: "POST",
      headers: { authorization: `Bearer ${OLGA}`, "content-type": "application/json" },
      body: JSON.stringify({ by: "olga", reason: "looked at it", decision }),
    })
  ).status
