/**
 * How long a webhook takes to a quick endpoint while others hang. Each endpoint is of a partner of its own and on an address of its
 * own. Events come at a fixed rate, the same to each endpoint, and the time is from the event to its arrival.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { AppConfig } from "../../src/config.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { type EventMessages, eventMessages } from "../../src/publisher/event-message.ts"
import { ensureEventStream, usualLimits } from "../../src/publisher/event-stream.ts"
import { type PublicEvent, publicEventTypes, sequenceText } from "../../src/publisher/public-event.ts"
import { asCliFailure } from "../../src/terminal/cli-failure.ts"
import { percentile } from "../figures.ts"
import { attempted } from "../pipeline/stand.ts"
import { type EventsStand, settingsOf } from "./stand.ts"

export interface HangingOptions {
  /** Of these half are measured; the others are quick in the first round, and hang in the second. */
  readonly endpoints: number
  /** Events to all endpoints together. */
  readonly eventsPerSecond: number
  /** How long events come in a round. The first quarter warms up and is in no figure. */
  readonly seconds: number
}

export interface Latencies {
  readonly webhooks: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Hanging extends HangingOptions {
  /** The measured endpoints while all answer, and while the other half hangs. */
  readonly allQuick: Latencies
  readonly halfHang: Latencies
}

const TICK_MS = 20
const POLL_MS = 50
const ARRIVE_MS_MAX = 60_000

/** Both rounds, each with a process of the role `webhooks`. */
export const measureHanging = Effect.fn("measureHanging")(function* (
  stand: EventsStand,
  options: HangingOptions,
  report: (line: string) => void,
) {
  const round = (doHang: boolean) =>
    Effect.scoped(measureRound(stand, options, doHang)).pipe(
      Effect.tap(({ p50Ms, p99Ms }) =>
        Effect.sync(() => report(`${doHang ? "half hang" : "all quick"}: p50 ${p50Ms} ms, p99 ${p99Ms} ms`)),
      ),
    )
  return { ...options, allQuick: yield* round(false), halfHang: yield* round(true) } satisfies Hanging
})

const measureRound = Effect.fnUntraced(function* (
  stand: EventsStand,
  { endpoints, eventsPerSecond, seconds }: HangingOptions,
  doHang: boolean,
) {
  const place = yield* stand.newPlace()
  yield* attempted(stand.emptyReceiver)
  const partners = Array.from({ length: endpoints }, (_, index) => `partner-${index}`)
  const measured = partners.slice(0, Math.ceil(endpoints / 2))
  yield* stand.addEndpoints(
    place,
    partners.map((partner, index) => ({
      partner,
      quick: !doHang || index < measured.length,
      host: index + 1,
    })),
  )
  const messages = yield* Effect.map(AppConfig, eventMessages).pipe(
    Effect.provide(settingsOf(place)),
    Effect.mapError(asCliFailure),
  )
  yield* ensureEventStream(stand.manager, place.stream, usualLimits).pipe(Effect.mapError(asCliFailure))
  yield* stand.start("webhooks", place)
  const each = Math.ceil((eventsPerSecond * seconds) / endpoints)
  yield* attempted(() => publishAtRate(stand, messages, partners, each * endpoints, eventsPerSecond))
  return yield* attempted(() => latenciesOf(stand, measured, each))
})

/** Publishes events to the partners in turns. */
const publishAtRate = async (
  { nats }: EventsStand,
  { write }: EventMessages,
  partners: ReadonlyArray<string>,
  count: number,
  eventsPerSecond: number,
): Promise<void> => {
  const since = performance.now()
  for (let published = 0; published < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - since) * eventsPerSecond) / 1_000))
    for (; published < due; published += 1) {
      const partner = partners[published % partners.length] ?? ""
      const event = settledNow(partner, Math.floor(published / partners.length) + 1)
      const { subject, id, headers, body } = write(event, Date.now())
      headers.set("Nats-Msg-Id", id)
      nats.publish(subject, body, { headers })
    }
    await sleep(TICK_MS)
  }
  await nats.flush()
}

/** The event that a payout was settled just now. */
const settledNow = (partner: string, item: number): PublicEvent => {
  const batchId = batchIdOf(partner, "bench")
  return {
    specversion: "1.0",
    id: `${batchId}:${item}`,
    source: "/atlaspay",
    type: publicEventTypes.PayoutSettled,
    subject: `${batchId}/${item}`,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    partner,
    sequence: sequenceText(item),
    data: {
      batchId,
      partner,
      item,
      itemReference: `invoice-${item}`,
      amount: { currency: "EUR", value: "10.00" },
      attempt: 1,
      bank: "north",
      state: "settled",
    },
  }
}

/** Waits until the measured endpoints have their events, and gives their latencies after the warm-up. */
const latenciesOf = async (
  { received }: EventsStand,
  measured: ReadonlyArray<string>,
  each: number,
): Promise<Latencies> => {
  const until = Date.now() + ARRIVE_MS_MAX
  for (;;) {
    const { latenciesMs, refused } = await received("latencies")
    if (refused > 0) throw new Error(`${refused} webhooks did not verify`)
    const all = measured.map((partner) => latenciesMs[partner] ?? [])
    if (all.every(({ length }) => length === each))
      return summaryOf(all.flatMap((one) => one.slice(each / 4)))
    if (Date.now() > until)
      throw new Error(`quick endpoints have ${all.flat().length} of ${each * all.length} events`)
    await sleep(POLL_MS)
  }
}

const summaryOf = (latencies: ReadonlyArray<number>): Latencies => ({
  webhooks: latencies.length,
  p50Ms: percentile(latencies, 50) ?? Number.NaN,
  p99Ms: percentile(latencies, 99) ?? Number.NaN,
})
