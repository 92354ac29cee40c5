/** The JetStream stream that holds the public events, and its limits. */
import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import { Effect } from "effect"
import type { Settings } from "../config.ts"
import { ensureStream, natsStep } from "../platform/nats.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type EndpointEvent, endpointEventName } from "./endpoint-event.ts"
import { nameOf, type PublicEvent } from "./public-event.ts"

/** Times in milliseconds; 0 bytes or messages is no limit. */
export type StreamLimits = Settings["nats"]["limits"]

const DAY_MS = 24 * 3_600_000

/** The limits by default. */
export const usualLimits: StreamLimits = {
  replicas: 1,
  ageMsMax: 30 * DAY_MS,
  bytesMax: 0,
  messagesMax: 0,
  duplicateWindowMs: 120_000,
}

/** No event is larger, with its headers: the largest closes a batch in all currencies. */
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

/** Creates the stream of the public events if it does not exist, and gives it. Leaves one that exists as it is. */
export const ensureEventStream = (
  manager: JetStreamManager,
  stream: string,
  limits: StreamLimits,
): Effect.Effect<StreamInfo, StoreUnavailable> =>
  ensureStream(manager, {
    name: stream,
    subjects: [allEvents(stream)],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    ...changeable(limits),
  })

/**
 * What of a stream may be changed later. A stream that is full refuses what is new: events then wait in the logs, which the
 * lag shows. Would it drop its oldest events instead, a consumer that is behind would miss them without a sign.
 */
const changeable = ({ replicas, ageMsMax, bytesMax, messagesMax, duplicateWindowMs }: StreamLimits) => ({
  num_replicas: replicas,
  max_age: nanos(ageMsMax),
  max_bytes: bytesMax || -1,
  max_msgs: messagesMax || -1,
  max_msg_size: MESSAGE_BYTES_MAX,
  // JetStream takes no window that is longer than the age.
  duplicate_window: nanos(Math.min(duplicateWindowMs, ageMsMax)),
  discard: bytesMax > 0 || messagesMax > 0 ? DiscardPolicy.New : DiscardPolicy.Old,
})

/** A limit of the stream that is not what the settings say. */
export interface Difference {
  readonly limit: keyof ReturnType<typeof changeable>
  readonly found: string | number
  readonly wanted: string | number
}

/** Where a stream differs from the settings. Times are in nanoseconds, as JetStream has them. */
export const differencesOf = (
  config: Readonly<Partial<StreamConfig>>,
  limits: StreamLimits,
): ReadonlyArray<Difference> =>
  Object.entries(changeable(limits)).flatMap(([name, wanted]) => {
    const limit = name as Difference["limit"]
    const found = config[limit] ?? "nothing"
    // No limit is 0 or -1.
    const isSame = found === wanted || (Number(found) <= 0 && Number(wanted) <= 0)
    return isSame ? [] : [{ limit, found, wanted }]
  })

/** The present configuration and state of a stream. */
export const streamInfo = (manager: JetStreamManager, stream: string) =>
  natsStep("look at the stream", () => manager.streams.info(stream))

/** Gives an existing stream the limits of the settings. */
export const applyLimits = (manager: JetStreamManager, stream: string, limits: StreamLimits) =>
  natsStep("change the stream", () => manager.streams.update(stream, changeable(limits)))

/** Logs where an existing stream differs from the settings. */
export const reportDifferences = Effect.fnUntraced(function* (
  manager: JetStreamManager,
  stream: string,
  limits: StreamLimits,
) {
  const { config } = yield* streamInfo(manager, stream)
  const differences = differencesOf(config, limits)
  if (differences.length > 0)
    yield* Effect.logWarning("the event stream differs from the settings", { stream, differences })
})
