import { once } from "node:events"
import { connect } from "node:net"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { IntakePressure } from "../../../src/platform/intake-pressure.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { Feed } from "../../../src/streams/feed.ts"
import { Mailbox } from "../../../src/streams/mailbox.ts"
import { Partitions } from "../../../src/streams/partitions.ts"
import { RunQueue } from "../../../src/streams/run-queue.ts"
import { eventually } from "../../platform-under-test.ts"
import { ApiUnderTest, acme } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

/** Requests under way, as the API counts them. */
class CountedRequests {
  now = 0
  total = 0
  readonly #counted: (typeof IntakePressure)["Service"] = {
    share: () => 1,
    accepting: (handling) =>
      Effect.suspend(() => {
        this.now += 1
        this.total += 1
        return Effect.ensuring(
          handling,
          Effect.sync(() => {
            this.now -= 1
          }),
        )
      }),
  }

  /** Streams that open batches when they may, beside which requests are counted. */
  streams(mayOpen: Promise<void>) {
    const open = Effect.as(
      Effect.promise(() => mayOpen),
      { _tag: "Opened" as const },
    )
    return Layer.mergeAll(
      Layer.mock(EventStore, { prepare: () => Effect.succeed(() => open), read: () => Effect.succeed([]) }),
      Layer.mock(Mailbox, {}),
      Layer.mock(RunQueue, {
        parts: [],
        backlog: Effect.succeed({ open: 0, closed: 0, byPartnerShard: new Map() }),
      }),
      Layer.mock(Feed, {}),
      Layer.succeed(Partitions, { count: 1, of: () => 0 }),
      Layer.succeed(IntakePressure, this.#counted),
    )
  }
}

it("counts a request from when its body has arrived until it is answered, and no other request", async () => {
  const requests = new CountedRequests()
  let allow = () => {}
  const allowed = new Promise<void>((resolve) => {
    allow = resolve
  })
  await using api = await ApiUnderTest.open({ streams: requests.streams(allowed) })
  const { hostname, port } = new URL(api.url)
  // A client that sends its body slowly presses nobody.
  const slow = connect(Number(port), hostname)
  await once(slow, "connect")
  slow.write(
    `POST /payout-batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${acme}\r\nIdempotency-Key: slow\r\n` +
      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
  )
  const answers = ["a", "b"].map((key) => api.post(key, { items: [payout(key)] }))
  await eventually("both are under way", async () => requests.now === 2)
  await api.call("/healthz")
  await api.get("/payout-batches/pb_none")
  expect(requests.total).toBe(2)
  allow()
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([202, 202])
  expect(requests.now).toBe(0)
  expect((await api.post("c", "no JSON")).status).toBe(400)
  expect(requests).toMatchObject({ now: 0, total: 3 })
  slow.destroy()
})
