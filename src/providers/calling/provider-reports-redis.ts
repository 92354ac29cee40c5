/**
 * Reports in Redis: `<prefix>:{providers}:<worker>` is a worker's latest report, in JSON, and expires; `<prefix>:{providers}`
 * is the sorted set of workers by when their reports expire.
 */
import { Effect, Layer } from "effect"
import { AppConfig } from "../../config.ts"
import { RedisConnections } from "../../platform/redis.ts"
import { attempt } from "../../platform/redis-failure.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { ProviderReports, REPORT_KEPT_MS, type WorkerReport } from "./provider-reports.ts"

const WORKERS_SHOWN_MAX = 256
const KEPT_SECONDS = REPORT_KEPT_MS / 1_000
/** Earlier releases wrote "10" behind the seconds at which they reported, and took no worker out. No time in seconds is as high. */
const EARLIER_FORM = { from: 1e10, times: 100 }

export const layer = Layer.effect(
  ProviderReports,
  Effect.gen(function* () {
    const { prefix } = (yield* AppConfig).redis
    const { commands } = yield* RedisConnections
    const workers = `${prefix}:{providers}`
    const keyOf = (worker: string) => `${workers}:${worker}`
    const asked = <A>(command: () => Promise<A>) =>
      Effect.mapError(
        attempt(command),
        ({ reason }) => new StoreUnavailable({ store: "redis", step: "reports of providers", reason }),
      )
    return {
      publish: (report) =>
        asked(async () => {
          const { worker } = report
          // The processes' clocks may differ, so Redis's clock counts. It comes as text, whatever the driver declares.
          const [[time]] = await Promise.all([
            commands.time(),
            commands.set(keyOf(worker), JSON.stringify(report), "PX", REPORT_KEPT_MS),
          ])
          const seconds = Number(time)
          const { from, times } = EARLIER_FORM
          await Promise.all([
            commands.zadd(workers, seconds + KEPT_SECONDS, worker),
            commands.zremrangebyscore(workers, 0, seconds - 1),
            commands.zremrangebyscore(workers, from, (seconds - KEPT_SECONDS) * times),
          ])
        }),
      all: asked(async () => {
        const known = await commands.zrevrange(workers, 0, WORKERS_SHOWN_MAX - 1)
        const reports = known.length === 0 ? [] : await commands.mget(known.map(keyOf))
        return reports.flatMap(
          (json): ReadonlyArray<WorkerReport> => (json === null ? [] : [JSON.parse(json)]),
        )
      }),
    }
  }),
)
