/**
 * Compares what has to be published with what JetStream, the table of deliveries and the receivers have (invariants 9, 12, 13
 * and 16). The logs are the measure.
 */
import { Webhook } from "standardwebhooks"
import { type ExpectedEvent, type PublicStory, publicStoryOf } from "./public-events.ts"
import type { LogEntry } from "./redis-snapshot.ts"

/** A message of the stream. */
export interface StreamedMessage {
  readonly subject: string
  readonly body: string
}

/** An endpoint, as the partner who added it knows it. */
export interface KnownEndpoint {
  readonly id: string
  readonly partner: string
  readonly secret: string
  /** The types that it takes; `undefined` is all of them. */
  readonly eventTypes?: ReadonlyArray<string>
  /** It answers 410: whatever becomes of its deliveries, none arrives. */
  readonly isGone?: boolean
  /** It gets the events of a batch strictly in order. */
  readonly isOrdered?: boolean
}

/** A row of `webhook_deliveries`, with the body of its event. */
export interface StoredDelivery {
  readonly eventId: string
  readonly endpoint: string
  readonly state: string
  readonly attempts: number
  readonly partner: string
  readonly body: string
}

/** A request that a receiver got, and the status that it answered. */
export interface ReceivedRequest {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
  readonly answered: number | undefined
}

export interface NotificationEvidence {
  readonly logs: ReadonlyMap<string, ReadonlyArray<LogEntry>>
  /** The name of the stream. */
  readonly stream: string
  /** In the order of the stream. */
  readonly messages: ReadonlyArray<StreamedMessage>
  readonly endpoints: ReadonlyArray<KnownEndpoint>
  readonly deliveries: ReadonlyArray<StoredDelivery>
  readonly requests: ReadonlyArray<ReceivedRequest>
  /** Attempts after which a delivery is dead. */
  readonly attemptsMax: number
  /** The stream lost what it had: that is published again, but behind what came since. */
  readonly wasWiped?: boolean
}

/** As much of a public event as is looked at. */
interface PublicEvent {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly partner: string
  readonly sequence: string
  readonly data: {
    readonly batchId: string
    readonly partner: string
    readonly item?: number
    readonly itemReference?: string
    readonly amount?: { readonly currency: string; readonly value: string }
  }
}

/** A sentence for everything that is wrong; nothing for what is as it has to be. */
export const notificationViolations = (evidence: NotificationEvidence): ReadonlyArray<string> => {
  const stories = [...evidence.logs].map(([batch, entries]) => publicStoryOf(batch, entries))
  const bodies = new Map<string, string>()
  const found = [
    ...stories.flatMap(({ faults, story }) => [...faults, ...story.faults]),
    ...inStream(evidence, stories, bodies),
    ...evidence.endpoints.flatMap((endpoint) => [
      ...stored(evidence, stories, endpoint),
      ...received(evidence, stories, endpoint, bodies),
      ...(endpoint.isOrdered ? overtaking(evidence, stories, endpoint) : []),
    ]),
    ...misdirected(evidence),
  ]
  return [...new Set(found)]
}

/** Events about an endpoint belong to no batch, and are in no log: only their signature and their partner can be checked. */
const isAboutEndpoint = (body: string): boolean => body.includes('"type":"com.atlaspay.webhook-endpoint.')

/** Each event is in the stream, with what the log has, and for the first time in the order of its batch. */
const inStream = (
  { stream, messages, wasWiped = false }: NotificationEvidence,
  stories: ReadonlyArray<PublicStory>,
  bodies: Map<string, string>,
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const streamed = new Map<string, Array<string>>()
  for (const { subject, body } of messages) {
    if (isAboutEndpoint(body)) continue
    const event = JSON.parse(body) as PublicEvent
    const { id, partner, data } = event
    const known = bodies.get(id)
    if (known !== undefined && known !== body) found.push(`${id} is in the stream with two bodies`)
    if (known !== undefined) continue
    bodies.set(id, body)
    const batch = streamed.get(data.batchId) ?? []
    streamed.set(data.batchId, [...batch, id])
    const story = stories.find((one) => one.story.batch === data.batchId)
    if (story === undefined) found.push(`${id} is in the stream, and its batch in no log`)
    else found.push(...untrue(event, story))
    const name = story?.events.find((one) => one.id === id)?.name
    const proper = `${stream.toLowerCase()}.events.${partner}.${data.batchId}.${name}`
    if (subject !== proper) found.push(`${id} is under ${subject}`)
  }
  for (const { story, events } of stories) {
    const ids = streamed.get(story.batch) ?? []
    const missing = events.filter(({ id }) => !ids.includes(id))
    for (const { id, name } of missing) found.push(`${id} ${name} is not in the stream`)
    const inOrder = events.map(({ id }) => id).filter((id) => ids.includes(id))
    const known = ids.filter((id) => inOrder.includes(id))
    if (!wasWiped && known.join() !== inOrder.join())
      found.push(`${story.batch} is not in order: ${known.join(" ")}`)
  }
  return found
}

/** Currencies without two decimals that the tests pay in. */
const decimals: Readonly<Record<string, number>> = { JPY: 0, KWD: 3 }

/** What an event says that the log does not. */
const untrue = (event: PublicEvent, { partner, story, events }: PublicStory): ReadonlyArray<string> => {
  const { id, sequence, subject, data } = event
  const place = events.findIndex((one) => one.id === id)
  const expected = events[place]
  if (expected === undefined) return [`${id} is in the stream, and no entry publishes it`]
  const { batch } = story
  const item = expected.item === undefined ? undefined : story.items.get(expected.item)
  const places = item === undefined ? 0 : (decimals[item.currency] ?? 2)
  const shown: ReadonlyArray<readonly [what: string, is: unknown, has: unknown]> = [
    ["sequence", sequence, String(place + 1).padStart(10, "0")],
    ["partner", event.partner, partner],
    ["partner in its data", data.partner, partner],
    ["subject", subject, expected.item === undefined ? batch : `${batch}/${expected.item}`],
    ["item", data.item, expected.item],
    ["reference", data.itemReference, item?.reference],
    ["currency", data.amount?.currency, item?.currency],
    ["amount", data.amount && BigInt(data.amount.value.replace(".", "")), item && BigInt(item.minor)],
    ["decimals", (data.amount?.value.split(".")[1] ?? "").length, places],
  ]
  // A command that was refused may name an item.
  return shown
    .filter(
      ([what, is, has]) => is !== has && !(what === "item" && expected.name === "PayoutBatchCommandRefused"),
    )
    .map(([what, is, has]) => `${id} has the ${what} ${is}, and not ${has}`)
}

/** `com.atlaspay.payout.settled.v1` of PayoutSettled, by the table of docs/EVENTS.md. */
const typeOf = (name: string): string => {
  const [, about = "", what = ""] = /^(PayoutBatch|Payout)(.+)$/.exec(name) ?? []
  const dashed = (text: string) => text.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()
  return `com.atlaspay.${dashed(about)}.${dashed(what)}.v1`
}

const wantedBy = (
  { partner, eventTypes }: KnownEndpoint,
  stories: ReadonlyArray<PublicStory>,
): ReadonlyArray<ExpectedEvent> =>
  stories
    .filter((story) => story.partner === partner)
    .flatMap(({ events }) => events)
    .filter(({ name }) => eventTypes === undefined || eventTypes.includes(typeOf(name)))

/** Each wanted event has its row, and each row arrived or is given up after the whole schedule. */
const stored = (
  { deliveries, attemptsMax }: NotificationEvidence,
  stories: ReadonlyArray<PublicStory>,
  endpoint: KnownEndpoint,
): ReadonlyArray<string> => {
  const wanted = wantedBy(endpoint, stories)
  const own = deliveries.filter((one) => one.endpoint === endpoint.id)
  const ids = new Set(own.map(({ eventId }) => eventId))
  const known = new Set(wanted.map(({ id }) => id))
  const missing = endpoint.isGone ? [] : wanted.filter(({ id }) => !ids.has(id))
  const isOver = ({ state, attempts }: StoredDelivery) =>
    endpoint.isGone
      ? state !== "delivered"
      : state === "delivered" || (state === "dead" && attempts === attemptsMax)
  return [
    ...missing.map(({ id }) => `${id} has no delivery to ${endpoint.id}`),
    ...own.flatMap((one) =>
      known.has(one.eventId) || isAboutEndpoint(one.body)
        ? []
        : [`${one.eventId} has a delivery to ${endpoint.id} that nobody wants`],
    ),
    ...own.flatMap((one) =>
      isOver(one) ? [] : [`${one.eventId} to ${endpoint.id} is ${one.state} after ${one.attempts} attempts`],
    ),
    ...own.flatMap((one) =>
      one.partner === endpoint.partner
        ? []
        : [`${one.eventId} of ${one.partner} is stored for ${endpoint.partner}`],
    ),
  ]
}

/** What arrived was answered 2xx at least once; all that was sent is signed, and what the stream has. */
const received = (
  { deliveries, requests }: NotificationEvidence,
  stories: ReadonlyArray<PublicStory>,
  endpoint: KnownEndpoint,
  bodies: ReadonlyMap<string, string>,
): ReadonlyArray<string> => {
  const own = requests.filter((request) => request.endpoint === endpoint.id)
  const wanted = new Set(wantedBy(endpoint, stories).map(({ id }) => id))
  const taken = new Set(own.filter(({ answered = 0 }) => answered >= 200 && answered < 300).map(idOf))
  const found = deliveries
    .filter((one) => one.endpoint === endpoint.id && one.state === "delivered" && !taken.has(one.eventId))
    .map(({ eventId }) => `${eventId} counts as delivered to ${endpoint.id}, which never took it`)
  const webhook = new Webhook(endpoint.secret)
  for (const request of own) {
    const id = idOf(request)
    if (!isSigned(webhook, request)) found.push(`${id} came to ${endpoint.id} without a valid signature`)
    if (!wanted.has(id) && !isAboutEndpoint(request.body))
      found.push(`${id} came to ${endpoint.id}, and is not for it`)
    if (bodies.has(id) && bodies.get(id) !== request.body)
      found.push(`${id} came to ${endpoint.id} with another body`)
    if ((JSON.parse(request.body) as PublicEvent).id !== id)
      found.push(`${id} came with the body of another event`)
  }
  return found
}

/** What came to an ordered endpoint before it took, or was given up on, every earlier event of the batch. */
const overtaking = (
  { deliveries, requests }: NotificationEvidence,
  stories: ReadonlyArray<PublicStory>,
  endpoint: KnownEndpoint,
): ReadonlyArray<string> => {
  const isDead = ({ state, endpoint: id }: StoredDelivery) => state === "dead" && id === endpoint.id
  const over = new Set(deliveries.filter(isDead).map(({ eventId }) => eventId))
  const before = new Map<string, ReadonlyArray<string>>()
  for (const story of stories) {
    const ids = wantedBy(endpoint, [story]).map(({ id }) => id)
    for (const [place, id] of ids.entries()) before.set(id, ids.slice(0, place))
  }
  const found: Array<string> = []
  for (const request of requests) {
    if (request.endpoint !== endpoint.id) continue
    const id = idOf(request)
    const overtaken = before.get(id)?.find((earlier) => !over.has(earlier))
    if (overtaken !== undefined) found.push(`${id} came to ${endpoint.id} before ${overtaken} had arrived`)
    const { answered = 0 } = request
    if (answered >= 200 && answered < 300) over.add(id)
  }
  return found
}

const idOf = ({ headers }: ReceivedRequest): string => String(headers["webhook-id"])

/** Whether one of the signatures is what the library makes of id, time and body. */
const isSigned = (webhook: Webhook, { headers, body, ...request }: ReceivedRequest): boolean => {
  const at = new Date(Number(headers["webhook-timestamp"]) * 1_000)
  if (Number.isNaN(at.getTime())) return false
  const given = String(headers["webhook-signature"]).split(" ")
  return given.includes(webhook.sign(idOf({ headers, body, ...request }), at, body))
}

/** Requests and rows of endpoints that nobody added, and words of another partner. */
const misdirected = ({ endpoints, requests, deliveries }: NotificationEvidence): ReadonlyArray<string> => {
  const partners = [...new Set(endpoints.map(({ partner }) => partner))]
  const known = new Map(endpoints.map(({ id, partner }) => [id, partner]))
  return [
    ...requests.flatMap((request) => {
      const owner = known.get(request.endpoint)
      if (owner === undefined) return [`a request came to ${request.endpoint}, which nobody added`]
      const others = partners.filter((partner) => partner !== owner)
      return others
        .filter((other) => request.body.includes(other))
        .map((other) => `${idOf(request)} names ${other}, and came to ${owner}`)
    }),
    ...deliveries.flatMap(({ endpoint, eventId }) =>
      known.has(endpoint) ? [] : [`${eventId} is stored for ${endpoint}, which nobody added`],
    ),
  ]
}
