import { Context, Effect, Layer, Redacted, Result, Semaphore } from "effect"
import postgres from "postgres"
import { AppConfig } from "../config.ts"
import { StoreUnavailable } from "./store-unavailable.ts"

const CONNECT_TIMEOUT_SECONDS = 5
/** The server gives a statement up after so long, and a caller a second later, also when the server is silent. */
const STATEMENT_MS_MAX = 15_000
const SILENCE_MS_MAX = 1_000
const CLOSE_TIMEOUT_SECONDS = 5

/** The service's one pool of connections. */
export class Postgres extends Context.Service<
  Postgres,
  {
    /**
     * Runs SQL as a step that an error can name. Waits for a free connection; callers beyond the pool's size wait
     * here, where they can be interrupted. A statement that was sent is not called back by an interruption.
     */
    readonly query: <A>(
      step: string,
      run: (sql: postgres.Sql) => PromiseLike<A>,
    ) => Effect.Effect<A, StoreUnavailable>
  }
>()("atlaspay/platform/Postgres") {
  /** Opens the pool (its first query connects) and closes it with the scope. */
  static readonly layer = Layer.effect(
    Postgres,
    Effect.gen(function* () {
      const { url, connectionsMax } = (yield* AppConfig).postgres
      return yield* openPool(Redacted.value(url), connectionsMax, STATEMENT_MS_MAX)
    }),
  )

  /** One connection, for a command whose statements may take long. */
  static readonly patient = (url: string, statementMsMax: number) =>
    Layer.effect(Postgres, openPool(url, 1, statementMsMax))
}

const openPool = Effect.fnUntraced(function* (url: string, connectionsMax: number, statementMsMax: number) {
  const sql = yield* Effect.acquireRelease(open(url, connectionsMax, statementMsMax), (sql) =>
    Effect.promise(() => sql.end({ timeout: CLOSE_TIMEOUT_SECONDS })),
  )
  const connections = Semaphore.makeUnsafe(connectionsMax)
  const callerMsMax = statementMsMax + SILENCE_MS_MAX
  return Postgres.of({ query: (step, run) => send(connections, step, callerMsMax, () => run(sql)) })
})

const open = (url: string, max: number, statementMsMax: number) =>
  Effect.try({
    try: () =>
      postgres(url, {
        max,
        connect_timeout: CONNECT_TIMEOUT_SECONDS,
        connection: {
          application_name: "atlaspay",
          statement_timeout: statementMsMax,
          // The driver prints notices, and "relation exists, skipping" is all that ours would say.
          client_min_messages: "error",
        },
      }),
    catch: () => new StoreUnavailable({ store: "postgres", step: "open", reason: "INVALID_URL" }),
  })

/**
 * Holds a connection's place until the statement is over, not until its caller gives up: so the driver's own queue,
 * which nobody can leave, stays empty however long the server is silent.
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

/** Never rejects: the statement may end when nobody listens any more. */
const settle = async <A>(run: () => PromiseLike<A>): Promise<Result.Result<A, string>> => {
  try {
    return Result.succeed(await run())
  } catch (error) {
    return Result.fail(codeOf(error))
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"
