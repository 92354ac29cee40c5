/**
 * Finds out that an event of a batch cannot come any more, so that nothing waits for it at an ordered endpoint.
 *
 * Mostly no event is missing for long: the relay publishes all of a batch, in order. Those of a batch that was under way when its partner
 * got its first ordered endpoint may have come before anybody noted it, and a message that was refused never comes. So a gap is
 * closed when everything is acknowledged that JetStream had delivered when the gap was found: an earlier event was among it, or
 * was never published before the later one. The second may happen when the relay fails in the middle of a group; it publishes
 * the group again within seconds. So a gap is also left open for GAP_MS while JetStream answers.
 */
import type { Consumer } from "@nats-io/jetstream"
import { Clock, Effect } from "effect"
import { natsStep } from "../platform/nats.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { type BatchGap, Deliveries } from "./deliveries.ts"

const LOOK_MS = 5_000
/** How long a gap is left open at least. */
export const GAP_MS = 30_000
const DAY_MS = 24 * 3_600_000
/** As long as the stream keeps messages. */
const REMEMBERED_MS = 30 * DAY_MS
const FORGET_EVERY_MS = 3_600_000

/** What the consumer has delivered, and up to where all of it is acknowledged: sequences of the stream. */
export interface ConsumerState {
  /** Changes when the consumer or the stream was made anew. */
  readonly created: string
  readonly delivered: number
  readonly acknowledged: number
}

interface Found {
  readonly gap: BatchGap
  readonly since: number
  readonly delivered: number
}

/** Gaps that were found. Times are in milliseconds, of one clock. */
export class Gaps {
  readonly #openMs: number
  #created = ""
  #found: ReadonlyMap<string, Found> = new Map()

  /** `openMs`: how long a gap is left open at least. */
  constructor(openMs = GAP_MS) {
    this.#openMs = openMs
  }

  /** Gives those of the gaps that can be closed: up to where they reached when they were found. */
  closable(gaps: ReadonlyArray<BatchGap>, consumer: ConsumerState, now: number): ReadonlyArray<BatchGap> {
    const before = this.#created === consumer.created ? this.#found : new Map<string, Found>()
    this.#created = consumer.created
    const found = gaps.map((gap): Found => {
      const known = before.get(gap.batch)
      return known !== undefined && known.since <= now
        ? known
        : { gap, since: now, delivered: consumer.delivered }
    })
    const isOver = ({ since, delivered }: Found) =>
      now - since >= this.#openMs && consumer.acknowledged >= delivered
    this.#found = new Map(found.filter((one) => !isOver(one)).map((one) => [one.gap.batch, one]))
    return found.filter(isOver).map(({ gap }) => gap)
  }
}

/** Never ends. */
export const closingGaps = Effect.fnUntraced(function* (
  consumer: Pick<Consumer, "info">,
  { lookMs = LOOK_MS, openMs = GAP_MS } = {},
) {
  const deliveries = yield* Deliveries
  const gaps = new Gaps(openMs)
  let forgotAt = Number.NEGATIVE_INFINITY
  const look = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (now - forgotAt >= FORGET_EVERY_MS || now < forgotAt) {
      yield* deliveries.forgetBatches(REMEMBERED_MS)
      forgotAt = now
    }
    const open = yield* deliveries.gaps
    if (open.length === 0) return
    const { created, delivered, ack_floor } = yield* natsStep("look at the consumer", () => consumer.info())
    const closable = gaps.closable(
      open,
      { created, delivered: delivered.stream_seq, acknowledged: ack_floor.stream_seq },
      yield* Clock.currentTimeMillis,
    )
    if (closable.length === 0) return
    yield* Effect.logWarning("events of batches no longer waited for", {
      count: closable.length,
      first: closable[0]?.batch,
    })
    yield* deliveries.closeGaps(closable)
  })
  while (true) {
    yield* look.pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("gaps in batches not looked at", { step, reason }),
      ),
    )
    yield* nextBeat(lookMs)
  }
})
