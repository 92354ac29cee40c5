/**
 * The events of a batch as they come. The stream goes on after the last event that came, however often the connection breaks, and
 * ends when the batch is closed.
 *
 * The service sends a sign of life every 15 seconds. A connection that is silent for longer is dead, even if no side noticed, and another
 * one takes its place. The service ends each connection after a while, too.
 */
import { bytesOf, type Json, jsonObject, Unusable } from "./answers.ts"
import type { BatchEvent } from "./api-types.ts"
import { Aborted, type CallDetails, NoAnswer, Timeout, UnusableAnswer } from "./errors.ts"
import { operations } from "./operations.ts"
import { withNames } from "./paths.ts"
import { serverSentEvents } from "./server-sent-events.ts"
import { SilenceWatch } from "./silence-watch.ts"
import { type CallOptions, pause, type Service, send } from "./transport.ts"

export interface EventStreamOptions extends CallOptions {
  /** Only events after this version of the batch. */
  readonly after?: number | undefined
  /** How long to follow the batch; then the stream ends with a `Timeout`. A day by default. */
  readonly withinMs?: number | undefined
  /** After what silence a connection is taken for dead. 45 seconds by default. */
  readonly silenceMs?: number | undefined
}

const WITHIN_MS = 24 * 3_600_000
const SILENCE_MS = 45_000
const RECONNECT_MS = 1_000
const RECONNECT_MS_MAX = 30_000
/** Connections in a row that broke or were silent without a new event. */
const BROKEN_MAX = 10
/** A connection that ended in order after this time did not break. */
const LIVED_MS = 5_000
const EVENT_STREAM = "text/event-stream"

/** How a connection ended. */
type End = "over" | "ended" | "late" | "aborted" | Error

/** What is known of a stream between its connections. */
interface Progress {
  version: number
  retryMs: number
}

/** The events of a batch after a version, each once and in their order, until the batch is closed. */
export async function* eventStream(
  service: Service,
  batch: string,
  options: EventStreamOptions = {},
): AsyncGenerator<BatchEvent, void, undefined> {
  const path = withNames(operations.listBatchEvents[1], { id: batch })
  const details: CallDetails = { call: `GET ${path}`, idempotencyKey: undefined, tries: 1, mayBeDone: false }
  const endsAt = Date.now() + (options.withinMs ?? WITHIN_MS)
  const progress: Progress = { version: options.after ?? 0, retryMs: RECONNECT_MS }
  for (let broken = 0; ; ) {
    const before = progress.version
    const connection = await connect(service, path, progress.version, options)
    if (connection === undefined) return
    const since = Date.now()
    const end = yield* eventsOf(connection, progress, options, endsAt)
    if (end === "over") return
    if (end === "late") throw new Timeout("the batch was not closed in the time to follow it", details)
    if (end === "aborted") throw new Aborted("the caller ended it", details, options.signal?.reason)
    if (end instanceof Unusable) throw new UnusableAnswer(end.message, details)
    const hasLived = end === "ended" && Date.now() - since >= LIVED_MS
    broken = progress.version > before || hasLived ? 0 : broken + 1
    if (broken > BROKEN_MAX)
      throw new NoAnswer("the stream breaks again and again", details, end instanceof Error ? end : undefined)
    await pause(progress.retryMs * 2 ** Math.min(broken, 4), options.signal, details)
  }
}

interface Connection {
  readonly response: Response
  readonly abort: () => void
}

/** Opens the stream after a version; undefined if the batch is closed and has no event after it. */
const connect = (
  service: Service,
  path: string,
  version: number,
  { signal, tryMs, totalMs, triesMax }: EventStreamOptions,
): Promise<Connection | undefined> =>
  send(service, {
    method: "GET",
    path,
    headers: { accept: EVENT_STREAM, ...(version === 0 ? {} : { "last-event-id": String(version) }) },
    mayRepeat: true,
    options: {
      signal,
      ...(tryMs === undefined ? {} : { tryMs }),
      ...(totalMs === undefined ? {} : { totalMs }),
      ...(triesMax === undefined ? {} : { triesMax }),
    },
    read: async (response, abort) => {
      if (response.status === 204) return undefined
      if (!(response.headers.get("content-type") ?? "").startsWith(EVENT_STREAM))
        throw new Unusable("the answer is no stream of events")
      return { response, abort }
    },
  })

/** The new events of one connection, and how it ended. */
async function* eventsOf(
  { response, abort }: Connection,
  progress: Progress,
  { signal, silenceMs = SILENCE_MS }: EventStreamOptions,
  endsAt: number,
): AsyncGenerator<BatchEvent, End, undefined> {
  const watch = new SilenceWatch(silenceMs, abort)
  const leftMs = Math.min(endsAt - Date.now(), 2 ** 31 - 1)
  const late = setTimeout(abort, Math.max(0, leftMs))
  signal?.addEventListener("abort", abort, { once: true })
  try {
    if (signal?.aborted) return "aborted"
    for await (const { type, data, retryMs } of serverSentEvents(watch.over(bytesOf(response)))) {
      if (retryMs !== undefined) progress.retryMs = Math.min(retryMs, RECONNECT_MS_MAX)
      if (type === "end") return "over"
      if (type !== "message") continue
      const event = eventIn(data)
      if (event.version <= progress.version) continue
      progress.version = event.version
      watch.stop()
      yield event
    }
    return Date.now() >= endsAt ? "late" : "ended"
  } catch (error) {
    if (signal?.aborted) return "aborted"
    if (Date.now() >= endsAt) return "late"
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    watch.stop()
    clearTimeout(late)
    signal?.removeEventListener("abort", abort)
    abort()
  }
}

const eventIn = (data: string): BatchEvent => {
  const event: Json | undefined = jsonObject(data)
  if (typeof event?.version !== "number" || typeof event.type !== "string" || typeof event.at !== "string")
    throw new Unusable("what came in the stream is no event of a batch")
  return event as unknown as BatchEvent
}
