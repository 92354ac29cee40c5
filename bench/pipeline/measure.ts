/** The measurement of `npm run bench:pipeline`: floor and service in turn on one stand. */
import { loadavg } from "node:os"
import { Effect } from "effect"
import { layoutOf } from "./layout.ts"
import type { PipelineMeasured, RoundPair } from "./report.ts"
import { makeRound, type Round, type RoundSize } from "./round.ts"
import { attempted, type Service, type Side, type Stand, startPipelineStand } from "./stand.ts"

export interface PipelineOptions {
  /** The checkout of the project whose service is measured. */
  readonly checkout: string
  readonly layout: string
  /** Payouts of a round. */
  readonly payouts: number
  readonly open: number
  readonly rounds: number
  /** Payouts that each side makes before it is measured, so that its code is compiled. */
  readonly warmUp: number
  /** The folder that gets a processor profile of each role. */
  readonly profile?: string
}

export const ITEMS_PER_BATCH = 50
/**
 * The payouts of a warm-up. The service has much more code than the floor: after 2,000 payouts a fifth of its processor time was still its
 * compilation.
 */
export const WARM_UP = 20_000
/** A side that was stopped first connects to its servers again. */
const THAW = "2 seconds"

const sizeOf = (payouts: number, open: number): RoundSize => ({
  batches: Math.max(1, Math.round(payouts / ITEMS_PER_BATCH)),
  itemsPerBatch: ITEMS_PER_BATCH,
  open,
})

const serviceOf = ({ checkout, layout, profile }: PipelineOptions): Service => ({
  checkout,
  layout: layoutOf(layout),
  ...(profile === undefined ? {} : { profile }),
})

/** Measures floor and service in turn. Each is stopped while the other one pays. */
export const measurePipeline = Effect.fn("measurePipeline")(function* (
  folder: string,
  options: PipelineOptions,
  report: (line: string) => void,
) {
  const before = loadavg()[0] ?? Number.NaN
  const size = sizeOf(options.payouts, options.open)
  const stand = yield* startPipelineStand(folder, [], report)
  const floor = yield* stand.startFloor
  const service = yield* stand.startService(serviceOf(options))
  const round = (side: Side, other: Side, some: RoundSize, name: string) =>
    other.whileFrozen(Effect.andThen(Effect.sleep(THAW), roundOf(stand, side, some, name, report)))
  const warmUp = sizeOf(options.warmUp, options.open)
  yield* round(floor, service, warmUp, "warm-up")
  yield* round(service, floor, warmUp, "warm-up")
  const pairs: Array<RoundPair> = []
  for (let number = 1; number <= options.rounds; number += 1)
    pairs.push({
      floor: yield* round(floor, service, size, `round-${number}`),
      service: yield* round(service, floor, size, `round-${number}`),
    })
  const { layout } = options
  const loadAverages = [before, loadavg()[0] ?? Number.NaN] as const
  return { pairs, layout, ...size, loadAverages } satisfies PipelineMeasured
}, Effect.scoped)

/** Measures the service alone, once, on a stand of its own, with settings besides those of the stand. */
export const measureService = Effect.fn("measureService")(function* (
  folder: string,
  options: PipelineOptions,
  report: (line: string) => void,
  settings: Readonly<Record<string, string>> = {},
) {
  const { payouts, open, warmUp } = options
  const stand = yield* startPipelineStand(folder, [], () => {})
  const service = yield* stand.startService({ ...serviceOf(options), settings })
  yield* roundOf(stand, service, sizeOf(warmUp, open), "warm-up", report)
  return yield* roundOf(stand, service, sizeOf(payouts, open), "round", report)
}, Effect.scoped)

const roundOf = (stand: Stand, side: Side, size: RoundSize, name: string, report: (line: string) => void) =>
  attempted(() => makeRound(stand, side, size, `${side.name}-${name}`)).pipe(
    Effect.tap((round) => Effect.sync(() => report(`${side.name}, ${name}: ${summaryOf(round)}`))),
  )

const summaryOf = ({ payouts, completeMs }: Round): string =>
  `${payouts} payouts in ${(completeMs / 1_000).toFixed(1)} s`
