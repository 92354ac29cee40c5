import { Context, Effect, Layer, Redacted, Result, Semaphore } from "effect"
import postgres from "postgres"
import { AppConfig } from "../config.ts"
import { readPostgresAddress, type ServerPlace } from "./postgres-address.ts"
import { arrayTypes } from "./postgres-arrays.ts"
import { openPrimary, type Pool, type Primary, SILENT } from "./postgres-primary.ts"
import { type PostgresTls, postgresTls } from "./postgres-tls.ts"
import { noticed } from "./postgres-transaction.ts"
import { StoreUnavailable } from "./store-unavailable.ts"
import { NO_FILES, type TlsPaths, tlsWarnings } from "./tls-files.ts"

const CONNECT_TIMEOUT_SECONDS = 5
/**
 * The server cancels a statement after this time, and ends a transaction that sends none for as long: a process that is
 * frozen, or whose machine is gone, must not keep its locks. A caller gives up a second later, even if the server is silent.
 */
const STATEMENT_MS_MAX = 15_000
const SILENCE_MS_MAX = 1_000
/** How long a server may take to say whether it is the primary. */
const QUESTION_MS_MAX = 2_000
/**
 * The server ended the connection, and says why: it goes, or the session was silent for too long. A statement that is running then is told
 * only that its connection is closed, so one that gets such an answer was never sent: the driver gives an error that a connection
 * was lost with to the first statement on the next one (https://github.com/porsager/postgres/issues/1223). Nothing that the server
 * does answer to has these codes, unless it was rolled back.
 */
const OLD_ERRORS: ReadonlySet<string> = new Set(["57P01", "57P02", "57P05", "25P03", "25P04"])
const [RECONNECT_SECONDS_MIN, RECONNECT_SECONDS_MAX] = [0.02, 1]

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
   * command. Those tables come and go, so each statement looks its names up anew: one that is prepared keeps the table that it found
   * first, also when another one has come before it.
   */
  static readonly beside = Effect.fnUntraced(function* (
    schema: string,
    connectionsMax: number,
    statementMsMax: number,
  ) {
    const { url, tls } = (yield* AppConfig).postgres
    return yield* openPool(Redacted.value(url), tls, connectionsMax, statementMsMax, {
      search_path: `${schema}, public`,
      prepare: false,
    })
  })
}

/** What a pool has otherwise than others: a setting of its connections, and whether statements stay prepared. */
interface Special {
  readonly search_path?: string
  readonly prepare?: boolean
}

const openPool = Effect.fnUntraced(function* (
  given: string,
  paths: TlsPaths,
  connectionsMax: number,
  statementMsMax: number,
  special: Special = {},
) {
  const tls = yield* Effect.fromResult(postgresTls(given, paths, yield* tlsWarnings)).pipe(
    Effect.mapError(
      ({ setting, problem }) =>
        new StoreUnavailable({ store: "postgres", step: "open", reason: `${setting}: ${problem}` }),
    ),
  )
  const opening = yield* open(tls, connectionsMax, statementMsMax, special)
  const primary = yield* openPrimary(opening.places, opening)
  const connections = Semaphore.makeUnsafe(connectionsMax)
  const callerMsMax = statementMsMax + SILENCE_MS_MAX
  return Postgres.of({ query: (step, run) => send(connections, primary, step, callerMsMax, run) })
})

/** How to open each of the servers of a URL. Fails if the URL is none, or the driver cannot read it. */
const open = (
  tls: PostgresTls,
  max: number,
  statementMsMax: number,
  { prepare = true, ...settings }: Special,
) =>
  Effect.try({
    try: () => {
      const address = Result.getOrThrow(readPostgresAddress(tls.url))
      const connect = (
        { host, port }: ServerPlace,
        max: number,
        timeoutMs: number,
        attributes?: "primary",
      ): postgres.Sql =>
        postgres(address.url, {
          ...tls.options,
          ...(attributes === undefined ? {} : { target_session_attrs: attributes }),
          ...(host === undefined ? {} : { host, port }),
          max,
          connect_timeout: CONNECT_TIMEOUT_SECONDS,
          backoff: reconnectAfterSeconds,
          fetch_types: false,
          prepare,
          types: arrayTypes,
          connection: {
            application_name: "atlaspay",
            statement_timeout: timeoutMs,
            idle_in_transaction_session_timeout: timeoutMs,
            // The driver prints notices. Ours would only be "relation exists, skipping".
            client_min_messages: "error",
            ...settings,
          },
        })
      // Throws if the driver does not understand the rest of the URL.
      connect(address.places[0], 1, statementMsMax)
      return {
        places: address.places,
        statements: (place: ServerPlace) => connect(place, max, statementMsMax, "primary"),
        questions: (place: ServerPlace) => connect(place, 1, QUESTION_MS_MAX),
        statementMsMax,
      }
    },
    catch: () => new StoreUnavailable({ store: "postgres", step: "open", reason: "INVALID_URL" }),
  })

/**
 * By itself the driver would wait up to twenty seconds after a longer outage, during which callers give up, and take the server for
 * silent.
 */
const reconnectAfterSeconds = (failures: number): number =>
  Math.min(RECONNECT_SECONDS_MIN * 2 ** failures, RECONNECT_SECONDS_MAX) * (0.5 + Math.random() / 2)

/**
 * Reserves a connection until the statement ends, even if its caller gives up before. So the driver's own queue, which no
 * caller can leave, stays empty however long the server is silent.
 */
const send = <A>(
  connections: Semaphore.Semaphore,
  primary: Primary,
  step: string,
  callerMsMax: number,
  run: (sql: postgres.Sql) => PromiseLike<A>,
): Effect.Effect<A, StoreUnavailable> => {
  const take = Effect.fnUntraced(function* (
    restore: <B, E>(step: Effect.Effect<B, E>) => Effect.Effect<B, E>,
  ) {
    yield* restore(connections.take(1))
    return yield* restore(primary.pool).pipe(Effect.onError(() => connections.release(1)))
  })
  const sent = Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      const pool = yield* take(restore)
      const statement = settle(primary, pool, callerMsMax, run).finally(() => {
        pool.underWay.delete(statement)
        Effect.runSync(connections.release(1))
      })
      pool.underWay.add(statement)
      const result = yield* restore(Effect.promise(() => statement))
      return yield* Effect.fromResult(result)
    }),
  )
  return sent.pipe(
    Effect.catchIf(
      (code) => OLD_ERRORS.has(code),
      () => sent,
    ),
    Effect.timeoutOrElse({ duration: callerMsMax, orElse: () => Effect.fail(SILENT) }),
    Effect.mapError((code) => new StoreUnavailable({ store: "postgres", step, reason: code })),
  )
}

/**
 * Never rejects, because the statement may fail after its caller has given up. If a statement is not answered for so long that the
 * server itself should have cancelled it, its server is left, and then it fails.
 */
const settle = async <A>(
  primary: Primary,
  pool: Pool,
  callerMsMax: number,
  run: (sql: postgres.Sql) => PromiseLike<A>,
): Promise<Result.Result<A, string>> => {
  const overdue = setTimeout(() => primary.doubt(pool, SILENT), callerMsMax)
  try {
    return Result.succeed(await run(pool.sql))
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) await noticed()
    const code = codeOf(error)
    if (OLD_ERRORS.has(code)) primary.leave(pool)
    return Result.fail(primary.doubt(pool, code))
  } finally {
    clearTimeout(overdue)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"
