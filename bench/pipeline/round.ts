/** One round: a number of payouts through one side, followed until each is settled, shown, published and delivered. */
import { setTimeout as sleep } from "node:timers/promises"
import { batchBodies } from "../batch-bodies.ts"
import { differenceOf } from "../figures.ts"
import { openClient, type Paid, payAll } from "./client.ts"
import { type Counters, readCounters } from "./counters.ts"
import { listen, stored } from "./events.ts"
import { readSeconds, type Seconds } from "./processor-time.ts"
import type { Side, Stand } from "./stand.ts"

export interface RoundSize {
  readonly batches: number
  readonly itemsPerBatch: number
  /** Batches open at a time. */
  readonly open: number
}

/** What a round took. Times are milliseconds from the first post. */
export interface Round {
  readonly payouts: number
  /** Until the last batch was closed. */
  readonly settledMs: number
  /** Until the last payout was also in its table, and its webhook delivered. */
  readonly completeMs: number
  readonly acceptedAvgMs: number
  readonly seconds: Seconds
  readonly counters: Counters
  /** Webhooks that came more than once. */
  readonly repeated: number
}

const BODIES = 18
const COMPLETE_MS_MAX = 180_000
const POLL_MS = 100
/** What follows a closed batch, such as its release, is part of its cost. */
const AFTERMATH_MS = 300
/** Postgres reports its counters up to a second late. */
const COUNTED_MS = 1_000

/** Makes a round. Rejects if not exactly its payouts reach each of the places. */
export const makeRound = async (
  stand: Stand,
  side: Side,
  { batches, itemsPerBatch, open }: RoundSize,
  keyPrefix: string,
): Promise<Round> => {
  const processes = { ...side.processes, ...stand.processes }
  const payouts = batches * itemsPerBatch
  const bodies = batchBodies(BODIES, itemsPerBatch)
  const client = openClient(side, open)
  const closings = await listen(stand.nats, side.stream, "PayoutBatchClosed")
  try {
    const before = await arrivalsAt(stand, side)
    const countersBefore = await readCounters(stand, side.stream)
    const secondsBefore = readSeconds(processes)
    const paid = await payAll(client, closings, { bodies, batches, open, keyPrefix })
    const completeAtMs = await untilComplete(side, before, payouts)
    await sleep(AFTERMATH_MS)
    const seconds = differenceOf(secondsBefore, readSeconds(processes))
    await sleep(COUNTED_MS)
    const counters = differenceOf(countersBefore, await readCounters(stand, side.stream))
    const after = await arrivalsAt(stand, side)
    refuseOthers(before, after, payouts)
    return {
      payouts,
      settledMs: paid.lastClosedAtMs - paid.firstPostAtMs,
      completeMs: Math.max(completeAtMs, paid.lastClosedAtMs) - paid.firstPostAtMs,
      acceptedAvgMs: averageOf(paid),
      seconds,
      counters,
      repeated: after.repeated - before.repeated,
    }
  } finally {
    closings.close()
    await client.close()
  }
}

/** Where payouts arrive, and how many are there. */
interface Arrivals {
  readonly rows: number
  readonly webhooks: number
  readonly repeated: number
  readonly refused: number
  readonly messages: number
}

const arrivalsAt = async (stand: Stand, side: Side): Promise<Arrivals> => {
  const { settled: webhooks, repeated, refused } = await side.received()
  const messages = await stored(stand.nats, side.stream, "PayoutSettled")
  return { rows: await side.rows(), webhooks, repeated, refused, messages }
}

/** Waits until all rows and webhooks are there, and returns when that was, in milliseconds since 1970. */
const untilComplete = async (side: Side, before: Arrivals, payouts: number): Promise<number> => {
  const until = Date.now() + COMPLETE_MS_MAX
  let rowsAtMs = 0
  for (;;) {
    const rows = (await side.rows()) - before.rows
    if (rows >= payouts && rowsAtMs === 0) rowsAtMs = Date.now()
    const { settled, lastAtMs } = await side.received()
    const webhooks = settled - before.webhooks
    if (rows >= payouts && webhooks >= payouts) return Math.max(rowsAtMs, lastAtMs)
    if (Date.now() > until)
      throw new Error(`the ${side.name} settled ${payouts} payouts: ${rows} rows, ${webhooks} webhooks`)
    await sleep(POLL_MS)
  }
}

const refuseOthers = (before: Arrivals, after: Arrivals, payouts: number): void => {
  for (const place of ["rows", "messages", "webhooks"] as const) {
    const arrived = after[place] - before[place]
    if (arrived !== payouts) throw new Error(`${payouts} payouts, but ${arrived} ${place}`)
  }
  const refused = after.refused - before.refused
  if (refused > 0) throw new Error(`${refused} webhooks did not verify, or were about something else`)
}

const averageOf = ({ acceptedMs }: Paid): number =>
  acceptedMs.reduce((sum, ms) => sum + ms, 0) / acceptedMs.length
