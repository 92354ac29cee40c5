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

/**
 * Sends messages in one turn of the event loop, and resolves once the stream has acknowledged all of them. So if the
 * connection breaks, the stream has only a first part of them, in order. Fails if one is refused or not acknowledged in time.
 */
export type PublishTogether = (
  messages: ReadonlyArray<StreamMessage>,
) => Effect.Effect<void, StoreUnavailable>

/** A group under way, and how many acknowledgements it lacks. */
interface Group {
  missing: number
  readonly resolve: () => void
  readonly reject: (reason: Error) => void
}

/** Publishes to this stream and no other. Acknowledgements are awaited for at most `ackMsMax` milliseconds. */
export const makePublisher = Effect.fnUntraced(function* (
  connection: NatsConnection,
  stream: string,
  ackMsMax: number,
): Effect.fn.Return<PublishTogether, never, Scope.Scope> {
  const inbox = createInbox()
  const waiting = new Map<string, Group>()
  let sent = 0
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      connection.subscribe(`${inbox}.*`, {
        callback: (error, message) => {
          const group = waiting.get(message.subject)
          if (group === undefined) return
          waiting.delete(message.subject)
          const refusal = error ?? refusalIn(message, stream)
          if (refusal !== undefined) group.reject(refusal)
          group.missing -= 1
          if (group.missing === 0) group.resolve()
        },
      }),
    ),
    (subscription) => Effect.sync(() => subscription.unsubscribe()),
  )

  const publish = async (messages: ReadonlyArray<StreamMessage>): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const group: Group = { missing: messages.length, resolve, reject }
    const replies = messages.map(() => `${inbox}.${++sent}`)
    const timer = setTimeout(() => reject(new Error("TIMEOUT")), ackMsMax)
    try {
      for (const [index, { subject, id, headers, body }] of messages.entries()) {
        headers.set("Nats-Msg-Id", id)
        headers.set("Nats-Expected-Stream", stream)
        const reply = replies[index] ?? inbox
        waiting.set(reply, group)
        connection.publish(subject, body, { headers, reply })
      }
      await promise
    } finally {
      clearTimeout(timer)
      for (const reply of replies) waiting.delete(reply)
    }
  }

  return (messages) => (messages.length === 0 ? Effect.void : natsStep("publish", () => publish(messages)))
})

interface Acknowledgement {
  readonly stream?: string
  readonly error?: { readonly code: number; readonly description: string }
}

/**
 * Why a message was not stored. A server without the stream answers with the status 503. Never throws: that would end the
 * client library's reading, and with it all that this process receives from NATS.
 */
const refusalIn = (message: Msg, stream: string): Error | undefined => {
  const status = message.headers?.code ?? 0
  if (status !== 0) return new Error(status === 503 ? "no stream takes the message" : `status ${status}`)
  const acknowledgement = acknowledgementIn(message)
  if (acknowledgement === undefined) return new Error("the answer is no acknowledgement")
  const { stream: stored, error } = acknowledgement
  if (error) return new Error(`refused: ${error.code} ${error.description}`)
  return stored === stream ? undefined : new Error("the acknowledgement is not of the stream")
}

/** Any client that sees a message may answer it, with anything. */
const acknowledgementIn = (message: Msg): Acknowledgement | undefined => {
  try {
    return message.json<Acknowledgement | null>() ?? undefined
  } catch {
    return undefined
  }
}
