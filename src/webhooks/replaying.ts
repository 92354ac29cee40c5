/**
 * Works off replays, for as long as the webhooks role lives: reads the logs of batches, derives their public events by the same function
 * as the publisher, and stores their deliveries step by step. If the process dies, another one goes on behind the last step.
 */
import { Clock, Effect, Schema } from "effect"
import type { PublicEvent } from "../publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../publisher/public-history.ts"
import { visitEvents } from "../streams/event-range.ts"
import { EventStore } from "../streams/event-store.ts"
import { nextBeat } from "../telemetry/beat.ts"
import {
  BATCHES_PER_REPLAY_MAX,
  type ClaimedReplay,
  EVENTS_PER_REPLAY_MAX,
  type ReplayPlace,
  Replays,
} from "./replays.ts"

const LOOK_EVERY_MS = 2_000
/** Longer than the reading of a step takes, also of a large log. */
const LEASE_MS = 60_000
/** What reads for longer than this without sending anything renews its claim. */
const RENEW_EVERY_MS = LEASE_MS / 4
/** The accepted difference between the clocks of those who wrote a batch's events: the last one may not have the latest time. */
const CLOCKS_DIFFER_MS_MAX = 300_000
const LOG_EVENTS_PER_READ = 256
const EVENTS_PER_STEP = 500
const BATCHES_PER_LOOK = 500

/** Never ends. A replay that fails for want of a store is claimed again when its lease has run out. */
export const replaying = Effect.gen(function* () {
  const { claim } = yield* Replays
  const one = Effect.gen(function* () {
    const replay = yield* claim(LEASE_MS)
    if (replay === undefined) return false
    yield* workOff(replay)
    return true
  }).pipe(
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.as(Effect.logWarning("a replay waits", { step, reason }), false),
    ),
  )
  yield* one.pipe(
    Effect.repeat({ while: (found) => found }),
    Effect.andThen(nextBeat(LOOK_EVERY_MS)),
    Effect.forever,
  )
})

/** The replay ends before all was sent. */
class ReplayStopped extends Schema.TaggedError<ReplayStopped>()("ReplayStopped", { reason: Schema.String }) {}

/** The lease ran out, and another process goes on with the replay. */
class ReplayLost extends Schema.TaggedError<ReplayLost>()("ReplayLost", {}) {}

/** Works off a replay to its end, or until it is another's. */
export const workOff = Effect.fn("replay")(function* (
  claimed: ClaimedReplay,
  { renewEveryMs = RENEW_EVERY_MS } = {},
) {
  const { end } = yield* Replays
  const held: Held = { replay: claimed, renewEveryMs, renewedAt: yield* Clock.currentTimeMillis }
  const run = claimed.batch === undefined ? ofTime(held) : ofBatch(held, { batch: claimed.batch })
  yield* run.pipe(
    Effect.flatMap(() => end(held.replay)),
    Effect.catchTag("ReplayStopped", ({ reason }) =>
      Effect.andThen(
        Effect.logWarning("a replay stopped", { replay: claimed.id, reason }),
        end(held.replay, reason),
      ),
    ),
    Effect.catchTag("ReplayLost", () => Effect.logWarning("a replay is another's", { replay: claimed.id })),
  )
})

/** The replay as its last step left it, and when that was. */
interface Held {
  replay: ClaimedReplay
  readonly renewEveryMs: number
  renewedAt: number
}

type PlaceOfBatch = Pick<ReplayPlace, "batch"> & { readonly receivedAt?: string | undefined }

const ofTime = Effect.fnUntraced(function* (held: Held) {
  const { batchesAfter } = yield* Replays
  const { partner, since, until } = held.replay
  const [from, to] = [since?.getTime() ?? 0, until?.getTime() ?? Number.POSITIVE_INFINITY]
  const { place } = held.replay
  if (place?.sequence !== undefined) yield* ofBatch(held, place)
  let after = held.replay.place
  while (true) {
    const found = yield* batchesAfter(partner, after, BATCHES_PER_LOOK)
    for (const { id, receivedAt, receivedAtMs, updatedAtMs } of found) {
      // Nothing of a batch happens before it is received, or after its last change, by one clock.
      if (receivedAtMs >= to + CLOCKS_DIFFER_MS_MAX) return
      if (updatedAtMs >= from - CLOCKS_DIFFER_MS_MAX) yield* ofBatch(held, { batch: id, receivedAt })
      after = { batch: id, receivedAt, sequence: undefined }
    }
    yield* renewed(held, after)
    if (found.length < BATCHES_PER_LOOK) return
  }
})

/** Sends the events of a batch that the replay asks for, from where it has come, and moves it behind the batch. */
const ofBatch = Effect.fnUntraced(
  function* (held: Held, { batch, receivedAt }: PlaceOfBatch) {
    const store = yield* EventStore
    const { place, batches } = held.replay
    if (place?.batch === batch && place.sequence === undefined) return
    if (batches >= BATCHES_PER_REPLAY_MAX)
      return yield* new ReplayStopped({
        reason: `the limit of ${BATCHES_PER_REPLAY_MAX} batches is reached before ${batch}`,
      })
    const isWanted = wantedBy(held.replay, place?.batch === batch ? (place.sequence ?? 0) : 0)
    const history = emptyHistory(batch)
    const waiting: Array<PublicEvent> = []
    while (true) {
      const entries = yield* store.read(batch, history.batch.version, LOG_EVENTS_PER_READ, history.head)
      yield* visitEvents(batch, entries, (entry) => {
        for (const event of advanceHistory(history, entry)) if (isWanted(event)) waiting.push(event)
      })
      yield* renewed(held)
      if (history.batch.version === 0)
        return yield* new ReplayStopped({ reason: `there is no log of ${batch}` })
      // Whose batch it is says its log, whoever asked for it.
      if (history.batch.partner !== held.replay.partner)
        return yield* new ReplayStopped({ reason: `there is no batch ${batch} of the partner` })
      while (waiting.length > EVENTS_PER_STEP) {
        const events = waiting.splice(0, EVENTS_PER_STEP)
        yield* step(held, events, { batch, receivedAt, sequence: Number(events.at(-1)?.sequence) })
      }
      if (entries.length < LOG_EVENTS_PER_READ)
        return yield* step(held, waiting, { batch, receivedAt, sequence: undefined })
    }
  },
  Effect.catchTag("CorruptEntry", ({ batch, entry }) =>
    Effect.fail(new ReplayStopped({ reason: `entry ${entry} of the log of ${batch} cannot be read` })),
  ),
)

/** Sends some events, and moves the replay to the place behind them. */
const step = Effect.fnUntraced(function* (
  held: Held,
  events: ReadonlyArray<PublicEvent>,
  place: ReplayPlace,
) {
  const { send } = yield* Replays
  const [first] = events
  if (first !== undefined && held.replay.events + events.length > EVENTS_PER_REPLAY_MAX)
    return yield* new ReplayStopped({
      reason: `the limit of ${EVENTS_PER_REPLAY_MAX} events is reached in ${place.batch} before sequence ${Number(first.sequence)}`,
    })
  const moved = yield* send(held.replay, events, place, LEASE_MS).pipe(
    Effect.catchTag("EndpointDisabled", () =>
      Effect.fail(
        new ReplayStopped({
          reason:
            first === undefined
              ? `the endpoint is disabled, in ${place.batch}`
              : `the endpoint is disabled, in ${place.batch} before sequence ${Number(first.sequence)}`,
        }),
      ),
    ),
  )
  yield* goesOn(held, moved)
})

/** Renews the claim if that is due, and moves the replay to a place, if one is given. */
const renewed = Effect.fnUntraced(function* (held: Held, place?: ReplayPlace) {
  const { keep } = yield* Replays
  if ((yield* Clock.currentTimeMillis) - held.renewedAt < held.renewEveryMs) return
  yield* goesOn(held, yield* keep(held.replay, place, LEASE_MS))
})

const goesOn = Effect.fnUntraced(function* (held: Held, replay: ClaimedReplay | undefined) {
  if (replay === undefined) return yield* new ReplayLost()
  held.replay = replay
  held.renewedAt = yield* Clock.currentTimeMillis
})

/** Whether an event is one that the replay sends: of its time, its types, and behind what was sent before. */
const wantedBy = (
  { eventTypes, fromSequence = 1, since, until }: ClaimedReplay,
  behind: number,
): ((event: PublicEvent) => boolean) => {
  const types = eventTypes === undefined ? undefined : new Set<string>(eventTypes)
  const [from, to] = [since?.getTime() ?? 0, until?.getTime() ?? Number.POSITIVE_INFINITY]
  return ({ type, sequence, time }) => {
    const place = Number(sequence)
    const at = Date.parse(time)
    return place > behind && place >= fromSequence && at >= from && at < to && (types?.has(type) ?? true)
  }
}
