/**
 * `GET /payout-batches/:id/events` as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): the
 * events of a batch's log, and each new one as soon as it is there.
 *
 * - The id of an event is its version. A client that reconnects sends the last one as `Last-Event-ID`, and gets what follows.
 * - When the batch is closed and all of its events were sent, `event: end` comes, and the stream ends. A client that comes back
 *   gets 204, by which browsers stop asking, until there is something new, such as a return.
 * - A comment comes at intervals, so that proxies and clients see that the stream lives.
 * - A stream lasts a limited time, takes from the log only what its client has taken before, and ends within seconds when its key
 *   does.
 */
import { Clock, Effect, Exit, Scope } from "effect"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { type Caller, lackOf, ownerOf } from "../../identity/caller.ts"
import { Credentials } from "../../identity/credentials.ts"
import { BatchQueries } from "../../projections/batch-queries.ts"
import { AppendWatch, type AwaitAppend } from "../../streams/append-watch.ts"
import { EventStore, type LoggedEvent } from "../../streams/event-store.ts"
import { cutOff, streamedBody } from "../edge/answer-stream.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { VersionNotReached } from "../edge/failures.ts"
import { endsWith, ownBatch } from "./batch-from-log.ts"
import { OpenStreams } from "./open-streams.ts"
import { shownEvent } from "./payout-batch-events.ts"

/** Events in one part: one of them may have five hundred items. */
const EVENTS_AT_ONCE = 16
const HEARTBEAT_MS = 15_000
const LASTS_MS_MAX = 15 * 60_000
const TAKEN_MS_MAX = 20_000
/** How often the key is looked at. With the marks of revoked keys, this is less than five seconds. */
const KEY_EVERY_MS = 1_000
const RECONNECT_MS = 1_000

/** Where a stream stands. */
interface Stream {
  readonly partner: PartnerId
  readonly id: BatchId
  readonly endsAt: number
  version: number
  /** The batch is closed: this stream has sent the event, or the read models say so. */
  isClosed: boolean
  /** When to ask the read models: a stream that began later may have missed the event. */
  askAt: number
  hasBegun: boolean
  hasEnded: boolean
}

/** What a client asks for: the events of a batch after a version. */
export interface StreamRequest {
  readonly c: EdgeContext
  readonly caller: Caller
  readonly address: string | undefined
  readonly partner: PartnerId
  readonly batch: BatchId
  readonly version: number
}

/** Opens a stream, or answers 204 if the batch is closed and has no event after the version. */
export const streamEvents = Effect.fnUntraced(function* ({
  c,
  caller,
  address,
  partner,
  batch,
  version,
}: StreamRequest) {
  const id = yield* ownBatch(partner, batch)
  if (version > 0 && !(yield* hasVersion(id, version)))
    return yield* new VersionNotReached({ version: yield* lastVersion(partner, id) })
  const now = yield* Clock.currentTimeMillis
  const stream: Stream = {
    partner,
    id,
    version,
    endsAt: now + LASTS_MS_MAX,
    isClosed: false,
    askAt: version === 0 ? Number.POSITIVE_INFINITY : now,
    hasBegun: false,
    hasEnded: false,
  }
  if ((yield* endsWith(id, version)) && (yield* isOver(stream))) return c.body(null, 204)
  const headers = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // Proxies of nginx collect an answer before they pass it on.
    "x-accel-buffering": "no",
    vary: "Accept",
  }
  if (c.req.method === "HEAD") return c.body(null, 200, headers)
  return yield* Effect.uninterruptible(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const ended = () => Effect.runFork(Scope.close(scope, Exit.void))
      const body = yield* Effect.onError(
        Effect.gen(function* () {
          const giveBack = yield* (yield* OpenStreams).open(ownerOf(caller))
          yield* Scope.addFinalizer(scope, Effect.sync(giveBack))
          const appended = yield* Scope.provide((yield* AppendWatch).watch(id), scope)
          yield* Effect.forkIn(endWithKey(c, address), scope)
          const terms = { takenMsMax: TAKEN_MS_MAX, lastsMsMax: LASTS_MS_MAX + HEARTBEAT_MS * 2, ended }
          return yield* streamedBody(c, parts(stream, appended), terms)
        }),
        () => Scope.close(scope, Exit.void),
      )
      return c.body(body, 200, headers)
    }),
  )
})

const hasVersion = Effect.fnUntraced(function* (id: BatchId, version: number) {
  return !(yield* endsWith(id, version - 1))
})

/** The version that the read models show, which the log has. */
const lastVersion = Effect.fnUntraced(function* (partner: PartnerId, id: BatchId) {
  return (yield* (yield* BatchQueries).batch(partner, id))?.version ?? 1
})

/** Whether the batch is closed. The read models are asked when it is time to. */
const isOver = Effect.fnUntraced(function* (stream: Stream) {
  const now = yield* Clock.currentTimeMillis
  if (!stream.isClosed && now >= stream.askAt) {
    stream.askAt = now + HEARTBEAT_MS
    const view = yield* (yield* BatchQueries)
      .batch(stream.partner, stream.id)
      .pipe(Effect.catchTag("StoreUnavailable", () => Effect.succeed(undefined)))
    stream.isClosed = view?.closedAt !== undefined
  }
  return stream.isClosed
})

/** The next part of a stream: events, a sign of life, or how it ends; then nothing. */
const parts = Effect.fnUntraced(function* (stream: Stream, appended: AwaitAppend) {
  if (stream.hasEnded) return undefined
  const store = yield* EventStore
  const stopping = Effect.as((yield* OpenStreams).stopping, "stopping" as const)
  const events = yield* store.read(stream.id, stream.version, EVENTS_AT_ONCE)
  if (events.length > 0) return textOf(stream, events)
  if (yield* isOver(stream)) return endOf(stream)
  const leftMs = stream.endsAt - (yield* Clock.currentTimeMillis)
  const woken =
    leftMs <= 0 ? "stopping" : yield* Effect.raceFirst(appended(Math.min(HEARTBEAT_MS, leftMs)), stopping)
  if (woken === "stopping") return reconnectTo(stream)
  if (!woken) return ": alive\n\n"
  const news = yield* store.read(stream.id, stream.version, EVENTS_AT_ONCE)
  // What woke it may have been sent before, because it was in the log already when the stream began to wait.
  return news.length > 0 ? textOf(stream, news) : ": alive\n\n"
})

const textOf = (stream: Stream, events: ReadonlyArray<LoggedEvent>): string => {
  let text = stream.hasBegun ? "" : `retry: ${RECONNECT_MS}\n\n`
  stream.hasBegun = true
  for (const event of events) {
    text += `id: ${event.version}\ndata: ${JSON.stringify(shownEvent(event))}\n\n`
    stream.version = event.version
    if (event.event._tag === "BatchClosed") stream.isClosed = true
  }
  return text
}

const endOf = (stream: Stream): string => {
  stream.hasEnded = true
  return `event: end\ndata: ${JSON.stringify({ version: stream.version })}\n\n`
}

const reconnectTo = (stream: Stream): string => {
  stream.hasEnded = true
  return `retry: ${RECONNECT_MS}\n: reconnect\n\n`
}

/** Resets the connection once its key does not work any more, or cannot be looked up. */
const endWithKey = Effect.fnUntraced(function* (c: EdgeContext, address: string | undefined) {
  const { callerOf } = yield* Credentials
  const authorization = c.req.header("authorization")
  while (true) {
    yield* Effect.sleep(KEY_EVERY_MS)
    const found = yield* Effect.exit(callerOf(authorization, address))
    if (Exit.isSuccess(found) && lackOf(found.value, access.readBatches) === undefined) continue
    yield* Effect.logInfo("event stream ended with its key")
    return cutOff(c)
  }
})
