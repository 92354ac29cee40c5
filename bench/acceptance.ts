/**
 * The measurement of acceptance. First, warm up both sides, post one batch per connection at once, and follow them until
 * they are settled. Then the load: half of the floor's time, the service, a while for its backlog to settle, and the
 * other half of the floor's time, so that neither side profits from a quiet moment of the machine. The service is stopped
 * while the floor is measured: settling its backlog would slow the floor, and improve the ratio.
 */
import { loadavg } from "node:os"
import { Effect, type Scope } from "effect"
import { batchBodies } from "./batch-bodies.ts"
import { type Figures, failuresOf, figuresOf, ratioOf } from "./figures.ts"
import { type Answers, offer } from "./load.ts"
import { awaitSettled, openSettlements, type SettlementsOf } from "./settlements.ts"
import type { Stand } from "./stand.ts"

export interface AcceptanceOptions {
  /** For how long batches are sent to each side. */
  readonly seconds: number
  readonly connections: number
}

/** How many batches were accepted and settled, and how fast. */
export interface Settling {
  readonly accepted: number
  readonly settled: number
  /** From acceptance to settlement, on average of the settled batches, rounded to the millisecond. */
  readonly avgMs: number | undefined
}

export interface Acceptance {
  readonly accept: Figures
  readonly floor: Figures
  readonly ratio: number | undefined
  /** The batches that were posted at once. */
  readonly burst: { readonly accept: Figures; readonly settling: Settling }
  /** The batches of the load, at the end of the wait for them. */
  readonly backlog: { readonly settling: Settling; readonly waitedMs: number }
  /** Of the whole run: each status that is not 2xx, or "connection", and how often it occurred. */
  readonly failures: Readonly<Record<string, number>>
  /** Load averages of the machine over one minute, before and after the run. */
  readonly loadAverages: readonly [before: number, after: number]
}

export const ITEMS_PER_BATCH = 50
const BODIES = 18
const BURST_SETTLED_MS_MAX = 180_000
const BACKLOG_MS_MAX = 30_000

/** Measures the service of a stand and its floor; `report` gets a line for each step. */
export const measureAcceptance = Effect.fn("measureAcceptance")(function* (
  stand: Stand,
  { seconds, connections }: AcceptanceOptions,
  report: (line: string) => void,
): Effect.fn.Return<Acceptance, never, Scope.Scope> {
  const loadBefore = loadavg()[0] ?? 0
  const settlementsOf = yield* openSettlements(stand.databaseUrl)
  const load = { connections, bodies: batchBodies(BODIES, ITEMS_PER_BATCH) }
  const once = { ...load, until: { requests: connections } }

  report("warming up")
  const floorWarmUp = yield* offer(stand.floor, { ...once, keyPrefix: "warm-up" })
  const warmUp = yield* offer(stand.service, { ...once, keyPrefix: "warm-up" })
  yield* settlingOf(settlementsOf, "warm-up", warmUp, BURST_SETTLED_MS_MAX)

  report(`${connections} batches at once`)
  const burst = yield* offer(stand.service, { ...once, keyPrefix: "burst" })
  const burstSettling = yield* settlingOf(settlementsOf, "burst", burst, BURST_SETTLED_MS_MAX)

  report("the floor, first half")
  const half = { ...load, until: { seconds: seconds / 2 }, keyPrefix: "floor" }
  const floorBefore = yield* stand.whileServiceIsFrozen(offer(stand.floor, half))

  report("the service")
  const service = yield* offer(stand.service, { ...load, until: { seconds }, keyPrefix: "load" })

  report("waiting for the backlog")
  const waitingSince = Date.now()
  const backlogSettling = yield* settlingOf(settlementsOf, "load", service, BACKLOG_MS_MAX)
  const waitedMs = Date.now() - waitingSince

  report("the floor, second half")
  const floorAfter = yield* stand.whileServiceIsFrozen(offer(stand.floor, half))

  const accept = figuresOf([service])
  const floor = figuresOf([floorBefore, floorAfter])
  return {
    accept,
    floor,
    ratio: ratioOf(accept, floor),
    burst: { accept: figuresOf([burst]), settling: burstSettling },
    backlog: { settling: backlogSettling, waitedMs },
    failures: failuresOf([floorWarmUp, warmUp, burst, floorBefore, service, floorAfter]),
    loadAverages: [loadBefore, loadavg()[0] ?? 0],
  }
})

/** Waits until the batches of a load are settled, or the time is over. */
const settlingOf = Effect.fnUntraced(function* (
  settlementsOf: SettlementsOf,
  keyPrefix: string,
  { latenciesMs: { length: answered } }: Answers,
  withinMs: number,
): Effect.fn.Return<Settling> {
  const { settled, avgMs } = yield* awaitSettled(settlementsOf(keyPrefix), answered, withinMs)
  return {
    // A batch whose answer did not arrive in time may have been accepted even so.
    accepted: Math.max(answered, settled),
    settled,
    avgMs: avgMs === undefined ? undefined : Math.round(avgMs),
  }
})
