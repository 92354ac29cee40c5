/** Who lies in a run, and how often: what is added to the weather, to what is posted and to what people do. */
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { Order, PostedBatch } from "../checker/partner.ts"
import type { Cancellation, Conduct } from "./people.ts"

/**
 * banks: refuse what they pay, and pay what they refused. files: a bank refuses a file as if it had come twice, or before it
 * takes it. strangers: banks speak for others. engine: compliance changes its mind. people: batches and items are
 * cancelled. stores: Redis and Postgres are set back.
 */
export const liarKinds = ["banks", "files", "strangers", "engine", "people", "stores"] as const
export type LiarKind = (typeof liarKinds)[number]
export type Liars = ReadonlySet<LiarKind>

/** How long things take in a run; all in milliseconds. */
export interface Pace {
  /** Between two batches that are posted in turn: where something is to happen in the middle, a run has a middle. */
  readonly restMs: number
  readonly scheduledMsMin: number
  readonly scheduledMsMax: number
  readonly cancelledWithinMs: number
  /** In which the engine changes its mind: before the hold, between hold and payment, in a file, and afterwards. */
  readonly changesWithinMs: number
  /** How much a store forgets. */
  readonly forgottenMsMin: number
  readonly forgottenMsMax: number
  /** Between one store and the other: both at one older moment notice nothing, as docs/architecture/stores.md has it. */
  readonly healingMs: number
  /** Longer than a service waits before it does something by itself. */
  readonly stillMs: number
}

export const fullPace: Pace = {
  restMs: 1_000,
  scheduledMsMin: 4_000,
  scheduledMsMax: 10_000,
  cancelledWithinMs: 2_000,
  changesWithinMs: 8_000,
  forgottenMsMin: 1_500,
  forgottenMsMax: 3_500,
  healingMs: 6_000,
  stillMs: 30_000,
}

/** Longer than a payment takes, so that a lie is heard before the truth. */
const PAYS_AFTER_MS = 800

/** What each server says against its own books. */
export const liesOf = (liars: Liars, pace: Pace) => {
  const callingBack = {
    ...(liars.has("banks")
      ? { refusesAfterAccepting: 0.05, acceptsAfterRefusing: 0.05, denies: 0.1, paysAfterMs: PAYS_AFTER_MS }
      : {}),
    ...(liars.has("strangers") ? { speaksForOthers: 0.05 } : {}),
  }
  return {
    north: callingBack,
    south: callingBack,
    west: liars.has("banks") ? { acceptsAfterRefusing: 0.05, paysAfterMs: PAYS_AFTER_MS } : {},
    clearing: liars.has("files")
      ? { refusesCopies: 0.4, acceptsAfterRefusing: 0.2, repeatsRefusals: 0.5, paysAfterMs: 1_500 }
      : {},
    compliance: liars.has("engine") ? { changesItsMind: 0.08, changesWithinMs: pace.changesWithinMs } : {},
  }
}

const SCHEDULED_SHARE = 0.3
/** What is not scheduled is paid within moments. */
const RACE_MS = 300
/** Of scheduled batches, and of all others, those of which somebody cancels something. */
const CANCELLED_SHARE = { scheduled: 0.5, others: 0.15 }

/** The order as it is posted now: some are to be paid later. */
export const scheduled = (order: Order, seed: number, now: number, pace: Pace): Order => {
  if (chanceOf(seed, "scheduled", order.key) >= SCHEDULED_SHARE) return order
  const { scheduledMsMin: min, scheduledMsMax: max } = pace
  const inMs = min + (max - min) * chanceOf(seed, "scheduled-in", order.key)
  return { ...order, terms: { ...order.terms, executeAt: new Date(now + inMs).toISOString() } }
}

/** Partners cancel whole batches and single items, some before they are due, some in a race with the payment. */
const cancellationOf =
  (seed: number, { cancelledWithinMs }: Pace) =>
  ({ key, items, terms }: PostedBatch): Cancellation | undefined => {
    const isScheduled = terms?.executeAt !== undefined
    const chance = (question: string, ...more: ReadonlyArray<number>) =>
      chanceOf(seed, question, key, ...more)
    if (chance("cancelled") >= CANCELLED_SHARE[isScheduled ? "scheduled" : "others"]) return undefined
    const inMs = Math.round((isScheduled ? cancelledWithinMs : RACE_MS) * chance("cancelled-in"))
    if (chance("cancelled-whole") < 0.5) return { inMs }
    const some = items.flatMap((_, at) => (chance("cancelled-item", at) < 0.3 ? [at + 1] : []))
    return some.length === 0 ? { inMs } : { inMs, items: some }
  }

/** What people do where these liars are about. */
export const conductAmong = (liars: Liars, seed: number, pace: Pace): Conduct => ({
  looksAgain: liars.has("engine") || liars.has("stores"),
  cancellationOf: liars.has("people") ? cancellationOf(seed, pace) : () => undefined,
})
