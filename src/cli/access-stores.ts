/** The stores of partners, keys and the audit trail, for commands of administrators, and how these commands end. */
import { hostname, userInfo } from "node:os"
import { ConfigProvider, Effect, Layer, Schema } from "effect"
import { Flag } from "effect/cli"
import { Database } from "../database/database.ts"
import { startStack } from "../dev/embedded-stack.ts"
import { localMasterKeys } from "../dev/local-master-keys.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { AcceptedText } from "../domain/outside-text.ts"
import { AccessMarks } from "../identity/access-marks.ts"
import { makeAccessMarks } from "../identity/access-marks-redis.ts"
import { layer as accessInPostgres } from "../identity/access-register-postgres.ts"
import { Administration } from "../identity/administration.ts"
import type { Administrator, AuditTrail } from "../identity/audit-trail.ts"
import { layer as auditInPostgres } from "../identity/audit-trail-postgres.ts"
import { Postgres } from "../platform/postgres.ts"
import type { ReportQueries } from "../projections/report-queries.ts"
import { layer as reportQueriesInPostgres } from "../projections/report-queries-postgres.ts"
import { masterKeys } from "../settings/keys.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import { makePartnerKeys } from "../vault/partner-keys-redis.ts"
import type { DeliveryLog } from "../webhooks/delivery-log.ts"
import { layer as deliveryLogInPostgres } from "../webhooks/delivery-log-postgres.ts"
import type { EndpointSecrets } from "../webhooks/endpoint-secrets.ts"
import { layer as endpointSecretsInPostgres } from "../webhooks/endpoint-secrets-postgres.ts"
import type { WebhookEndpoints } from "../webhooks/endpoints.ts"
import { layerWith as endpointsInPostgres } from "../webhooks/endpoints-postgres.ts"
import type { Replays } from "../webhooks/replays.ts"
import { layer as replaysInPostgres } from "../webhooks/replays-postgres.ts"
import { givenTls } from "./given-tls.ts"
import { openRedis } from "./redis-connection.ts"

const STATEMENT_MS_MAX = 15_000

/** Who acts at the command line: the user of the machine, as the audit trail names it. */
export const administrator = (): Administrator => ({ who: `cli:${userName()}`, address: hostname() })

/** A container may run under a number that has no name. */
const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`
  }
}

/** A partner's name as a flag. */
export const partnerFlag = (description: string) =>
  Flag.String("partner").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(description),
    Flag.mapTryCatch(
      (text) => PartnerId.make(text),
      () => "expected a partner's name: lower-case letters, digits and hyphens",
    ),
  )

/** A text that the audit trail keeps, as the API accepts it. */
const keptText = (name: string, description: string, lengthMax: number) =>
  Flag.optional(
    Flag.String(name).pipe(
      Flag.withDescription(description),
      Flag.mapTryCatch(
        (text): string => Schema.decodeUnknownSync(AcceptedText(lengthMax))(text),
        () =>
          `expected 1 to ${lengthMax} plain characters, no account number, and no more than seven digits in a row`,
      ),
    ),
  )

/** Why an act is done. */
export const reasonFlag = keptText("reason", "Why, for the audit trail", 280)

/** A partner's name for people. */
export const titleFlag = keptText("title", "The partner's name for people", 128)

/** What the commands act on. */
type Stores =
  | Administration
  | AuditTrail
  | DeliveryLog
  | EndpointSecrets
  | PartnerKeys
  | Replays
  | ReportQueries
  | WebhookEndpoints

/**
 * Uses the Redis of REDIS_URL and the Postgres of DATABASE_URL, or else those of the local stack. A failure of the stores or of the
 * act ends the command.
 */
export const withAccess = <A, E extends Reported>(
  dataDir: string,
  use: Effect.Effect<A, E, Stores>,
): Effect.Effect<A, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      if (process.env.REDIS_URL && !process.env.DATABASE_URL)
        return yield* new CliFailure({
          reason: "Set DATABASE_URL, too: what is done here is recorded in the audit trail in Postgres.",
        })
      const redis = yield* openRedis(dataDir)
      const prefix = process.env.STREAM_PREFIX || "ap"
      const url =
        process.env.DATABASE_URL ||
        (yield* startStack({ dataDir }).pipe(Effect.mapError(asCliFailure))).databaseUrl
      const keys = yield* makePartnerKeys(redis, prefix, yield* mastersOf(dataDir))
      const stores = Layer.mergeAll(
        accessInPostgres,
        auditInPostgres,
        endpointSecretsInPostgres,
        endpointsInPostgres({ allowPrivate: false }),
        deliveryLogInPostgres,
        replaysInPostgres,
        reportQueriesInPostgres,
      ).pipe(
        Layer.provide(Database.layer),
        Layer.provide(Postgres.patient(url, STATEMENT_MS_MAX, givenTls("DATABASE"))),
        Layer.merge(Layer.succeed(AccessMarks, makeAccessMarks(redis, prefix))),
        Layer.provideMerge(Layer.succeed(PartnerKeys, keys)),
      )
      return yield* Effect.provide(use, Layer.provideMerge(Administration.layer, stores))
    }).pipe(Effect.provide(loggingLayer())),
  ).pipe(Effect.mapError(failureOf))

/** The master keys of MASTER_KEYS, or for local stores those of the data folder. */
export const mastersOf = (dataDir: string) => {
  const given = process.env.MASTER_KEYS || (process.env.REDIS_URL ? "" : localMasterKeys(dataDir))
  return masterKeys.parse(ConfigProvider.fromEnvRecord({ MASTER_KEYS: given }))
}

interface Reported {
  readonly _tag: string
  readonly message: string
  readonly reason?: string
  readonly what?: string
}

const reasons: Readonly<Record<string, string>> = {
  EndpointDisabled: "The webhook endpoint is disabled: nothing is sent to it. Resume it first.",
  NoSuchDelivery: "The partner has no such webhook endpoint, or the endpoint no such delivery.",
  NoSuchEndpoint: "The partner has no such webhook endpoint.",
  TestedTooOften: "The endpoint was tested a moment ago. Wait some seconds.",
  ReplayUnderWay: "A replay to the endpoint is under way. Wait until it has ended.",
}

const failureOf = (error: Reported): CliFailure => {
  if (error instanceof CliFailure) return error
  if (error._tag === "NoSuchSubject") return new CliFailure({ reason: `There is no such ${error.what}.` })
  if (error._tag === "AccessConflict") return new CliFailure({ reason: `Refused: ${error.reason}.` })
  const reason = reasons[error._tag]
  if (reason !== undefined) return new CliFailure({ reason })
  return new CliFailure({ reason: error.message || `${error._tag}: ${error.reason}` })
}
