import { Effect, type Scope } from "effect"
import { startStore } from "../dev/embedded-stores.ts"
import { readAddress } from "../platform/redis-address.ts"
import { type Barrier, openBarrier } from "../platform/redis-barrier.ts"
import { openClient, type RedisCommands } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { openGivenTls } from "./given-tls.ts"

const PATIENCE = { silenceMsMax: 5_000, commandMsMax: 10_000, retries: 1 }
const REPLICATION_MS_MAX = 1_000

/**
 * Connects to the Redis in REDIS_URL, in any topology, or else to the local stack's, which it starts if it does not run.
 * Disconnects with the scope. The barrier waits for REDIS_REPLICAS replicas, as in the service.
 */
export const openRedis = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<
  { readonly commands: RedisCommands; readonly replicated: Barrier },
  CliFailure,
  Scope.Scope
> {
  const url = process.env.REDIS_URL || (yield* localRedis(dataDir))
  const address = yield* Effect.fromResult(readAddress(url)).pipe(
    Effect.mapError(
      (expected) => new CliFailure({ reason: `REDIS_URL is malformed: expected ${expected}.` }),
    ),
  )
  const tls = yield* Effect.fromResult(openGivenTls("REDIS")).pipe(
    Effect.mapError((reason) => new CliFailure({ reason })),
  )
  const connect = Effect.fnUntraced(function* (name: string) {
    const client = yield* Effect.acquireRelease(
      // The command that needs the connection reports its failure.
      Effect.sync(() => openClient(address, name, PATIENCE, () => undefined, tls)),
      (client) => Effect.sync(() => client.disconnect()),
    )
    yield* attempt(() => client.connect())
    return client
  }, Effect.mapError(unreachable))
  const replicas = Number(process.env.REDIS_REPLICAS || 0)
  const replicated: Barrier =
    replicas === 0
      ? () => Effect.void
      : yield* openBarrier(yield* connect("barrier"), { replicas, timeoutMs: REPLICATION_MS_MAX })
  return { commands: yield* connect("cli"), replicated }
})

const unreachable = ({ reason }: RedisUnavailable) =>
  new CliFailure({ reason: `Redis cannot be reached: ${reason}` })

const localRedis = (dataDir: string): Effect.Effect<string, CliFailure, Scope.Scope> =>
  startStore(dataDir, "redis").pipe(Effect.mapError(asCliFailure))
