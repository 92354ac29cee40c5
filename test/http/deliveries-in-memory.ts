import { Effect, Layer } from "effect"
import { DeliveryLog, NoSuchDelivery, type ShownDelivery } from "../../src/webhooks/delivery-log.ts"
import { NoSuchEndpoint, WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { NoSuchReplay, type Replay, Replays, ReplayUnderWay } from "../../src/webhooks/replays.ts"
import { endpointsInMemory } from "./endpoints-in-memory.ts"

const at = new Date("2026-11-28T07:00:00Z")

/** The event whose delivery each endpoint has: it was given up. */
export const deadEvent = "pb_7qfdkz5nhm2rj3wtxay4ebgc6u:41"

const dead = (endpoint: string): ShownDelivery => ({
  endpoint,
  event: deadEvent,
  eventType: "com.atlaspay.payout.settled.v1",
  batch: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u",
  sequence: 9,
  state: "dead",
  attempts: 1,
  createdAt: at,
  nextAttemptAt: undefined,
  lastAttempt: { at, durationMs: 12, status: 503, error: "HTTP 503" },
  ended: [{ number: 1, at, durationMs: 12, status: 503, error: "HTTP 503", answer: "try later" }],
  body: "{}",
})

/** A replay that each endpoint had. */
const doneReplay = (endpoint: string): Replay => ({
  id: "wr_done",
  endpoint,
  batch: undefined,
  fromSequence: undefined,
  since: at,
  until: at,
  state: "done",
  reason: undefined,
  batches: 1,
  events: 1,
  createdAt: at,
  endedAt: at,
})

/** Each endpoint has one delivery, which is given up, and replays that begin and never end. */
export const deliveriesInMemory: Layer.Layer<DeliveryLog | Replays> = Layer.effectContext(
  Effect.gen(function* () {
    const { list } = yield* WebhookEndpoints
    const replays: Array<Replay> = []
    const own = (partner: string, endpoint: string) =>
      Effect.map(list(partner), (endpoints) => endpoints.some(({ id }) => id === endpoint))
    const log = Layer.mock(DeliveryLog, {
      list: (partner) =>
        Effect.map(list(partner), (endpoints) => ({
          deliveries: endpoints.map(({ id }) => {
            const { body: _, ended: __, ...listed } = dead(id)
            return listed
          }),
          next: undefined,
        })),
      show: Effect.fnUntraced(function* (partner, { endpoint, event }) {
        if (!(yield* own(partner, endpoint)) || event !== deadEvent) return yield* new NoSuchDelivery()
        return dead(endpoint)
      }),
      resend: Effect.fnUntraced(function* (partner, { endpoint, event }) {
        if (!(yield* own(partner, endpoint)) || event !== deadEvent) return yield* new NoSuchDelivery()
        return { stateBefore: "dead" as const }
      }),
      redrive: Effect.fnUntraced(function* (partner, endpoint) {
        if (!(yield* own(partner, endpoint))) return yield* new NoSuchDelivery()
        return { resent: 1, isComplete: true }
      }),
    })
    const ofEndpoints = Layer.mock(Replays, {
      start: Effect.fnUntraced(function* (partner, endpoint, asked) {
        if (!(yield* own(partner, endpoint))) return yield* new NoSuchEndpoint({ endpoint })
        const running = replays.find((replay) => replay.endpoint === endpoint)
        if (running !== undefined) return yield* new ReplayUnderWay({ replay: running.id })
        const replay: Replay = {
          id: `wr_${"a".repeat(32)}`,
          endpoint,
          batch: "batch" in asked ? asked.batch : undefined,
          fromSequence: "batch" in asked ? asked.fromSequence : undefined,
          since: "since" in asked ? new Date(asked.since) : undefined,
          until: "since" in asked ? at : undefined,
          state: "running",
          reason: undefined,
          batches: 0,
          events: 0,
          createdAt: at,
          endedAt: undefined,
        }
        replays.push(replay)
        return replay
      }),
      show: Effect.fnUntraced(function* (partner, endpoint, id) {
        const found =
          id === "wr_done"
            ? doneReplay(endpoint)
            : replays.find((replay) => replay.endpoint === endpoint && replay.id === id)
        if (found === undefined || !(yield* own(partner, endpoint))) return yield* new NoSuchReplay()
        return found
      }),
      list: Effect.fnUntraced(function* (partner, endpoint) {
        if (!(yield* own(partner, endpoint))) return yield* new NoSuchEndpoint({ endpoint })
        return replays.filter((replay) => replay.endpoint === endpoint)
      }),
    })
    return yield* Layer.build(Layer.merge(log, ofEndpoints))
  }),
).pipe(Layer.provide(endpointsInMemory))
