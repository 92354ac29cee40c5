import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream"
import { connect, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { AppConfig } from "../config.ts"
import { serversIn } from "./nats-address.ts"
import { StoreUnavailable } from "./store-unavailable.ts"
import { openTlsFiles, tlsWarnings } from "./tls-files.ts"

const DRAIN_MS_MAX = 5_000
/** How long a start waits before it tries again. */
const AGAIN_AFTER_MS = 1_000

/** The only connection to NATS, with JetStream. It reconnects by itself, and is drained when its scope closes. */
export class Nats extends Context.Service<
  Nats,
  {
    readonly connection: NatsConnection
    readonly jetstream: JetStreamClient
    readonly manager: JetStreamManager
  }
>()("atlaspay/platform/Nats") {
  /** Waits until NATS can be reached and JetStream has a leader. Fails if NATS has no JetStream. */
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
        // Otherwise a process that waits for NATS could not be stopped.
        { interruptible: true },
      )
      yield* Stream.fromAsyncIterable(connection.status(), String).pipe(
        Stream.filter(({ type }) => type !== "ping"),
        Stream.runForEach(({ type }) => Effect.logInfo("nats connection", { status: type })),
        Effect.forkScoped,
      )
      const manager = yield* whenJetStreamCan(natsStep("find JetStream", () => jetstreamManager(connection)))
      return { connection, jetstream: jetstream(connection), manager }
    }),
  )
}

/**
 * Waits until a server can be reached. The first failure is told: it may be a certificate. By itself the client would wait in silence, and
 * try for ever, also for a process that is stopped meanwhile.
 */
const connected = (options: NodeConnectionOptions) =>
  natsStep("connect", () => connect(options)).pipe(
    Effect.catch(({ reason }) =>
      Effect.andThen(
        Effect.logWarning("nats cannot be reached yet", { reason }),
        natsStep("connect", () => connect(options)).pipe(Effect.delay(AGAIN_AFTER_MS), Effect.eventually),
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
 * What a client is told while JetStream has no leader, because too many servers are away or none is chosen yet: nothing, or that it is
 * "temporarily unavailable". A connection that breaks meanwhile is made again.
 */
const PASSING = /^(TimeoutError|ConnectionError|RequestError|JetStreamApiError: JetStream system temporarily)/

/** Repeats a step of a start until JetStream can do it, and logs the first failure. Other failures than having to wait remain. */
export const whenJetStreamCan = <A>(
  step: Effect.Effect<A, StoreUnavailable>,
): Effect.Effect<A, StoreUnavailable> => {
  const mustWait = ({ reason }: StoreUnavailable) => PASSING.test(reason)
  return step.pipe(
    Effect.catchIf(mustWait, ({ step: name, reason }) =>
      Effect.andThen(
        Effect.logWarning("JetStream cannot be asked yet", { step: name, reason }),
        step.pipe(Effect.delay(AGAIN_AFTER_MS), Effect.retry({ while: mustWait })),
      ),
    ),
  )
}

/**
 * Creates a stream if it does not exist. Does not change the limits of an existing stream, which an operator may have
 * set. Any number of processes may do this at once.
 */
export const ensureStream = (
  manager: JetStreamManager,
  config: Partial<StreamConfig> & Pick<StreamConfig, "name">,
): Effect.Effect<StreamInfo, StoreUnavailable> =>
  natsStep("create stream", async () => {
    try {
      return await manager.streams.info(config.name)
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound))
        throw error
      return manager.streams.add(config)
    }
  })

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
