/** A short form of `npm run test:fuzz`, with one seed; and that the long form sends what its seed says. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { openApiDocument } from "../../src/http/routes.ts"
import { PlatformUnderTest } from "../platform-under-test.ts"
import { seed } from "../property.ts"
import { fuzzSettings } from "./credentials.ts"
import { readDocument } from "./document.ts"
import { runFuzz } from "./fuzz-run.ts"
import { requestAt } from "./plan.ts"
import { bodyOf, bytesOf, type FuzzRequest } from "./request.ts"
import { shrunken } from "./shrinking.ts"
import { answersIn } from "./wire.ts"

const REQUESTS = 250
const REPEATED = 40

const document = readDocument(openApiDocument)
const names = { resolve: (name: string) => `<${name}>`, sign: () => [] }

const sentWith = (of: number, requests = 300): string => {
  const digest = createHash("sha256")
  for (let number = 0; number < requests; number += 1)
    digest.update(bytesOf(requestAt(document, of, number), "127.0.0.1", names))
  return digest.digest("hex")
}

it("finds no 5xx, no answer that the document does not have, and nothing half-stored", {
  timeout: 180_000,
}, async () => {
  await using platform = await PlatformUnderTest.open({ ...fuzzSettings })
  const service = await platform.start()
  let hasEnded = false
  void service.ended.then(() => {
    hasEnded = true
  })
  const { REDIS_URL = "", STREAM_PREFIX = "", DATABASE_URL = "" } = platform.environment
  const place = {
    url: service.url,
    operationsUrl: service.operationsUrl,
    sandbox: platform.sandbox,
    redisUrl: REDIS_URL,
    redisPrefix: STREAM_PREFIX,
    databaseUrl: DATABASE_URL,
    lines: () => service.lines,
    isAlive: () => !hasEnded,
  }
  const report = await runFuzz(place, {
    seed,
    requestsMax: REQUESTS,
    withinMs: 120_000,
    requestsPerRound: REQUESTS,
    repeatedPerRound: REPEATED,
  })
  expect(report.findings).toEqual([])
  expect(report.requests).toBe(REQUESTS)
  expect(report.operations.called).toBe(report.operations.all)
  expect(report.accepted.batches).toBeGreaterThan(0)
  expect(report.payments).toBeGreaterThan(0)
  expect(report.repeated.comparisons).toBeGreaterThan(0)
})

describe("what a run sends", () => {
  it("follows from the seed", () => {
    expect(sentWith(7)).toBe(sentWith(7))
    expect(sentWith(8)).not.toBe(sentWith(7))
  })

  it("is valid, nearly valid and hostile, for each operation", () => {
    const seen = new Map<string, Set<string>>()
    for (let number = 0; number < 4_000; number += 1) {
      const { operationId, kind } = requestAt(document, seed, number)
      seen.set(operationId, (seen.get(operationId) ?? new Set()).add(kind))
    }
    expect([...seen.keys()].toSorted()).toEqual(
      document.operations.map(({ operationId }) => operationId).toSorted(),
    )
    for (const [operationId, kinds] of seen) expect([operationId, kinds.size]).toEqual([operationId, 3])
  })
})

it("what a run removes is not what its other requests are about", () => {
  const named = (of: (operationId: string) => boolean) => {
    const requests = Array.from({ length: 4_000 }, (_, number) => requestAt(document, seed, number))
    const paths = requests.filter(({ operationId, kind }) => kind === "valid" && of(operationId))
    return new Set(paths.flatMap(({ path }) => path.match(/\{\{endpoint:[^}]+\}\}/g) ?? []))
  }
  const removed = named((id) => id === "removeWebhookEndpoint")
  const used = named((id) => id !== "removeWebhookEndpoint")
  expect(removed.size).toBeGreaterThan(1)
  expect(used.size).toBeGreaterThan(1)
  expect(removed.intersection(used)).toEqual(new Set())
})

describe("a request that gets a wrong answer", () => {
  const request: FuzzRequest = {
    ...requestAt(document, 1, 0),
    query: ["a=1", "b=2", "c=3"],
    headers: [
      ["Accept", "*/*"],
      ["X-Bad", "1"],
    ],
    body: Buffer.from(JSON.stringify({ items: [1, 2, { bad: "yes", good: "no" }], other: "x".repeat(500) })),
    coding: "identity",
    isChunked: false,
  }

  it("is shrunk to what the answer depends on", async () => {
    const isBad = ({ headers, body }: FuzzRequest) =>
      headers.some(([name]) => name === "X-Bad") && body?.includes('"bad"') === true
    const smallest = await shrunken(request, async (smaller) => isBad(smaller))
    expect(smallest.query).toEqual([])
    expect(smallest.headers).toEqual([["X-Bad", "1"]])
    expect(bodyOf(smallest, names)?.length).toBeLessThan(40)
  })

  it("costs a bounded number of tries", async () => {
    let tries = 0
    await shrunken(request, async () => {
      tries += 1
      return tries % 2 === 0
    })
    expect(tries).toBeLessThanOrEqual(120)
  })
})

describe("bytes of a server", () => {
  it("are read as the answers that they are, chunked or not, without the interim ones", () => {
    const bytes = [
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
      "HTTP/1.1 304 Not Modified\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    ].join("")
    expect(
      answersIn(Buffer.from(bytes)).map(({ status, text, isComplete }) => [status, text, isComplete]),
    ).toEqual([
      [200, "abc", true],
      [404, "no", true],
      [304, "", true],
      [200, "half", false],
    ])
  })
})
