/** An ordered endpoint and two processes, with a receiver that fails, and events that come in any order. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Queue, Scope } from "effect"
import type { PublicEvent } from "../../src/publisher/public-event.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { makeWakeUps, runDispatcher, type WakeUps } from "../../src/webhooks/dispatcher.ts"
import { endpointWith, published } from "./paced-endpoints.ts"
import { startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

/** More than an attempt can fail in a row. */
const DELAYS_MS = Array.from({ length: 200 }, () => 20)
const LEASE_MS = 60_000
/** Requests after which processes stop that are to. */
const CUT_AFTER = 10

interface Process {
  readonly wakeUps: WakeUps
  readonly ahead: ClaimedAhead
}

/** A dispatcher. It is stopped `when` that ends, in the middle of attempts, and starts again, as by a deploy. */
const startProcess = Effect.fnUntraced(function* (when: Effect.Effect<void> | undefined) {
  const wakeUps = yield* makeWakeUps
  const ahead = new ClaimedAhead()
  const dispatcher = runDispatcher(wakeUps, DELAYS_MS, ahead)
  const first = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(first, Exit.void))
  yield* Effect.forkIn(dispatcher, first)
  if (when !== undefined)
    yield* when.pipe(
      Effect.andThen(Scope.close(first, Exit.void)),
      Effect.andThen(dispatcher),
      Effect.forkScoped,
    )
  return { wakeUps, ahead } satisfies Process
})

/** Stores events as the consumer of a process does, in groups of random sizes. */
const consume = Effect.fnUntraced(function* (
  { wakeUps, ahead }: Process,
  events: ReadonlyArray<PublicEvent>,
  random: () => number,
) {
  const deliveries = yield* Deliveries
  for (let from = 0; from < events.length; ) {
    const group = events.slice(from, from + 1 + Math.floor(8 * random()))
    from += group.length
    const now = Date.now()
    const stored = yield* deliveries.record(published(group), { rooms: ahead.rooms(now), leaseMs: LEASE_MS })
    if (ahead.onAdded !== undefined) ahead.add(stored.claimed, now)
    else yield* deliveries.release(stored.claimed)
    if (stored.othersAreDue) Queue.offerUnsafe(wakeUps, undefined)
    yield* Effect.sleep(15 * random())
  }
})

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
const randomOf = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

layer(webhookPlatform({ WEBHOOK_TIMEOUT_MS: "400" }), { excludeTestServices: true })(
  "an ordered endpoint",
  (it) => {
    const runs = [
      { seed: 1, answerMsMax: 20 },
      { seed: 2, answerMsMax: 20 },
      // Both stop while attempts are under way: these are repeated when their leases have run out.
      { seed: 3, answerMsMax: 200, stops: true },
    ]
    for (const { seed, answerMsMax, stops = false } of runs)
      it.effect(`gets no event before all earlier ones of its batch were taken (seed ${seed})`, () =>
        Effect.gen(function* () {
          const random = randomOf(seed)
          const partner = `random-${seed}`
          /** The last sequence of each batch that was taken without a gap before it. */
          const taken = new Map<string, number>()
          const mistakes: Array<string> = []
          let failures = 0
          let cut = 0
          let underWay = 0
          const stopping = Promise.withResolvers<void>()
          let isStopping = false
          const { url, received } = yield* startReceiver((response, nth) => {
            const { sequence, data } = JSON.parse(received[nth - 1]?.body ?? "") as PublicEvent
            const before = taken.get(data.batchId) ?? 0
            if (Number(sequence) > before + 1) mistakes.push(`${data.batchId}: ${sequence} after ${before}`)
            const fate = random()
            if (fate < 0.2) {
              failures += 1
              if (fate < 0.1) response.writeHead(500).end()
              else response.destroy()
            } else {
              underWay += 1
              response.on("close", () => {
                underWay -= 1
                if (isStopping && !response.writableEnded) cut += 1
              })
              const answerMs = answerMsMax * random()
              const answer = () => {
                taken.set(data.batchId, Math.max(taken.get(data.batchId) ?? 0, Number(sequence)))
                response.writeHead(204).end()
              }
              // Those that are to be cut off get no answer before.
              if (stops && nth > CUT_AFTER) void stopping.promise.then(() => setTimeout(answer, answerMs))
              else setTimeout(answer, answerMs)
            }
          })
          const endpoint = yield* endpointWith(partner, url, { ordered: true })
          const stories = Array.from({ length: 4 }, () => eventsOf(partner, 25))
          const events = stories.flat().map((event) => ({ event, at: random() }))
          const inAnyOrder = events.toSorted((one, other) => one.at - other.at).map(({ event }) => event)
          // Each message goes to one process, and some to both: they were redelivered.
          const busy = until(Effect.sync(() => received.length > CUT_AFTER && underWay > 1)).pipe(
            Effect.andThen(
              Effect.sync(() => {
                isStopping = true
                stopping.resolve()
              }),
            ),
          )
          const when = stops ? busy : undefined
          const [one, other] = [yield* startProcess(when), yield* startProcess(when)]
          const mine = inAnyOrder.filter(() => random() < 0.6)
          const others = inAnyOrder.filter((event) => !mine.includes(event) || random() < 0.1)
          yield* Effect.all([consume(one, mine, random), consume(other, others, random)], { concurrency: 2 })
          yield* until(
            Effect.map(
              deliveryRows(endpoint),
              (rows) => rows.length === events.length && rows.every(({ state }) => state === "delivered"),
            ),
          )
          assert.deepStrictEqual(mistakes, [])
          assert.isAbove(failures, 10)
          if (stops) assert.isAbove(cut, 0)
          for (const story of stories)
            assert.strictEqual(taken.get(story[0]?.data.batchId ?? ""), story.length)
        }),
      )
  },
)
