/** How many synchronous standbys of Postgres are connected, as a gauge: absent if none are wanted, or if we may not see them. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"
import { Postgres } from "./postgres.ts"

const EVERY_MS = 10_000

/** Keeps the gauge up to date while the layer lives. */
export const standbyGaugeLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { standbys } = (yield* AppConfig).postgres
    const { postgresStandbys, postgresStandbysWanted } = yield* Metrics
    postgresStandbysWanted.set(standbys)
    if (standbys === 0) return
    const { query } = yield* Postgres
    const look = query(
      "count the standbys",
      (sql) => sql<Array<{ readonly standbys: number; readonly hidden: number }>>`
        select count(*) filter (where state = 'streaming' and sync_state in ('sync', 'quorum'))::int as standbys,
          count(*) filter (where state is null)::int as hidden
        from pg_stat_replication`,
    )
    yield* keepReading(
      "standbys",
      EVERY_MS,
      Effect.map(look, ([found]) => {
        if (found !== undefined && found.hidden === 0) postgresStandbys.set(found.standbys)
      }),
    )
  }),
)
