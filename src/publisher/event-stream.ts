/** The JetStream stream that holds the public events. */
import { DiscardPolicy, type JetStreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type { Effect } from "effect"
import { ensureStream } from "../platform/nats.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type EndpointEvent, endpointEventName } from "./endpoint-event.ts"
import { nameOf, type PublicEvent } from "./public-event.ts"

const DAY_MS = 24 * 3_600_000
const RETENTION_MS = 30 * DAY_MS
const DUPLICATE_WINDOW_MS = 120_000
const MESSAGE_BYTES_MAX = 64 * 1024

/** All subjects of the public events: `atlaspay.events.>`. */
export const allEvents = (stream: string): string => `${stream.toLowerCase()}.events.>`

/** `atlaspay.events.<partner>.<batch>.<EventName>`. */
export const subjectOf = (stream: string, event: PublicEvent): string =>
  `${stream.toLowerCase()}.events.${event.partner}.${event.data.batchId}.${nameOf(event)}`

/** `atlaspay.events.<partner>.webhooks.<EventName>`: no batch has this name. */
export const endpointSubjectOf = (stream: string, event: EndpointEvent): string =>
  `${stream.toLowerCase()}.events.${event.partner}.${ENDPOINTS}.${endpointEventName(event)}`

const ENDPOINTS = "webhooks"

/** Whether a subject is one of events about webhook endpoints. */
export const isEndpointSubject = (subject: string): boolean => subject.split(".").at(-2) === ENDPOINTS

/** Creates the stream of the public events if it does not exist. */
export const ensureEventStream = (
  manager: JetStreamManager,
  stream: string,
): Effect.Effect<void, StoreUnavailable> =>
  ensureStream(manager, {
    name: stream,
    subjects: [allEvents(stream)],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(RETENTION_MS),
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    max_msg_size: MESSAGE_BYTES_MAX,
  })
