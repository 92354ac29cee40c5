import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect, it } from "vitest"
import type { CommandClient, ListedDelivery } from "../../src/client/command-client.ts"
import type { Partner } from "../../src/dev/partner.ts"
import type { ReceivedWebhook } from "../../src/dev/webhook-receiver.ts"
import { resendOne } from "../../src/dev/webhook-resend.ts"
import { BatchId } from "../../src/domain/identifiers.ts"

const batch = BatchId.make(`pb_${"a".repeat(22)}`)
const accepted = "com.atlaspay.payout-batch.accepted.v1"
const settled = "com.atlaspay.payout.settled.v1"

interface Row extends ListedDelivery {
  state: ListedDelivery["state"]
  attempts: number
}

interface Stand {
  readonly rows: ReadonlyArray<Row>
  /** What the service was asked to send again. */
  readonly resent: Array<string>
  readonly verified: Map<string, ReceivedWebhook>
  readonly webhooks: { altered: number }
}

/** A service and a receiver: each event arrived once. `arrives` is what a resend leads to. */
const standIn = (
  arrives: (id: string, stand: Stand) => void,
  types: ReadonlyArray<string> = [accepted, settled, settled],
) => {
  const rows = types.map(
    (eventType, index): Row => ({ event: `e${index + 1}`, eventType, state: "delivered", attempts: 1 }),
  )
  const verified = new Map<string, ReceivedWebhook>(
    rows.map(({ event, eventType }) => [event, { type: eventType, times: 1, body: "b" }]),
  )
  const resent: Array<string> = []
  const webhooks = { url: "", secret: undefined, verified, repeated: 0, altered: 0, refused: 0, latest: [] }
  const stand = { rows, resent, webhooks, verified }
  const row = (id: string): Row => {
    const found = rows.find(({ event }) => event === id)
    if (found === undefined) throw new Error(`no delivery ${id}`)
    return found
  }
  const client: Pick<CommandClient, "webhookDeliveries" | "webhookDelivery" | "resendWebhook"> = {
    webhookDeliveries: (_, __, state) =>
      Effect.sync(() => rows.filter((one) => state === undefined || one.state === state).toReversed()),
    webhookDelivery: (_, id) =>
      Effect.sync(() => ({
        ...row(id),
        ended: Array.from({ length: row(id).attempts }, (_, index) => ({ number: index + 1, at: "now" })),
      })),
    resendWebhook: (_, id) =>
      Effect.sync(() => {
        const { state: stateBefore } = row(id)
        resent.push(id)
        row(id).state = "pending"
        arrives(id, stand)
        return { stateBefore }
      }),
  }
  const partner = { client, batch, endpoint: "we_1", webhooks } as unknown as Partner
  return { ...stand, run: resendOne(partner) }
}

const recorded = (id: string, { rows }: Stand) => {
  const row = rows.find(({ event }) => event === id)
  if (row !== undefined) Object.assign(row, { state: "delivered", attempts: row.attempts + 1 })
}
const comesAgain = (id: string, stand: Stand) => {
  recorded(id, stand)
  const before = stand.verified.get(id)
  if (before !== undefined) stand.verified.set(id, { ...before, times: before.times + 1 })
}

/** Runs it with a clock that goes on by `ms`. */
const after = <A, E>(ms: number, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(ms)
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)

it("sends a webhook about money again, and shows it with all of its attempts", async () => {
  const stand = standIn(comesAgain)
  const { resent, sums, problems } = await Effect.runPromise(stand.run)
  expect(problems).toEqual([])
  expect(stand.resent).toEqual(["e2"])
  expect(resent).toMatchObject({
    event: "e2",
    eventType: settled,
    stateBefore: "delivered",
    isRepeated: true,
  })
  expect(resent?.attempts.map(({ number }) => number)).toEqual([1, 2])
  expect([...sums]).toMatchObject([
    [accepted, { deliveries: 1, attempts: 1, verified: 1, repeated: 0 }],
    [settled, { deliveries: 2, attempts: 3, verified: 2, repeated: 1 }],
  ])
})

it("sends the first one again if no payout was settled", async () => {
  const stand = standIn(comesAgain, [accepted])
  expect((await Effect.runPromise(stand.run)).problems).toEqual([])
  expect(stand.resent).toEqual(["e1"])
})

it("waits until what arrived is recorded, because nothing that is pending is sent again", async () => {
  const stand = standIn(comesAgain)
  const [, row] = stand.rows
  if (row !== undefined) row.state = "pending"
  const run = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(stand.run, { startImmediately: true })
    yield* TestClock.adjust("1 second")
    expect(stand.resent).toEqual([])
    if (row !== undefined) row.state = "delivered"
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })
  const { problems } = await Effect.runPromise(Effect.provide(run, TestClock.layer()))
  expect(problems).toEqual([])
  expect(stand.resent).toEqual(["e2"])
})

it.each<[string, (id: string, stand: Stand) => void, ReadonlyArray<string>]>([
  ["never comes", () => undefined, ["1 deliveries of webhooks have not arrived, by their log"]],
  ["is recorded and never comes", recorded, []],
  [
    "comes with another body",
    (id, stand) => {
      comesAgain(id, stand)
      stand.webhooks.altered += 1
    },
    ["1 webhooks came again with another body"],
  ],
])("names a repetition that %s", async (_, arrives, others) => {
  const { resent, problems } = await after(60_000, standIn(arrives).run)
  expect(resent?.isRepeated).toBe(false)
  expect(problems).toEqual([...others, "e2 was sent again, and no repetition of it was verified"])
})

it("sends nothing again if nothing was verified, and names that", async () => {
  const stand = standIn(comesAgain, [])
  const { resent, problems } = await Effect.runPromise(stand.run)
  expect([resent, stand.resent]).toEqual([undefined, []])
  expect(problems).toEqual(["no webhook was sent again, because none was verified"])
})
