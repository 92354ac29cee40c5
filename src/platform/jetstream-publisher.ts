/**
 * Publishes messages to a stream together. The client library makes a request of each message, with a promise, a timer and
 * two errors in reserve, which cost more than the message. Here one subscription takes all acknowledgements, and a group has
 * one timer.
 */
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node"
import { Effect, type Scope } from "effect"
import { natsStep } from "./nats.ts"
import type { StoreUnavailable } from "./store-unavailable.ts"

export interface StreamMessage {
  readonly subject: string
  /** The id by which JetStream deduplicates. */
  readonly id: string
  readonly headers: MsgHdrs
  readonly body: string
}

/** Where the stream stored messages, by its own numbers. */
export interface Stored {
  /** The first number given to them; `undefined` if the stream had all of them already. */
  readonly first: number | undefined
  /** The last number of them, and the id of the message there. */
  readonly last: number
  readonly id: string
}

/**
 * Sends messages in one turn of the event loop, and resolves once the stream has acknowledged all of them. So if the
 * connection breaks, the stream has only a first part of them, in order. Fails if one is refused or not acknowledged in time.
 * Gives where they are; `undefined` if there were none.
 */
export type PublishTogether = (
  messages: ReadonlyArray<StreamMessage>,
) => Effect.Effect<Stored | undefined, StoreUnavailable>

/** A group under way, how many acknowledgements it lacks, and where its messages are so far. */
interface Group {
  missing: number
  stored: Stored | undefined
  readonly resolve: () => void
  readonly reject: (reason: Error) => void
}

/** A message under way. */
interface Waiting {
  readonly group: Group
  readonly id: string
}

/** Publishes to this stream and no other. Acknowledgements are awaited for at most `ackMsMax` milliseconds. */
export const makePublisher = Effect.fnUntraced(function* (
  connection: NatsConnection,
  stream: string,
  ackMsMax: number,
): Effect.fn.Return<PublishTogether, never, Scope.Scope> {
  const inbox = createInbox()
  const waiting = new Map<string, Waiting>()
  let sent = 0
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      connection.subscribe(`${inbox}.*`, {
        callback: (error, message) => {
          const found = waiting.get(message.subject)
          if (found === undefined) return
          const { group, id } = found
          waiting.delete(message.subject)
          const place = error ?? placeIn(message, stream)
          if (place instanceof Error) group.reject(place)
          else group.stored = extended(group.stored, place, id)
          group.missing -= 1
          if (group.missing === 0) group.resolve()
        },
      }),
    ),
    (subscription) => Effect.sync(() => subscription.unsubscribe()),
  )

  const publish = async (messages: ReadonlyArray<StreamMessage>): Promise<Stored | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const group: Group = { missing: messages.length, stored: undefined, resolve, reject }
    const replies = messages.map(() => `${inbox}.${++sent}`)
    const timer = setTimeout(() => reject(new Error("TIMEOUT")), ackMsMax)
    try {
      for (const [index, { subject, id, headers, body }] of messages.entries()) {
        headers.set("Nats-Msg-Id", id)
        headers.set("Nats-Expected-Stream", stream)
        const reply = replies[index] ?? inbox
        waiting.set(reply, { group, id })
        connection.publish(subject, body, { headers, reply })
      }
      await promise
      return group.stored
    } finally {
      clearTimeout(timer)
      for (const reply of replies) waiting.delete(reply)
    }
  }

  return (messages) =>
    messages.length === 0 ? Effect.succeed(undefined) : natsStep("publish", () => publish(messages))
})

const extended = (stored: Stored | undefined, { sequence, isNew }: Place, id: string): Stored => {
  const { first, last = 0, id: lastId = "" } = stored ?? {}
  return {
    first: isNew ? Math.min(first ?? sequence, sequence) : first,
    ...(sequence > last ? { last: sequence, id } : { last, id: lastId }),
  }
}

interface Acknowledgement {
  readonly stream?: string
  readonly seq: number
  readonly duplicate?: boolean
  readonly error?: { readonly code: number; readonly description: string }
}

/** The number of a message in the stream, and whether the stream did not have it before. */
interface Place {
  readonly sequence: number
  readonly isNew: boolean
}

/**
 * Where a message was stored, or why it was not. A server without the stream answers with the status 503. Never throws: that
 * would end the client library's reading, and with it all that this process receives from NATS.
 */
const placeIn = (message: Msg, stream: string): Place | Error => {
  const status = message.headers?.code ?? 0
  if (status !== 0) return new Error(status === 503 ? "no stream takes the message" : `status ${status}`)
  const acknowledgement = acknowledgementIn(message)
  if (acknowledgement === undefined) return new Error("the answer is no acknowledgement")
  const { stream: stored, error, seq, duplicate } = acknowledgement
  if (error) return new Error(`refused: ${error.code} ${error.description}`)
  if (stored !== stream) return new Error("the acknowledgement is not of the stream")
  if (!Number.isSafeInteger(seq) || seq < 1) return new Error("the acknowledgement has no number")
  return { sequence: seq, isNew: duplicate !== true }
}

/** Any client that sees a message may answer it, with anything. */
const acknowledgementIn = (message: Msg): Acknowledgement | undefined => {
  try {
    return message.json<Acknowledgement | null>() ?? undefined
  } catch {
    return undefined
  }
}
