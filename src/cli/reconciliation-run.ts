/** Reconciling a day with the settings of a service: where its books are, and how long anyone is waited for. */
import { join } from "node:path"
import { ConfigProvider, Effect, Layer, Option, References, type Scope } from "effect"
import { AppConfig } from "../config.ts"
import { startStack } from "../dev/embedded-stack.ts"
import { localMasterKeys } from "../dev/local-master-keys.ts"
import { type Environment, sandboxApiKeys, sandboxEnvironment } from "../dev/local-sandbox.ts"
import { runningService } from "../dev/service-record.ts"
import type { Day } from "../domain/business-days.ts"
import { bankBooks } from "../providers/banks/bank-books-http.ts"
import { FileBankSettings } from "../providers/banks/files/file-bank-settings.ts"
import { banksIn, statementFolder } from "../providers/banks/files/statement-folder.ts"
import { type Source, SourceUnreadable, type StatementEntry } from "../providers/books.ts"
import { Lanes } from "../providers/calling/lane.ts"
import { providerOf } from "../providers/calling/provider-access-http.ts"
import {
  type BankSettings,
  httpFieldsOf,
  ownSettings,
  ProviderSettings,
} from "../providers/calling/provider-settings.ts"
import { readBankStatement, readStatementAmongOthers } from "../providers/iso20022/bank-statement.ts"
import { ledgerBooks } from "../providers/ledger/ledger-books-http.ts"
import { reconcile } from "../reconciliation/reconciliation.ts"
import type { Reconciliation } from "../reconciliation/results.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { serveEnvironment } from "./serve-environment.ts"

const READY_MS_MAX = 30_000

/** What a command ends with when it could not do what it was asked. */
export const NOT_DONE = 2

/**
 * Reconciles a day (UTC). `statements` is a folder of bank statements; a bank without a folder in it is asked for its
 * books, or is believed by the files that it sent. Whatever stands in the way is a failure with status {@link NOT_DONE}.
 */
export const reconcileDay = Effect.fn("reconcileDay")(
  function* (
    dataDir: string,
    day: Day,
    statements: Option.Option<string>,
  ): Effect.fn.Return<Reconciliation, CliFailure | Error, Scope.Scope> {
    const environment = yield* environmentOf(dataDir)
    // Loaded here, because most commands do not need the layers of the service.
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
    (error) => new CliFailure({ reason: `Not reconciled: ${error.message}`, status: NOT_DONE }),
  ),
)

/** What goes wrong is told by the command itself; warnings of the parts go to stderr. */
const quietly = Layer.merge(loggingLayer(), Layer.succeed(References.MinimumLogLevel, "Warn"))

/** The settings of a service that runs here with the sandbox, else those of the environment, completed like `serve` does. */
const environmentOf = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<Environment, CliFailure, Scope.Scope> {
  const running = yield* runningService(dataDir)
  if (process.env.BANKS || process.env.PROVIDERS_FILE || Option.isNone(running))
    return (yield* serveEnvironment(dataDir, process.env, () => {})).environment
  const { sandbox, pid } = running.value
  if (sandbox === undefined)
    return yield* new CliFailure({
      reason: `process ${pid} runs a service here with banks of its own; give its settings.`,
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
  const { banks, ledger } = yield* ProviderSettings
  const inFiles = Option.isSome(folder) ? yield* banksIn(folder.value) : []
  const stranger = inFiles.find((bank) => !banks.some(({ name }) => name === bank))
  if (stranger !== undefined)
    return yield* new SourceUnreadable({
      source: stranger,
      reason: "it is the folder of no bank that there is",
    })
  const statements = yield* Effect.forEach(banks, (bank) =>
    Option.isSome(folder) && inFiles.includes(bank.name)
      ? Effect.succeed(statementFolder(join(folder.value, bank.name), bank.name, day, readBankStatement))
      : booksOf(bank, day),
  )
  const lane = yield* (yield* Lanes).open({ name: "ledger", kind: "ledger" }, ledger.policy)
  return {
    statements: oneAfterAnother(statements),
    ledger: ledgerBooks(yield* providerOf({ name: "ledger", ...ledger }), lane),
  }
})

/** What a bank says by itself: in its books, or in the statements among the files that it sent. */
const booksOf = Effect.fnUntraced(function* (bank: BankSettings, day: Day) {
  const { name, kind, policy } = bank
  if (kind === "files") {
    const { folder } = yield* ownSettings(bank, FileBankSettings)
    return statementFolder(join(folder, "archive"), name, day, readStatementAmongOthers)
  }
  const http = httpFieldsOf(bank)
  if (http !== undefined) {
    const lane = yield* (yield* Lanes).open({ name, kind }, policy)
    return bankBooks(yield* providerOf({ ...bank, ...http }), lane)
  }
  return yield* new SourceUnreadable({
    source: name,
    reason: "it has no books to ask for: give a folder of statements",
  })
})

const oneAfterAnother =
  (sources: ReadonlyArray<Source<StatementEntry>>): Source<StatementEntry> =>
  (visit) =>
    Effect.forEach(sources, (source) => source(visit), { discard: true })
