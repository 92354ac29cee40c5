/**
 * The stand of `npm run bench:events`: real and empty Redis, Postgres and NATS, the receiver of webhooks, and parts of the service,
 * each in a process of its own. All of it ends with the scope; only the logs stay.
 */
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import { ConfigProvider, Effect, Layer, Logger, type Scope } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { spawnLeashed } from "../../src/dev/leashed-process.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { asCliFailure, CliFailure } from "../../src/terminal/cli-failure.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layer as endpointsInPostgres } from "../../src/webhooks/endpoints-postgres.ts"
import { newMasterKeys } from "../engine/engine.ts"
import type { Parts } from "../pipeline/processor-time.ts"
import { attempted, type Connections, connectTo, serverProcesses, startProgram } from "../pipeline/stand.ts"
import { emptyFolder } from "../stand.ts"
import type { Written } from "./engine.ts"
import type { Part } from "./part.ts"
import type { Received } from "./receiver.ts"

/** A database and a stream of events for one measurement. */
export interface Place {
  readonly stream: string
  readonly settings: Readonly<Record<string, string>>
}

/** A partner's endpoint: `quick` ones answer at once, others hang. `host` is the last part of its address, 1 by default. */
export interface NewEndpoint {
  readonly partner: string
  readonly quick: boolean
  readonly host?: number
}

/** Batches to pay: those of the warm-up come before those that are measured. */
export interface Batches {
  readonly warmUp: number
  readonly measured: number
}

export interface EventsStand extends Connections {
  readonly manager: JetStreamManager
  /** Servers and receiver. */
  readonly processes: Parts
  /** Runs the engine until its batches are paid; their logs come to those of the place. */
  readonly fillLogs: (place: Place, batches: Batches) => Effect.Effect<Written, CliFailure, Scope.Scope>
  /** A new one on the shared logs, or on its own. `stream` is that of another place, to read what was published there. */
  readonly newPlace: (of?: {
    readonly logs?: "own"
    readonly stream?: string
  }) => Effect.Effect<Place, CliFailure>
  /** Adds endpoints in a place, and lets the receiver know their secrets. */
  readonly addEndpoints: (
    place: Place,
    endpoints: ReadonlyArray<NewEndpoint>,
  ) => Effect.Effect<void, CliFailure>
  /** Starts a part of the service, which works until the scope closes. */
  readonly start: (part: Part, place: Place) => Effect.Effect<Parts, CliFailure, Scope.Scope>
  /** What the receiver got since it was last emptied; with the latencies only if asked. */
  readonly received: (with_?: "latencies") => Promise<Received>
  readonly emptyReceiver: () => Promise<void>
}

const ENGINE_MS_MAX = 600_000
const PREFIX = "bench-events"
/** More hosts than any measurement has endpoints. */
export const HOSTS_MAX = 128

/** Starts everything in `folder`, an absolute path that no other process may use. */
export const startEventsStand = Effect.fn("startEventsStand")(function* (
  folder: string,
  report: (line: string) => void,
): Effect.fn.Return<EventsStand, CliFailure, Scope.Scope> {
  yield* emptyFolder(folder)
  const stack = yield* startStack({ dataDir: folder, given: {}, onProgress: report }).pipe(
    Effect.mapError(asCliFailure),
  )
  const receiver = yield* startProgram(folder, "receiver", "../events/receiver.ts", [String(HOSTS_MAX)])
  const connections = yield* connectTo(stack)
  const settings = {
    ...providersNobodyCalls,
    API_KEYS: "bench=bench",
    REDIS_URL: stack.redisUrl,
    NATS_URL: stack.natsUrl,
    MASTER_KEYS: newMasterKeys(),
    WEBHOOKS_ALLOW_PRIVATE: "true",
    NODE_OPTIONS: "--max-semi-space-size=64",
  }
  const receiverAt = (host: number) => `http://127.0.0.${host}:${receiver.line}`
  let places = 0
  let batchesPaid = 0
  let parts = 0

  const newPlace: EventsStand["newPlace"] = ({ logs, stream } = {}) =>
    attempted(async () => {
      places += 1
      const name = `place_${places}`
      await connections.sql.unsafe(`create database ${name}`)
      const url = new URL(stack.databaseUrl)
      url.pathname = `/${name}`
      const own = {
        NATS_STREAM: stream ?? `PLACE${places}`,
        DATABASE_URL: url.href,
        STREAM_PREFIX: logs === undefined ? PREFIX : `${PREFIX}-${places}`,
      }
      return { stream: own.NATS_STREAM, settings: { ...settings, ...own } }
    })

  return {
    ...connections,
    manager: yield* attempted(() => jetstreamManager(connections.nats)),
    processes: {
      ...(yield* attempted(() => serverProcesses(folder, connections))),
      receiver: [receiver.process.pid],
    },
    fillLogs: Effect.fnUntraced(function* ({ settings }, batches) {
      const first = batchesPaid
      batchesPaid += batches.warmUp + batches.measured
      return yield* runEngine(folder, settings, batches, first)
    }),
    newPlace,
    addEndpoints: Effect.fnUntraced(function* (place, endpoints) {
      const created = yield* createEndpoints(
        place,
        endpoints.map(({ partner, quick, host = 1 }) => ({
          partner,
          url: `${receiverAt(host)}/${quick ? "quick" : "hang"}/${partner}`,
        })),
      )
      for (const { partner, secret } of created)
        yield* attempted(async () => {
          const { ok } = await fetch(`${receiverAt(1)}/secrets/${partner}`, { method: "PUT", body: secret })
          if (!ok) throw new Error("the receiver of webhooks refused a secret")
        })
    }),
    start: Effect.fnUntraced(function* (part, place) {
      parts += 1
      const name = `${parts}-${part.replaceAll(" ", "-")}`
      const { process } = yield* startProgram(folder, name, "../events/part.ts", [part], place.settings)
      return { [part]: [process.pid] }
    }),
    received: async (what) =>
      (await fetch(`${receiverAt(1)}/received/${what ?? ""}`)).json() as Promise<Received>,
    emptyReceiver: async () => {
      await fetch(`${receiverAt(1)}/received`, { method: "DELETE" })
    },
  }
})

/** The settings ask for providers, which no part here calls. */
const providersNobodyCalls = {
  COMPLIANCE_URL: "http://127.0.0.1:9",
  LEDGER_URL: "http://127.0.0.1:9",
  BANKS: "north=http://127.0.0.1:9",
  BANK_ROUTES: "*=north",
  BANK_CALLBACK_SECRET: "whsec_YmVuY2g=",
}

/** The settings of a place as the service reads them. */
export const settingsOf = ({ settings }: Place) =>
  AppConfig.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings))))

/** Creates endpoints as the API does, and gives their secrets in their order. */
const createEndpoints = (
  place: Place,
  endpoints: ReadonlyArray<{ readonly partner: string; readonly url: string }>,
) =>
  Effect.gen(function* () {
    const { create } = yield* WebhookEndpoints
    return yield* Effect.forEach(endpoints, (wanted) =>
      Effect.map(create(wanted), ({ secret }) => ({ partner: wanted.partner, secret })),
    )
  }).pipe(
    Effect.provide(
      endpointsInPostgres.pipe(
        Layer.provide(partnerKeysOnRedis),
        Layer.provide(Database.layer),
        Layer.provide(Layer.mergeAll(RedisConnections.layer, Postgres.layer)),
        Layer.provide(settingsOf(place)),
        Layer.provide(Logger.layer([])),
      ),
    ),
    Effect.mapError((error) => new CliFailure({ reason: String(error) })),
  )

const runEngine = Effect.fnUntraced(function* (
  folder: string,
  settings: Readonly<Record<string, string>>,
  { warmUp, measured }: Batches,
  first: number,
): Effect.fn.Return<Written, CliFailure, Scope.Scope> {
  const logFile = `${folder}/logs/engine.log`
  const engine = yield* spawnLeashed({
    command: process.execPath,
    args: [
      fileURLToPath(new URL("engine.ts", import.meta.url)),
      ...["--first", String(first), "--warm-up", String(warmUp), "--batches", String(measured)],
    ],
    env: { PATH: process.env.PATH, ...settings },
    logFile,
    stdout: "pipe",
  }).pipe(Effect.mapError(asCliFailure))
  const failed = new CliFailure({ reason: `The engine did not fill the logs; ${logFile} says why.` })
  const last = yield* Effect.promise(() => lastLine(engine.stdout)).pipe(
    Effect.timeoutOrElse({ duration: ENGINE_MS_MAX, orElse: () => Effect.fail(failed) }),
  )
  if (!last.startsWith("{")) return yield* failed
  return JSON.parse(last) as Written
})

const lastLine = async (output: Readable | null): Promise<string> => {
  let last = ""
  if (output !== null) for await (const line of createInterface(output)) last = line
  return last
}
