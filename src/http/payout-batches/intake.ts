import { Clock, Context, Effect, Layer } from "effect"
import { AppConfig } from "../../config.ts"
import type { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type Backlog, RunQueue } from "../../streams/run-queue.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { IntakeFull, PartnerShareFull } from "../edge/failures.ts"
import { DrainRate } from "./drain-rate.ts"

/** How long intake trusts what it last saw of the backlog. */
const BACKLOG_FRESH_MS = 250

/** What was last seen of the backlog, and the batches that were let in since, by partner shard. */
interface Seen {
  readonly backlog: Backlog
  readonly admitted: Map<string, number>
  total: number
}

/**
 * The gate in front of new batches. It closes for a partner that has its share of open batches, and for everyone when
 * the service has its fill; callers are told to come back when the backlog, as fast as it is being worked off, will
 * have room again.
 */
export class Intake extends Context.Service<
  Intake,
  {
    readonly admit: (
      partnerShard: string,
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
        admit: Effect.fn("Intake.admit")(function* (partnerShard) {
          const now = yield* seen
          const partnerShards = Math.max(now.backlog.byPartnerShard.size, 1)
          const open = now.backlog.open + now.total - backlogMax
          const own =
            (now.backlog.byPartnerShard.get(partnerShard) ?? 0) +
            (now.admitted.get(partnerShard) ?? 0) -
            partnerBacklogMax
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
