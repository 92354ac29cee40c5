/** Traces over all roles in processes of their own: through a crash, of batches in trouble, and with collectors that are no use. */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ownTraceIdOf } from "../../src/traces/span.ts"
import { eventually, freePort, PlatformUnderTest } from "../platform-under-test.ts"
import { setWeather } from "../sandbox/sandbox-client.ts"
import {
  answers,
  CollectorUnderTest,
  drawn,
  type ReceivedSpan,
  treeProblems,
} from "../traces/collector-under-test.ts"

const payouts = (count: number, name = "Ada Lovelace") => ({
  items: Array.from({ length: count }, (_, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}.00` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

const traceOf = (id: string) => ownTraceIdOf(id as Parameters<typeof ownTraceIdOf>[0])
const named = (spans: ReadonlyArray<ReceivedSpan>, name: string) => spans.filter((span) => span.name === name)

const roles = ["api", "worker", "projector", "publisher", "webhooks"] as const

let collector: CollectorUnderTest
let platform: PlatformUnderTest | undefined

beforeEach(async () => {
  collector = await CollectorUnderTest.open()
})
afterEach(async () => {
  await platform?.[Symbol.asyncDispose]()
  platform = undefined
  await collector[Symbol.asyncDispose]()
})

const open = async (settings: Readonly<Record<string, string>> = {}): Promise<PlatformUnderTest> => {
  platform = await PlatformUnderTest.open({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    BANK_CONCURRENCY: "4",
    ...settings,
  })
  return platform
}

/** Starts each role in a process of its own; all have the settings of the platform. */
const startApart = async (on: PlatformUnderTest) => {
  const api = await on.start({ ROLES: "api" })
  const others = new Map(roles.slice(1).map((role) => [role, on.launch({ ROLES: role })]))
  return { api, worker: others.get("worker") }
}

const paidOnce = async (on: PlatformUnderTest, count: number) => {
  const books = await on.books()
  expect(books.filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
  expect(books.flatMap(({ transfers }) => transfers).filter(({ payments }) => payments === 1).length).toBe(
    count,
  )
}

describe("roles in processes of their own", () => {
  it("make one tree, also if the worker is killed in the middle", async () => {
    const on = await open({ TRACE_SAMPLE_PERCENT: "100" })
    const { worker } = await startApart(on)
    const id = await on.submit("key", payouts(60))
    const areUnderWay = async () => (await on.books()).flatMap(({ transfers }) => transfers).length >= 10
    // Five processes start at a time.
    await eventually("the transfers are under way", areUnderWay, 150_000)
    worker?.signal("SIGKILL")
    await worker?.ended
    on.launch({ ROLES: "worker" })
    expect((await on.closed(id)).state).toBe("settled")
    await paidOnce(on, 60)
    const trace = traceOf(id)
    await eventually("all of it is there", async () => {
      const spans = collector.trace(trace)
      return (
        named(spans, "payout batch").length === 1 &&
        named(spans, "publish com.atlaspay.payout-batch.closed.v1").length === 1 &&
        named(spans, "publish com.atlaspay.payout.settled.v1").length === 60
      )
    })
    const spans = collector.trace(trace)
    expect(treeProblems(spans), drawn(spans)).toEqual([])
    expect(named(spans, "payout attempt").length).toBe(60)
    const seen = new Set(spans.map(({ resource }) => resource["atlaspay.roles"]))
    expect([...seen].sort()).toEqual(["api", "projector", "publisher", "worker"])
  })
})

describe("traces that are not recorded", () => {
  it("are kept if a bank fails, or if nobody knows what became of a payout", async () => {
    const on = await open({ TRACE_SAMPLE_PERCENT: "0" })
    await on.start()
    const quiet = await on.submit("quiet", payouts(2))
    await on.closed(quiet)
    const lost = await on.submit("lost", payouts(1, "Tim Timeout"))
    await on.closed(lost)
    await setWeather(on.sandbox.banks.north, { errorsBefore: 1 })
    const failing = await on.submit("failing", payouts(1))
    await eventually("the bank has failed", async () =>
      (
        await on.get<{ events: ReadonlyArray<{ type: string }> }>(`/payout-batches/${failing}/events`)
      ).events.some(({ type }) => type === "TransferUnknown"),
    )
    await setWeather(on.sandbox.banks.north, {})
    await on.closed(failing)
    for (const id of [lost, failing]) {
      await eventually(
        "its trace is there",
        async () => named(collector.trace(traceOf(id)), "payout batch").length === 1,
      )
      const spans = collector.trace(traceOf(id))
      expect(treeProblems(spans), drawn(spans)).toEqual([])
      expect(named(spans, "north transfer")[0]?.status?.code).toBe(2)
      expect(named(spans, "payout batch accepted").length).toBe(1)
    }
    expect(collector.trace(traceOf(quiet))).toEqual([])
  })

  it("are kept if the compliance engine fails, which the log does not tell", async () => {
    const on = await open({ TRACE_SAMPLE_PERCENT: "0" })
    const service = await on.start()
    await setWeather(on.sandbox.compliance, { errorsBefore: 1 })
    const id = await on.submit("failing", payouts(1))
    const isStalled = () => service.lines.find((line) => line.includes("work stalled"))
    await eventually("the engine has failed", async () => isStalled() !== undefined)
    await setWeather(on.sandbox.compliance, {})
    await on.closed(id)
    await eventually(
      "its trace is there",
      async () => named(collector.trace(traceOf(id)), "payout batch").length === 1,
    )
    const spans = collector.trace(traceOf(id))
    expect(treeProblems(spans), drawn(spans)).toEqual([])
    expect(isStalled()).toContain(traceOf(id))
    expect(
      spans.some(({ name, status }) => name === "compliance-engine clearance" && status?.code === 2),
    ).toBe(true)
  })

  it("are kept if the batch was slow", async () => {
    const on = await open({ TRACE_SAMPLE_PERCENT: "0", TRACE_SLOW_MS: "1" })
    await on.start()
    const id = await on.submit("slow", payouts(1))
    await on.closed(id)
    await eventually(
      "its trace is there",
      async () => named(collector.trace(traceOf(id)), "payout batch").length === 1,
    )
    expect(treeProblems(collector.trace(traceOf(id))), drawn(collector.trace(traceOf(id)))).toEqual([])
  })

  it("are kept, while the batch is open, if a payout waits for a person", async () => {
    const on = await open({ TRACE_SAMPLE_PERCENT: "0", INQUIRY_DELAYS_MS: "10" })
    await on.start()
    await setWeather(on.sandbox.banks.north, { silence: 1, inquiryErrors: 1 })
    const id = await on.submit("parked", payouts(1))
    await eventually(
      "its trace is there",
      async () => named(collector.trace(traceOf(id)), "payout batch").length === 1,
    )
    const spans = collector.trace(traceOf(id))
    expect(treeProblems(spans), drawn(spans)).toEqual([])
    expect(named(spans, "payout batch")[0]?.attributes["atlaspay.open"]).toBe(true)
    expect(named(spans, "payout attempt")[0]?.events.map(({ name }) => name)).toContain("TransferParked")
  })
})

describe("a collector that", () => {
  it.each([
    ["is away", undefined],
    ["says nothing", answers.isSilent],
    ["fails", answers.failsWith(500)],
    ["is slow", answers.isLate(4_000)],
  ])("%s holds no payout up, and the service stops in time", async (_, answer) => {
    if (answer !== undefined) collector.answer = answer
    const away =
      answer === undefined ? { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` } : {}
    const on = await open({ TRACE_SAMPLE_PERCENT: "100", ...away })
    const service = await on.start()
    for (let nth = 0; nth < 3; nth++) {
      const id = await on.submit(`key ${nth}`, payouts(20))
      expect((await on.closed(id)).state).toBe("settled")
    }
    await paidOnce(on, 60)
    const stopping = Date.now()
    service.signal("SIGTERM")
    expect(await service.ended).toBe(0)
    expect(Date.now() - stopping).toBeLessThan(10_000)
    expect(
      service.lines.filter((line) => line.includes("the collector does not take traces")).length,
    ).toBeLessThan(2)
  })
})
