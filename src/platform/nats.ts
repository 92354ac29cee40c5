import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from "@nats-io/jetstream"
import { connect, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { AppConfig } from "../config.ts"
import { serversIn } from "./nats-address.ts"
import { StoreUnavailable } from "./store-unavailable.ts"
import { openTlsFiles, tlsWarnings } from "./tls-files.ts"

const DRAIN_MS_MAX = 5_000

/** The only connection to NATS, with JetStream. It reconnects by itself, and is drained when its scope closes. */
export class Nats extends Context.Service<
  Nats,
  {
    readonly connection: NatsConnection
    readonly jetstream: JetStreamClient
    readonly manager: JetStreamManager
  }
>()("atlaspay/platform/Nats") {
  /** Waits until NATS can be reached. Fails if it has no JetStream. */
  static readonly layer = Layer.effect(
    Nats,
    Effect.gen(function* () {
      const { url, tls: paths } = (yield* AppConfig).nats
      const tls = yield* Effect.fromResult(openTlsFiles("NATS", paths, yield* tlsWarnings)).pipe(
        Effect.mapError(
          ({ setting, problem }) =>
            new StoreUnavailable({ store: "nats", step: "connect", reason: `${setting}: ${problem}` }),
        ),
      )
      const connection = yield* Effect.acquireRelease(
        connected({
          name: "atlaspay",
          ...serversIn(Redacted.value(url), tls),
          maxReconnectAttempts: -1,
        }),
        drain,
      )
      yield* Stream.fromAsyncIterable(connection.status(), String).pipe(
        Stream.filter(({ type }) => type !== "ping"),
        Stream.runForEach(({ type }) => Effect.logInfo("nats connection", { status: type })),
        Effect.forkScoped,
      )
      const manager = yield* natsStep("find JetStream", () => jetstreamManager(connection))
      return { connection, jetstream: jetstream(connection), manager }
    }),
  )
}

/** Waits until a server can be reached. The client waits in silence, so the first failure is told: it may be a certificate. */
const connected = (options: NodeConnectionOptions) =>
  natsStep("connect", () => connect(options)).pipe(
    Effect.catch(({ reason }) =>
      Effect.andThen(
        Effect.logWarning("nats cannot be reached yet", { reason }),
        natsStep("connect", () => connect({ ...options, waitOnFirstConnect: true })),
      ),
    ),
  )

/** Runs a step against NATS. A failure names the step. */
export const natsStep = <A>(step: string, run: () => Promise<A>): Effect.Effect<A, StoreUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new StoreUnavailable({
        store: "nats",
        step,
        reason: error instanceof Error ? `${error.name}: ${error.message}` : "unknown",
      }),
  })

/**
 * Creates a stream if it does not exist. Does not change the limits of an existing stream, which an operator may have
 * set. Any number of processes may do this at once.
 */
export const ensureStream = (
  manager: JetStreamManager,
  config: Partial<StreamConfig> & Pick<StreamConfig, "name">,
): Effect.Effect<void, StoreUnavailable> =>
  natsStep("create stream", async () => {
    if (!(await exists(manager, config.name))) await manager.streams.add(config)
  })

const exists = async (manager: JetStreamManager, stream: string): Promise<boolean> => {
  try {
    await manager.streams.info(stream)
    return true
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return false
    throw error
  }
}

/** Lets pending messages finish, but does not wait for a server that does not answer. */
const drain = (connection: NatsConnection) =>
  natsStep("drain", () => connection.drain()).pipe(
    Effect.interruptible,
    Effect.timeout(DRAIN_MS_MAX),
    Effect.catch((error) =>
      Effect.andThen(
        Effect.logWarning("nats connection closed without draining", { reason: error._tag }),
        Effect.promise(() => connection.close()),
      ),
    ),
  )
