import { once } from "node:events"
import { connect, createServer } from "node:net"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import type { BatchEvent } from "../../src/domain/events.ts"
import { partnerShardOf } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { Feed } from "../../src/streams/feed.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"
import { eventually } from "../platform-under-test.ts"
import { ApiUnderTest, acme, globex } from "./api-under-test.ts"
import { payout } from "./payout-batches/payout-batch-body.ts"

const down = Effect.fail(
  new StoreUnavailable({ store: "redis", step: "test", reason: "ECONNREFUSED DE89370400440532013000" }),
)

/** Streams that only have a backlog, and open batches as they are told. */
const streams = (
  backlog: RunQueue["Service"]["backlog"],
  open: EventStore["Service"]["open"],
  read: EventStore["Service"]["read"] = () => Effect.succeed([]),
) =>
  Layer.mergeAll(
    Layer.mock(EventStore, {
      prepare: (...asked) => Effect.succeed((openBy) => open(...asked, openBy)),
      read,
      replicated: () => Effect.void,
    }),
    Layer.mock(Mailbox, {}),
    Layer.mock(RunQueue, { parts: [], backlog }),
    Layer.mock(Feed, {}),
    Layer.succeed(Partitions, { count: 1, of: () => 0 }),
  )

const openBatches = (open: number, byPartnerShard: ReadonlyMap<string, number> = new Map()) => ({
  open,
  closed: 0,
  byPartnerShard,
})

it("lets a request under way finish before it closes, and takes no other", async () => {
  let started = () => {}
  const opening = new Promise<void>((resolve) => {
    started = resolve
  })
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const slow = Effect.promise(() => {
    started()
    return finished
  }).pipe(Effect.as({ _tag: "Opened" as const }))
  const api = await ApiUnderTest.open({ streams: streams(Effect.succeed(openBatches(0)), () => slow) })
  await api.call("/healthz")

  const underWay = api.post("slow", { items: [payout("a")] })
  await opening
  const closing = api[Symbol.asyncDispose]()
  await refusesConnections(api.url)
  finish()

  expect((await underWay).status).toBe(202)
  await closing
})

it("asks to come back later when too many batches are open", async () => {
  const full = streams(Effect.succeed(openBatches(6)), () => Effect.succeed({ _tag: "Opened" }))
  await using api = await ApiUnderTest.open({ environment: { BACKLOG_MAX: "5" }, streams: full })
  const answer = await api.post("k", { items: [payout("a")] })
  expect(answer.status).toBe(503)
  expect(answer.json.type).toBe("/problems/intake-full")
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
})

it("sends a partner away that has its share of batches open, and takes another partner's", async () => {
  const partnerShard = partnerShardOf(batchIdOf("acme", "any"))
  const busy = streams(Effect.succeed(openBatches(7, new Map([[partnerShard, 7]]))), () =>
    Effect.succeed({ _tag: "Opened" }),
  )
  await using api = await ApiUnderTest.open({ environment: { PARTNER_BACKLOG_MAX: "7" }, streams: busy })
  const refused = await api.post("k", { items: [payout("a")] })
  expect(refused.status).toBe(429)
  expect(refused.json.type).toBe("/problems/partner-share-full")
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
  expect((await api.post("k", { items: [payout("a")] }, globex)).status).toBe(202)
})

it("answers for a batch that it accepted before, however full it is", async () => {
  let first: BatchEvent | undefined
  const filling = streams(
    Effect.sync(() => openBatches(first === undefined ? 0 : 6)),
    (_, [event]) => {
      if (first !== undefined) return Effect.succeed({ _tag: "Exists", first })
      first = event
      return Effect.succeed({ _tag: "Opened" })
    },
    (id) =>
      Effect.sync(() =>
        first !== undefined && id === batchIdOf("acme", "known")
          ? [{ version: 1, event: first, hash: "" }]
          : [],
      ),
  )
  await using api = await ApiUnderTest.open({ environment: { BACKLOG_MAX: "5" }, streams: filling })
  const body = { items: [payout("a")] }
  const { text } = await api.post("known", body)
  await eventually("intake is closed", async () => (await api.post("new", body)).status === 503)
  const again = await api.post("known", body)
  expect(again).toMatchObject({ status: 202, text })
  expect(again.headers.get("idempotent-replayed")).toBe("true")
})

it("counts what it let in since it last looked", async () => {
  const empty = streams(Effect.succeed(openBatches(0)), () => Effect.succeed({ _tag: "Opened" }))
  await using api = await ApiUnderTest.open({ environment: { BACKLOG_MAX: "5" }, streams: empty })
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => api.post(`k${n}`, { items: [payout("a")] })),
  )
  expect(answers.some(({ status }) => status === 503)).toBe(true)
})

it("looks at the backlog once for many requests", async () => {
  let looks = 0
  const counted = Effect.sync(() => {
    looks += 1
    return openBatches(0)
  })
  const log = streams(counted, () => Effect.succeed({ _tag: "Opened" }))
  await using api = await ApiUnderTest.open({ streams: log })
  await Promise.all(Array.from({ length: 50 }, (_, n) => api.post(`k${n}`, { items: [payout("a")] })))
  expect(looks).toBeLessThan(10)
})

it("says that its storage does not answer, and logs under the problem's id why", async () => {
  await using api = await ApiUnderTest.open({ streams: streams(down, () => down) })
  const answer = await api.post("k", { items: [payout("a")] })
  expect(answer.status).toBe(503)
  expect(answer.headers.get("retry-after")).toBe("1")
  const logged = api.lines.find((line) => line.includes(String(answer.json.instance)))
  expect(logged).toContain("ECONNREFUSED")
  expect(logged).not.toContain("DE89370400440532013000")
})

it("tells nothing of what nobody expected, but the id to ask about", async () => {
  const broken = streams(Effect.succeed(openBatches(0)), () => Effect.die(new Error("a bug near line 7")))
  await using api = await ApiUnderTest.open({ streams: broken })
  const answer = await api.post("k", { items: [payout("a")] })
  expect(answer.status).toBe(500)
  expect(Object.keys(answer.json).sort()).toEqual(["instance", "status", "title", "type"])
  expect(api.lines.find((line) => line.includes(String(answer.json.instance)))).toContain("near line 7")
})

it("ends with the connections of clients that went away in the middle of a body", async () => {
  const log = streams(Effect.succeed(openBatches(0)), () => Effect.succeed({ _tag: "Opened" }))
  await using api = await ApiUnderTest.open({ streams: log })
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  await once(socket, "connect")
  socket.write(
    `POST /payout-batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${acme}\r\nIdempotency-Key: k\r\n` +
      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
  )
  socket.destroySoon()
  await once(socket, "close")
  await expect.poll(() => api.lines.some((line) => line.includes("BodyCutOff"))).toBe(true)
})

it("says which address it cannot listen on", async () => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  const address = other.address()
  const port = address === null || typeof address === "string" ? 0 : address.port
  await expect(ApiUnderTest.open({ port })).rejects.toMatchObject({
    _tag: "ListenFailed",
    port,
    reason: "EADDRINUSE",
  })
  other.close()
})

/** Waits until nobody listens there any more. */
const refusesConnections = (url: string): Promise<void> =>
  expect
    .poll(() =>
      fetch(`${url}/healthz`).then(
        () => "open",
        () => "closed",
      ),
    )
    .toBe("closed")
