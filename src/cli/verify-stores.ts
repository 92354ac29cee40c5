/**
 * The stores that verification reads: Redis and Postgres, by the environment or else the local stack's. Nothing here can write: no
 * function is loaded, no group touched and no table migrated, so users who may only read are enough.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { startStore } from "../dev/embedded-stores.ts"
import { Postgres } from "../platform/postgres.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { FOLLOWER as PUBLISHER } from "../publisher/relay.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { LogEvidence, RecordEvidence } from "../verification/evidence.ts"
import { logEvidence } from "../verification/log-evidence-redis.ts"
import { recordEvidence } from "../verification/record-evidence-postgres.ts"
import { givenTls } from "./given-tls.ts"
import { logKeys } from "./log-keys.ts"
import { openRedis } from "./redis-connection.ts"

/** The exit status of a verification that could not look at everything: 1 says that it found something. */
export const NOT_DONE = 2
const STATEMENT_MS_MAX = 60_000

/** Runs something with the stores. Whatever keeps it from its work is a failure with status {@link NOT_DONE}. */
export const withEvidence = <A, E extends { readonly message: string }>(
  dataDir: string,
  use: Effect.Effect<A, E, LogEvidence | RecordEvidence>,
): Effect.Effect<A, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* Effect.provide(use, yield* openEvidence(dataDir))
    }),
  ).pipe(
    // A mistake of ours is no finding either.
    Effect.catchDefect((defect) =>
      Effect.fail(defect instanceof Error ? defect : new Error("a defect of this program")),
    ),
    Effect.mapError(
      ({ message }) => new CliFailure({ reason: `Not all could be verified: ${message}`, status: NOT_DONE }),
    ),
  )

const openEvidence = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<Context.Context<LogEvidence | RecordEvidence>, Error, Scope.Scope> {
  const production = process.env.NODE_ENV === "production"
  for (const name of ["REDIS_URL", "DATABASE_URL"])
    if (production && !process.env[name]) return yield* new CliFailure({ reason: `${name} is not set.` })
  const { commands: redis } = yield* openRedis(dataDir)
  const place = { redis, ...logKeys() }
  const url =
    process.env.DATABASE_URL || (yield* startStore(dataDir, "postgres").pipe(Effect.mapError(asCliFailure)))
  const postgres = yield* Layer.build(
    Postgres.patient(url, STATEMENT_MS_MAX, givenTls("DATABASE")).pipe(Layer.provide(loggingLayer())),
  )
  return Context.make(LogEvidence, yield* logEvidence(place)).pipe(
    Context.add(
      RecordEvidence,
      recordEvidence(Context.get(postgres, Postgres), place.partitions, [PROJECTION, PUBLISHER]),
    ),
  )
})
