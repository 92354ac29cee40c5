import { Context, Effect, Layer, Redacted, Result, Semaphore } from "effect"
import postgres from "postgres"
import { AppConfig } from "../config.ts"
import { arrayTypes } from "./postgres-arrays.ts"
import { type PostgresTls, postgresTls } from "./postgres-tls.ts"
import { StoreUnavailable } from "./store-unavailable.ts"
import { NO_FILES, type TlsPaths, tlsWarnings } from "./tls-files.ts"

const CONNECT_TIMEOUT_SECONDS = 5
/**
 * The server cancels a statement after this time, and ends a transaction that sends none for as long: a process that is
 * frozen, or whose machine is gone, must not keep its locks. A caller gives up a second later, even if the server is silent.
 */
const STATEMENT_MS_MAX = 15_000
const SILENCE_MS_MAX = 1_000
const CLOSE_TIMEOUT_SECONDS = 5

/** The service's only pool of connections. */
export class Postgres extends Context.Service<
  Postgres,
  {
    /**
     * Runs SQL as a step, which errors name. Waits for a free connection, and can be interrupted while it waits. An
     * interruption does not cancel a statement that was sent.
     */
    readonly query: <A>(
      step: string,
      run: (sql: postgres.Sql) => PromiseLike<A>,
    ) => Effect.Effect<A, StoreUnavailable>
  }
>()("atlaspay/platform/Postgres") {
  /** Opens the pool, which connects at its first query, and closes it with the scope. */
  static readonly layer = Layer.effect(
    Postgres,
    Effect.gen(function* () {
      const { url, tls, connectionsMax } = (yield* AppConfig).postgres
      return yield* openPool(Redacted.value(url), tls, connectionsMax, STATEMENT_MS_MAX)
    }),
  )

  /** A pool of one connection, for a command with long statements. */
  static readonly patient = (url: string, statementMsMax: number, tls: TlsPaths = NO_FILES) =>
    Layer.effect(Postgres, openPool(url, tls, 1, statementMsMax))

  /**
   * A pool on the same database in which tables of a schema come before the live ones of the same names, for long statements of a
   * command.
   */
  static readonly beside = Effect.fnUntraced(function* (
    schema: string,
    connectionsMax: number,
    statementMsMax: number,
  ) {
    const { url, tls } = (yield* AppConfig).postgres
    return yield* openPool(Redacted.value(url), tls, connectionsMax, statementMsMax, {
      search_path: `${schema}, public`,
    })
  })
}

const openPool = Effect.fnUntraced(function* (
  given: string,
  paths: TlsPaths,
  connectionsMax: number,
  statementMsMax: number,
  settings: Readonly<Record<string, string>> = {},
) {
  const { url, options } = yield* Effect.fromResult(postgresTls(given, paths, yield* tlsWarnings)).pipe(
    Effect.mapError(
      ({ setting, problem }) =>
        new StoreUnavailable({ store: "postgres", step: "open", reason: `${setting}: ${problem}` }),
    ),
  )
  const sql = yield* Effect.acquireRelease(
    open(url, options, connectionsMax, statementMsMax, settings),
    (sql) => Effect.promise(() => sql.end({ timeout: CLOSE_TIMEOUT_SECONDS })),
  )
  const connections = Semaphore.makeUnsafe(connectionsMax)
  const callerMsMax = statementMsMax + SILENCE_MS_MAX
  return Postgres.of({ query: (step, run) => send(connections, step, callerMsMax, () => run(sql)) })
})

const open = (
  url: string,
  tls: PostgresTls["options"],
  max: number,
  statementMsMax: number,
  settings: Readonly<Record<string, string>>,
) =>
  Effect.try({
    try: () =>
      postgres(url, {
        ...tls,
        max,
        connect_timeout: CONNECT_TIMEOUT_SECONDS,
        fetch_types: false,
        types: arrayTypes,
        connection: {
          application_name: "atlaspay",
          statement_timeout: statementMsMax,
          idle_in_transaction_session_timeout: statementMsMax,
          // The driver prints notices. Ours would only be "relation exists, skipping".
          client_min_messages: "error",
          ...settings,
        },
      }),
    catch: () => new StoreUnavailable({ store: "postgres", step: "open", reason: "INVALID_URL" }),
  })

/**
 * Reserves a connection until the statement ends, even if its caller gives up before. So the driver's own queue, which no
 * caller can leave, stays empty however long the server is silent.
 */
const send = <A>(
  connections: Semaphore.Semaphore,
  step: string,
  callerMsMax: number,
  run: () => PromiseLike<A>,
): Effect.Effect<A, StoreUnavailable> =>
  Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      yield* restore(connections.take(1))
      const statement = settle(run).finally(() => Effect.runSync(connections.release(1)))
      const result = yield* restore(Effect.promise(() => statement))
      return yield* Effect.fromResult(result)
    }),
  ).pipe(
    Effect.timeoutOrElse({ duration: callerMsMax, orElse: () => Effect.fail("TIMEOUT") }),
    Effect.mapError((code) => new StoreUnavailable({ store: "postgres", step, reason: code })),
  )

/** Never rejects, because the statement may fail after its caller has given up. */
const settle = async <A>(run: () => PromiseLike<A>): Promise<Result.Result<A, string>> => {
  try {
    return Result.succeed(await run())
  } catch (error) {
    return Result.fail(codeOf(error))
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"
