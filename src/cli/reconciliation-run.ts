/** Reconciles a day with the settings of a service, which say where the books are and how long to wait for them. */
import { ConfigProvider, Effect, Layer, Option, References, type Scope } from "effect"
import { AppConfig } from "../config.ts"
import { startStack } from "../dev/embedded-stack.ts"
import { localMasterKeys } from "../dev/local-master-keys.ts"
import { type Environment, sandboxApiKeys, sandboxEnvironment } from "../dev/local-sandbox.ts"
import { runningService } from "../dev/service-record.ts"
import type { Day } from "../domain/business-days.ts"
import { ProviderSettings } from "../providers/calling/provider-settings.ts"
import { LedgerBooks } from "../providers/ledger/ledger-kind.ts"
import { bankStatements } from "../reconciliation/bank-statements.ts"
import { reconcile } from "../reconciliation/reconciliation.ts"
import type { Reconciliation } from "../reconciliation/results.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { serveEnvironment } from "./serve-environment.ts"

const READY_MS_MAX = 30_000

/** The exit status of a command that could not do its work. */
export const NOT_DONE = 2

/**
 * Reconciles a day (UTC). `statements` is a folder of bank statements; the statement of a bank without a folder in it
 * comes from where its kind has it. All obstacles are failures with status {@link NOT_DONE}.
 */
export const reconcileDay = Effect.fn("reconcileDay")(
  function* (
    dataDir: string,
    day: Day,
    statements: Option.Option<string>,
  ): Effect.fn.Return<Reconciliation, CliFailure | Error, Scope.Scope> {
    const environment = yield* environmentOf(dataDir)
    // Imported here, because most commands do not need the layers of the service.
    const { reconciliationLayer } = yield* Effect.promise(() => import("../app.ts"))
    const services = yield* Layer.build(
      Layer.merge(reconciliationLayer, ProviderSettings.layer.pipe(Layer.provide(AppConfig.layer))).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...environment }))),
        Layer.provideMerge(quietly),
      ),
    ).pipe(
      Effect.timeoutOrElse({
        duration: READY_MS_MAX,
        orElse: () =>
          new CliFailure({ reason: `Redis, Postgres or NATS did not answer within ${READY_MS_MAX} ms.` }),
      }),
    )
    return yield* Effect.flatMap(sourcesOf(day, statements), (sources) => reconcile(day, sources)).pipe(
      Effect.provide(services),
    )
  },
  Effect.mapError(
    (error) =>
      new CliFailure({ reason: `The day could not be reconciled: ${error.message}`, status: NOT_DONE }),
  ),
)

/** The command reports its failures itself; warnings of the parts go to stderr. */
const quietly = Layer.merge(loggingLayer(), Layer.succeed(References.MinimumLogLevel, "Warn"))

/** The settings of a local service with the sandbox, or else those of the environment, completed as `serve` does. */
const environmentOf = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<Environment, CliFailure, Scope.Scope> {
  const running = yield* runningService(dataDir)
  if (process.env.BANKS || process.env.PROVIDERS_FILE || Option.isNone(running))
    return (yield* serveEnvironment(dataDir, process.env, () => {})).environment
  const { sandbox, pid } = running.value
  if (sandbox === undefined)
    return yield* new CliFailure({
      reason: `process ${pid} runs a service with its own banks on this data folder; set its environment variables.`,
    })
  const stack = yield* startStack({ dataDir }).pipe(Effect.mapError(asCliFailure))
  return {
    ...process.env,
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    ...sandboxEnvironment(sandbox),
    API_KEYS: sandboxApiKeys,
    MASTER_KEYS: process.env.MASTER_KEYS || localMasterKeys(dataDir),
  }
})

const sourcesOf = Effect.fnUntraced(function* (day: Day, folder: Option.Option<string>) {
  return {
    statements: yield* bankStatements(day, folder),
    ledger: (yield* LedgerBooks).lines,
  }
})
