/** Connections for `atlaspay doctor`: each store on its own, within seconds, and none is started. */
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Layer, Option, type Result, type Scope } from "effect"
import { readRecord } from "../dev/embedded-record.ts"
import type { SecureServer } from "../doctor/machine-checks.ts"
import type { Targets, Unreachable } from "../doctor/targets.ts"
import { serversIn } from "../platform/nats-address.ts"
import { Postgres } from "../platform/postgres.ts"
import { readAddress } from "../platform/redis-address.ts"
import { openClient } from "../platform/redis-client.ts"
import { kindOf } from "../platform/redis-failure.ts"
import { NO_FILES } from "../platform/tls-files.ts"
import { givenTls, openGivenTls } from "./given-tls.ts"

const CONNECT_MS_MAX = 5_000
const PATIENCE = { silenceMsMax: CONNECT_MS_MAX, commandMsMax: CONNECT_MS_MAX, retries: 0 }

/** Where the stores are; `undefined` where nothing says so. */
export interface StoreUrls {
  readonly redis: string | undefined
  readonly postgres: string | undefined
  readonly nats: string | undefined
}

/** The addresses in the environment, or those of the servers that run on the data folder. */
export const storeUrls = Effect.fnUntraced(function* (
  dataDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): Effect.fn.Return<StoreUrls> {
  const running = (name: string) =>
    Effect.map(readRecord(join(dataDir, "run", `${name}.json`)), (record) =>
      Option.getOrUndefined(Option.map(record, ({ url }) => url)),
    )
  const isLocal = environment.NODE_ENV !== "production"
  const of = (variable: string, name: string) =>
    environment[variable] || !isLocal ? Effect.succeed(environment[variable] || undefined) : running(name)
  return {
    redis: yield* of("REDIS_URL", "redis-server"),
    postgres: yield* of("DATABASE_URL", "postgres"),
    nats: yield* of("NATS_URL", "nats-server"),
  }
})

type Connections = Omit<Targets, "settings">

/** Connects to all stores at once. They are disconnected with the scope. */
export const connectStores = ({
  redis,
  postgres,
  nats,
}: StoreUrls): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.all(
    {
      redis: given(redis, "REDIS_URL", openRedis),
      query: given(postgres, "DATABASE_URL", openPostgres),
      nats: given(nats, "NATS_URL", openNats),
    },
    { concurrency: "unbounded" },
  )

const given = <A>(
  url: string | undefined,
  variable: string,
  open: (url: string) => Effect.Effect<A, Unreachable, Scope.Scope>,
): Effect.Effect<Result.Result<A, Unreachable>, never, Scope.Scope> =>
  Effect.result(
    url === undefined
      ? Effect.fail({ message: `${variable} is not set, and none runs on the data folder` })
      : Effect.timeoutOrElse(open(url), {
          duration: CONNECT_MS_MAX,
          orElse: () => Effect.fail({ message: `no answer within ${CONNECT_MS_MAX} ms` }),
        }),
  )

const openGiven = (store: "REDIS" | "NATS") =>
  Effect.fromResult(openGivenTls(store)).pipe(Effect.mapError((message): Unreachable => ({ message })))

const openRedis = Effect.fnUntraced(function* (url: string) {
  const address = yield* Effect.fromResult(readAddress(url)).pipe(
    Effect.mapError((expected): Unreachable => ({ message: `REDIS_URL is malformed: expected ${expected}` })),
  )
  const tls = yield* openGiven("REDIS")
  let why: unknown
  const client = yield* Effect.acquireRelease(
    // The connection fails after this, and does not say why.
    Effect.sync(() =>
      openClient(
        address,
        "doctor",
        PATIENCE,
        (error) => {
          why ??= error
        },
        tls,
      ),
    ),
    (client) => Effect.sync(() => client.disconnect()),
  )
  yield* Effect.tryPromise({
    try: () => client.connect(),
    catch: (error): Unreachable => ({ message: kindOf(why ?? error) }),
  })
  return client
})

const openPostgres = Effect.fnUntraced(function* (url: string) {
  const pool = yield* Layer.build(
    Postgres.patient(url, CONNECT_MS_MAX, process.env.DATABASE_URL ? givenTls("DATABASE") : NO_FILES),
  ).pipe(
    Effect.mapError(
      ({ reason }): Unreachable => ({
        message: reason === "INVALID_URL" ? "DATABASE_URL is malformed" : reason,
      }),
    ),
  )
  const { query } = Context.get(pool, Postgres)
  yield* query("connect", (sql) => sql`select 1`).pipe(
    Effect.mapError(({ reason }): Unreachable => ({ message: reason })),
  )
  return query
})

const openNats = Effect.fnUntraced(function* (url: string) {
  const refused = (error: unknown): Unreachable => ({
    message: error instanceof Error ? error.name : "unknown",
  })
  const tls = yield* openGiven("NATS")
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          name: "atlaspay doctor",
          ...serversIn(url, tls),
          timeout: CONNECT_MS_MAX,
          reconnect: false,
        }),
      catch: refused,
    }),
    (connection) => Effect.promise(() => connection.close()),
  )
  const manager = yield* Effect.tryPromise({
    try: () => jetstreamManager(connection, { checkAPI: false }),
    catch: refused,
  })
  return { connection, manager }
})

/** The servers among them that are reached with TLS. */
export const secureServers = ({ redis, postgres, nats }: StoreUrls): ReadonlyArray<SecureServer> => {
  const hosts = (url: string | undefined, usual: number) =>
    (url ?? "").split(",").flatMap((one) => {
      const { hostname, port } = URL.canParse(one.trim()) ? new URL(one.trim()) : { hostname: "", port: "" }
      return hostname === "" ? [] : [{ host: hostname, port: Number(port) || usual }]
    })
  const usesTls = (url: string | undefined) =>
    /[?&]sslmode=(require|verify-ca|verify-full)|[?&]ssl=true/.test(url ?? "")
  const as = (name: string, asks: SecureServer["asks"]) => (at: { host: string; port: number }) => ({
    name,
    asks,
    ...at,
  })
  return [
    ...(/^rediss/.test(redis ?? "") ? hosts(redis, REDIS_PORT).map(as("Redis", "at once")) : []),
    ...(usesTls(postgres) ? hosts(postgres, POSTGRES_PORT).map(as("Postgres", "as Postgres")) : []),
    ...(/^tls:/.test(nats ?? "") ? hosts(nats, NATS_PORT).map(as("NATS", "as NATS")) : []),
  ]
}

const REDIS_PORT = 6379
const POSTGRES_PORT = 5432
const NATS_PORT = 4222
