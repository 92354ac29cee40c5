import { Clock, Context, Effect, Layer } from "effect"
import { AppConfig } from "../../config.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type Backlog, RunQueue } from "../../streams/run-queue.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { IntakeFull, PartnerShareFull } from "../edge/failures.ts"
import { DrainRate } from "./drain-rate.ts"

/** For how long intake uses the backlog that it read. */
const BACKLOG_FRESH_MS = 250

/** The backlog as last read, and the batches that were admitted since, by partner shard. */
interface Seen {
  readonly backlog: Backlog
  readonly admitted: Map<string, number>
  total: number
}

/**
 * Admits new batches, unless the partner has its share of open batches or the service its limit. A refusal says after how
 * many seconds to retry, by the rate at which batches are closed.
 */
export class Intake extends Context.Service<
  Intake,
  {
    readonly admit: (
      partnerShard: string,
      /** The partner's own limit, if it has one. */
      ownMax?: number,
    ) => Effect.Effect<void, IntakeFull | PartnerShareFull | StoreUnavailable>
  }
>()("atlaspay/http/Intake") {
  static readonly layer = Layer.effect(
    Intake,
    Effect.gen(function* () {
      const { backlogMax, partnerBacklogMax } = (yield* AppConfig).worker
      const queue = yield* RunQueue
      const { openBatches, shedBatches } = yield* Metrics
      const rate = new DrainRate()
      const look = Effect.gen(function* () {
        const backlog = yield* queue.backlog
        openBatches.set(backlog.open)
        rate.observe(backlog.closed, yield* Clock.currentTimeMillis)
        return { backlog, admitted: new Map(), total: 0 } satisfies Seen as Seen
      })
      const seen = yield* Effect.cachedWithTTL(look, BACKLOG_FRESH_MS)
      return Intake.of({
        admit: Effect.fnUntraced(function* (partnerShard, ownMax = partnerBacklogMax) {
          const now = yield* seen
          const partnerShards = Math.max(now.backlog.byPartnerShard.size, 1)
          const open = now.backlog.open + now.total - backlogMax
          const own =
            (now.backlog.byPartnerShard.get(partnerShard) ?? 0) +
            (now.admitted.get(partnerShard) ?? 0) -
            ownMax
          if (own >= 0) {
            shedBatches.inc({ scope: "partner" })
            return yield* new PartnerShareFull({
              retryAfterSeconds: rate.secondsFor(own + 1, 1 / partnerShards),
            })
          }
          if (open >= 0) {
            shedBatches.inc({ scope: "all" })
            return yield* new IntakeFull({ retryAfterSeconds: rate.secondsFor(open + 1) })
          }
          now.total += 1
          now.admitted.set(partnerShard, (now.admitted.get(partnerShard) ?? 0) + 1)
        }),
      })
    }),
  )
}
