/** One trace follows a batch through a whole service, in processes of their own in test/ops/traces.test.ts. */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { hostname } from "node:os"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ownTraceIdOf } from "../../src/traces/span.ts"
import { API_KEY, eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { CollectorUnderTest, drawn, treeProblems } from "./collector-under-test.ts"

const IBAN = "DE89370400440532013000"
const canaries = [
  "Grace Canary",
  IBAN,
  "0532013000",
  "Canary remittance",
  "canary-key",
  "canary-path",
  API_KEY,
  "canary-token",
]

const payout = (reference: string, name: string) => ({
  reference,
  amount: { currency: "EUR", value: "12.00" },
  beneficiary: { name, account: { scheme: "iban", iban: IBAN } },
  remittance: "Canary remittance",
})

const traceId = "0af7651916cd43dd8448eb211c80319c"
const caller = "b7ad6b7169203331"

let collector: CollectorUnderTest
let platform: PlatformUnderTest
let service: Service
const webhooks: Array<IncomingHttpHeaders> = []
const receiver = createServer((request, response) => {
  webhooks.push(request.headers)
  request.resume().on("end", () => response.writeHead(204).end())
})

beforeAll(async () => {
  collector = await CollectorUnderTest.open()
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve))
  platform = await PlatformUnderTest.open({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20canary-token",
    TRACE_SAMPLE_PERCENT: "100",
  })
  service = await platform.start()
  const endpoint = await fetch(`${platform.url}/webhook-endpoints`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/canary-path` }),
  })
  expect(endpoint.status).toBe(201)
})

afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
  receiver.closeAllConnections()
  receiver.close()
})

const submit = async (key: string, headers: Readonly<Record<string, string>> = {}) => {
  const answer = await fetch(`${platform.url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": key,
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify({ items: [payout("one", "Grace Canary"), payout("two", "Clara Closed")] }),
  })
  expect(answer.status).toBe(202)
  return ((await answer.json()) as { id: string }).id
}

const spansOf = (trace: string, name: string) =>
  collector.trace(trace).filter((span) => span.name.startsWith(name))

describe("a batch whose partner named a trace", () => {
  it("has one tree, from the partner's span to the webhooks", async () => {
    const id = await submit("canary-key", { traceparent: `00-${traceId}-${caller}-01` })
    await platform.closed(id)
    await eventually("its spans are there", async () => {
      const published = spansOf(traceId, "publish").length
      return (
        published >= 3 &&
        spansOf(traceId, "POST webhook").length >= published &&
        spansOf(traceId, "payout batch").length > 0
      )
    })
    const spans = collector.trace(traceId)
    expect(treeProblems(spans, caller), drawn(spans)).toEqual([])
    // In containers the processes may all have the same number.
    expect(
      spans.map(({ resource }) => String(resource["service.instance.id"]).startsWith(hostname())),
    ).not.toContain(false)
    const names = drawn(spans).split("\n")
    expect(names[0]).toBe("POST /payout-batches")
    expect(names[1]).toBe("  payout batch")
    for (const line of [
      "    screening",
      "      compliance-engine clearance",
      "    posting hold",
      "      ledger hold",
      "    payout attempt",
      "      north transfer",
      "    batch actor",
      "    read models",
      "    publish com.atlaspay.payout.settled.v1",
      "      POST webhook",
    ])
      expect(names, drawn(spans)).toContain(line)
    const transfer = spans.find(({ name }) => name === "north transfer")
    expect(transfer).toMatchObject({
      kind: 3,
      attributes: {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "atlaspay.batch.id": id,
        "atlaspay.attempt": 1,
      },
    })
    expect(spans.filter(({ name }) => name === "payout attempt").map(({ attributes }) => attributes)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          "atlaspay.item": 1,
          "atlaspay.outcome": "settled",
          "atlaspay.bank": "north",
        }),
        expect.objectContaining({
          "atlaspay.item": 2,
          "atlaspay.outcome": "failed",
          "error.type": "beneficiary",
        }),
      ]),
    )
    // The span in the header of a webhook is that of the event's publication.
    const published = new Set(spansOf(traceId, "publish").map(({ spanId }) => `00-${traceId}-${spanId}-01`))
    expect(webhooks.every(({ traceparent }) => published.has(String(traceparent)))).toBe(true)
  })

  it("tells the collector no account, name, key or text, and the log of the service neither", () => {
    expect(collector.headers[0]?.authorization).toBe("Bearer canary-token")
    const told = `${collector.bodies.join("\n")}\n${service.lines.join("\n")}`
    expect(canaries.filter((canary) => told.includes(canary))).toEqual([])
  })
})

describe("a batch whose partner named none", () => {
  it("has a trace that follows from its id, and its events name none", async () => {
    webhooks.length = 0
    const id = await submit("own")
    await platform.closed(id)
    const own = ownTraceIdOf(id as Parameters<typeof ownTraceIdOf>[0])
    await eventually("its spans are there", async () => {
      const published = spansOf(own, "publish").length
      return (
        published >= 3 &&
        spansOf(own, "POST webhook").length >= published &&
        spansOf(own, "payout batch").length > 0
      )
    })
    expect(treeProblems(collector.trace(own)), drawn(collector.trace(own))).toEqual([])
    // Webhooks of the batch before may still come, or come again.
    const ofBatch = webhooks.filter(({ "webhook-id": event }) => String(event).startsWith(`${id}:`))
    expect(ofBatch.length).toBeGreaterThan(0)
    expect(ofBatch.filter(({ traceparent }) => traceparent !== undefined)).toEqual([])
  })
})
