/** Of many batches that the store opens at a time, nothing keeps the events alive that are written already. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { EventStore, type OpenStep } from "../../../src/streams/event-store.ts"
import { Feed } from "../../../src/streams/feed.ts"
import { Mailbox } from "../../../src/streams/mailbox.ts"
import { Partitions } from "../../../src/streams/partitions.ts"
import { RunQueue } from "../../../src/streams/run-queue.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Streams that write first events, and keep nothing of them. */
const writing = (written: Array<WeakRef<object>>, step: OpenStep) =>
  Layer.mergeAll(
    Layer.mock(EventStore, {
      prepare: (_, events) =>
        Effect.sync(() => {
          for (const event of events) written.push(new WeakRef(event))
          return step
        }),
      reserve: () => Effect.succeed({ _tag: "Reserved", at: Date.now() }),
      read: () => Effect.succeed([]),
      replicated: () => Effect.void,
    }),
    Layer.mock(Mailbox, {}),
    Layer.mock(RunQueue, {
      parts: [],
      backlog: Effect.succeed({ open: 0, closed: 0, byPartnerShard: new Map() }),
    }),
    Layer.mock(Feed, {}),
    Layer.succeed(Partitions, { count: 1, of: () => 0 }),
  )

it.each(["a", '"a"'])("lets go of the first events while the batch of %s is opened", async (key) => {
  const written: Array<WeakRef<object>> = []
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const slow = Effect.as(
    Effect.promise(() => finished),
    { _tag: "Opened" as const },
  )
  await using api = await ApiUnderTest.open({ streams: writing(written, () => slow) })
  const underWay = api.post(key, { items: [payout("a"), payout("b")] })
  await expect.poll(() => written.length, { timeout: 5_000 }).toBeGreaterThan(1)
  const held = () => {
    collect()
    return written.filter((event) => event.deref() !== undefined).length
  }
  await expect.poll(held, { timeout: 5_000 }).toBe(0)
  finish()
  expect((await underWay).status).toBe(202)
})
