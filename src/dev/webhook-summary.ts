/** The webhooks of a batch in numbers: by the service's log of deliveries, and by what the receiver took. */
import type { EndedAttempt, ListedDelivery } from "../client/command-client.ts"
import { aligned } from "../terminal/text-table.ts"
import type { WebhookReceiver } from "./webhook-receiver.ts"

/** The row of one event type: the first five numbers are the service's, the last two the receiver's. */
export interface WebhookSums {
  deliveries: number
  delivered: number
  pending: number
  /** Given up after the last attempt. */
  dead: number
  attempts: number
  /** Different webhooks that were verified. */
  verified: number
  /** What came again under the id of a verified one. */
  repeated: number
}

type Received = Pick<WebhookReceiver, "verified">

/** Sums by event type, the types in the order in which the log of deliveries names them, then those that only the receiver knows. */
export const webhookSums = (
  deliveries: ReadonlyArray<ListedDelivery>,
  { verified }: Received,
): ReadonlyMap<string, WebhookSums> => {
  const types = new Map<string, WebhookSums>()
  const rowOf = (type: string): WebhookSums => {
    const sums = types.get(type) ?? noSums()
    types.set(type, sums)
    return sums
  }
  for (const { eventType, state, attempts } of deliveries) {
    const sums = rowOf(eventType)
    sums.deliveries += 1
    sums[state] += 1
    sums.attempts += attempts
  }
  for (const { type, times } of verified.values()) {
    const sums = rowOf(type)
    sums.verified += 1
    sums.repeated += times - 1
  }
  return types
}

const noSums = (): WebhookSums => ({
  deliveries: 0,
  delivered: 0,
  pending: 0,
  dead: 0,
  attempts: 0,
  verified: 0,
  repeated: 0,
})

/** Each difference between the log of deliveries and the receiver, as a sentence. */
export const webhookDisagreements = (
  deliveries: ReadonlyArray<ListedDelivery>,
  { verified, altered }: Pick<WebhookReceiver, "verified" | "altered">,
): ReadonlyArray<string> => {
  const known = new Set(deliveries.map(({ event }) => event))
  const delivered = deliveries.filter(({ state }) => state === "delivered")
  const open = deliveries.length - delivered.length
  const unknown = [...verified.keys()].filter((event) => !known.has(event)).length
  const lost = delivered.filter(({ event }) => !verified.has(event)).length
  return [
    ...(open === 0 ? [] : [`${open} deliveries of webhooks have not arrived, by their log`]),
    ...(unknown === 0 ? [] : [`${unknown} webhooks were verified and are in no delivery`]),
    ...(lost === 0
      ? []
      : [`${lost} deliveries say that they arrived, and the receiver has no webhook of them`]),
    ...(altered === 0 ? [] : [`${altered} webhooks came again with another body`]),
  ]
}

/** A row for each event type. */
export const webhookTable = (sums: ReadonlyMap<string, WebhookSums>): ReadonlyArray<string> =>
  aligned([
    ["webhook", "deliveries", "delivered", "pending", "dead", "attempts", "│ receiver: verified", "repeated"],
    ...[...sums].map(([type, { deliveries, delivered, pending, dead, attempts, verified, repeated }]) => [
      type,
      ...[deliveries, delivered, pending, dead, attempts, verified, repeated].map(String),
    ]),
  ])

/** A row for each attempt of a delivery. */
export const attemptLines = (attempts: ReadonlyArray<EndedAttempt>): ReadonlyArray<string> =>
  aligned([
    ["attempt", "at", "took", "answer"],
    ...attempts.map(({ number, at, durationMs, status, error }) => [
      String(number),
      at,
      typeof durationMs === "number" ? `${durationMs} ms` : "",
      String(status ?? error ?? ""),
    ]),
  ])
