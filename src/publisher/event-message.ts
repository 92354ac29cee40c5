/**
 * Encodes a public event as a message on JetStream, and decodes it. Others may be able to write to NATS, so a message counts
 * only with our seal, which covers the deployment, the subject, the time and every byte of the body.
 */
import { headers, type MsgHdrs } from "@nats-io/transport-node"
import { Result } from "effect"
import type { Settings } from "../config.ts"
import { messageSeal } from "../vault/message-seal.ts"
import { decodeEndpointEvent, type EndpointEvent } from "./endpoint-event.ts"
import type { Publication } from "./event-spans.ts"
import { endpointSubjectOf, subjectOf } from "./event-stream.ts"
import { decodePublicEvent, encodePublicEvent, type PublicEvent } from "./public-event.ts"

/** An event, its JSON as published (which webhooks sign and send), and the time of publication. */
export interface PublishedEvent {
  readonly event: PublicEvent
  readonly body: string
  /** Epoch milliseconds, by the publisher's clock. */
  readonly publishedAt: number
}

export interface EventMessage {
  readonly subject: string
  /** The id by which JetStream deduplicates: the event's id, and a part that nobody else can predict. */
  readonly id: string
  readonly headers: MsgHdrs
  readonly body: string
  /** Its span, if it is recorded. */
  readonly publication?: Publication | undefined
}

/** A message read from a stream. */
export interface FoundMessage {
  readonly subject: string
  readonly headers?: MsgHdrs | undefined
  readonly string: () => string
}

/**
 * Why a message is refused. `no-seal`; `unknown-key`: its master key is not in the settings; `forged`: the seal does not
 * match the message; `unreadable`: sealed, but not an event; `other-subject`: sealed, but for another subject than the
 * event's.
 */
export const messageRefusals = ["no-seal", "unknown-key", "forged", "unreadable", "other-subject"] as const
export type MessageRefusal = (typeof messageRefusals)[number]

export interface EventMessages {
  /** A sealed CloudEvent in structured mode over NATS. Published again later, it has the same id and body. */
  readonly write: (event: PublicEvent, publishedAt: number) => EventMessage
  readonly read: (message: FoundMessage) => Result.Result<PublishedEvent, MessageRefusal>
  /** The same for an event about a webhook endpoint, from its JSON. */
  readonly writeNotice: (event: EndpointEvent, body: string, publishedAt: number) => EventMessage
  readonly readNotice: (message: FoundMessage) => Result.Result<EndpointEvent, MessageRefusal>
}

const SEAL = "Atlaspay-Seal"
const PUBLISHED = "Atlaspay-Published"
const PURPOSE = "atlaspay seal of public events"

/** Messages of this deployment. Those of another deployment do not verify, even under the same master key. */
export const eventMessages = ({
  redis,
  nats,
  vault,
}: Pick<Settings, "redis" | "nats" | "vault">): EventMessages => {
  const { seal, check } = messageSeal(vault.masterKeys, PURPOSE)
  const { stream } = nats
  const sealed = (subject: string, publishedAt: string, body: string) => [
    "event",
    redis.prefix,
    stream,
    subject,
    publishedAt,
    body,
  ]
  const written = (
    event: { readonly id: string; readonly traceparent?: string },
    subject: string,
    body: string,
    publishedAt: number,
  ): EventMessage => {
    // To set a field costs twice as much, because one of its name is looked for before.
    const header = headers()
    header.append("content-type", "application/cloudevents+json")
    if (event.traceparent !== undefined) header.append("traceparent", event.traceparent)
    header.append(PUBLISHED, String(publishedAt))
    header.append(SEAL, seal(sealed(subject, String(publishedAt), body)))
    // With a predictable id, somebody else could send it first, and JetStream would drop ours as a duplicate.
    const id = `${event.id}.${seal(["id", redis.prefix, stream, event.id])}`
    return { subject, id, headers: header, body }
  }
  const readAs = <A>(
    message: FoundMessage,
    decode: (body: string) => Result.Result<A, unknown>,
    subjectOfEvent: (event: A) => string,
  ): Result.Result<{ event: A; body: string; publishedAt: number }, MessageRefusal> => {
    const { subject } = message
    const given = message.headers?.get(SEAL) ?? ""
    if (given === "") return Result.fail("no-seal")
    const publishedAt = message.headers?.get(PUBLISHED) ?? ""
    const body = message.string()
    const found = check(sealed(subject, publishedAt, body), given)
    if (found !== "genuine") return Result.fail(found)
    const event = decode(body)
    if (Result.isFailure(event)) return Result.fail("unreadable")
    if (subjectOfEvent(event.success) !== subject) return Result.fail("other-subject")
    return Result.succeed({ event: event.success, body, publishedAt: Number(publishedAt) })
  }
  return {
    write: (event, publishedAt) =>
      written(event, subjectOf(stream, event), encodePublicEvent(event), publishedAt),
    read: (message) => readAs(message, decodePublicEvent, (event) => subjectOf(stream, event)),
    writeNotice: (event, body, publishedAt) =>
      written(event, endpointSubjectOf(stream, event), body, publishedAt),
    readNotice: (message) =>
      Result.map(
        readAs(message, decodeEndpointEvent, (event) => endpointSubjectOf(stream, event)),
        ({ event }) => event,
      ),
  }
}
