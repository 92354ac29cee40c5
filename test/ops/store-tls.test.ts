/**
 * The stores over TLS, each of which asks for our certificate: who is not who they say is refused, with a reason that names it, and
 * certificates are rotated without a restart.
 */
import { renameSync, writeFileSync } from "node:fs"
import { connect } from "@nats-io/transport-node"
import { Effect, Exit, Layer, Redacted } from "effect"
import { afterAll, describe, expect, it, vi } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { serversIn } from "../../src/platform/nats-address.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { openTlsFiles } from "../../src/platform/tls-files.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { type Certificate, newAuthority } from "../certificates.ts"
import { settings } from "../settings.ts"
import {
  type ServerCertificate,
  startTlsNats,
  startTlsPostgres,
  startTlsRedis,
  written,
} from "./tls-stores.ts"

const servers = newAuthority("Servers of the test")
const clients = newAuthority("Clients of the test")
const server = { ...servers.issue("localhost", ["localhost", "127.0.0.1"]), ca: clients.cert }
const onlyNamed = { ...servers.issue("localhost", ["localhost"]), ca: clients.cert }
const expired = { ...servers.issue("localhost", ["localhost"], -2), ca: clients.cert }
/** The role of the embedded Postgres, which compares it with the name on the certificate. */
const ours = clients.issue("atlaspay")

/** The files of a client, as settings of a store; each part may be left out. */
const files = (store: string, ca: string | undefined, own: Certificate | undefined) => {
  const texts = {
    ...(ca === undefined ? {} : { ca }),
    ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
  }
  const { path } = written(texts)
  return Object.fromEntries(
    Object.keys(texts).map((name) => [`${store}_${name.toUpperCase()}_FILE`, path(name)]),
  )
}

const opened: Array<AsyncDisposable> = []
afterAll(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]()
})
const open = async <A extends AsyncDisposable>(starting: Promise<A>): Promise<A> => {
  const started = await starting
  opened.push(started)
  return started
}

/** Everything that is told of an attempt: its failure, and what is logged. Empty if it succeeds. */
const told = async <A, E>(attempt: Effect.Effect<A, E>): Promise<string> => {
  const lines: Array<string> = []
  const exit = await Effect.runPromiseExit(
    attempt.pipe(Effect.timeout(WITHIN_MS), Effect.provide(loggingLayer((line) => lines.push(line)))),
  )
  return Exit.isSuccess(exit) ? "" : `${exit.cause} ${lines.join("\n")}`
}

/** What a server that never lets us in may take: the clients go on trying. */
const WITHIN_MS = 4_000

type Environment = Readonly<Record<string, string>>

const redis = (environment: Environment) =>
  told(
    Effect.scoped(
      Effect.flatMap(RedisConnections, ({ commands }) =>
        Effect.tryPromise(() => commands.set("k", "v")),
      ).pipe(Effect.provide(Layer.fresh(RedisConnections.layer).pipe(Layer.provide(settings(environment))))),
    ),
  )
const postgres = (environment: Environment) =>
  told(
    Effect.scoped(
      Effect.flatMap(Postgres, ({ query }) => query("ping", (sql) => sql`select 1`)).pipe(
        Effect.provide(Layer.fresh(Postgres.layer).pipe(Layer.provide(settings(environment)))),
      ),
    ),
  )
/** Without the layer, which waits until it is let in. */
const nats = (environment: Environment) =>
  told(
    Effect.gen(function* () {
      const { nats } = yield* AppConfig
      const tls = yield* Effect.fromResult(openTlsFiles("NATS", nats.tls, () => undefined))
      const options = { ...serversIn(Redacted.value(nats.url), tls), reconnect: false }
      const connection = yield* Effect.tryPromise({ try: () => connect(options), catch: String })
      yield* Effect.promise(() => connection.close())
    }).pipe(Effect.provide(settings(environment))),
  )

/** Each store: how it is started, its URL by a host, and how it is used. */
const stores = [
  {
    store: "REDIS",
    use: redis,
    start: async (certificate: ServerCertificate) => {
      const { port } = await open(startTlsRedis(certificate, ["--tls-auth-clients", "yes"]))
      return (host: string) => ({ REDIS_URL: `rediss://${host}:${port}` })
    },
  },
  {
    store: "DATABASE",
    use: postgres,
    start: async (certificate: ServerCertificate) => {
      const { url } = await open(startTlsPostgres(certificate))
      return (host: string) => ({ DATABASE_URL: `${url.replace("127.0.0.1", host)}?sslmode=verify-full` })
    },
  },
  {
    store: "NATS",
    use: nats,
    start: async (certificate: ServerCertificate) => {
      const { port } = await open(startTlsNats(certificate))
      return (host: string) => ({ NATS_URL: `tls://${host}:${port}` })
    },
  },
] as const

describe.each(stores)("$store over TLS", ({ store, start, use }) => {
  it("lets us in by our certificate, by its name and by its address, and refuses what cannot be believed", async () => {
    const url = await start(server)
    const good = files(store, servers.cert, ours)
    expect(await use({ ...url("localhost"), ...good })).toBe("")
    expect(await use({ ...url("127.0.0.1"), ...good })).toBe("")
    // Nobody that we believe vouches for it.
    expect(await use({ ...url("localhost"), ...files(store, undefined, ours) })).toMatch(
      /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify|SELF_SIGNED/,
    )
    expect(await use({ ...url("localhost"), ...files(store, clients.cert, ours) })).toMatch(
      /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify|CERT_SIGNATURE_FAILURE|UNABLE_TO_GET_ISSUER/,
    )
    // It does not believe us.
    expect(await use({ ...url("localhost"), ...files(store, servers.cert, undefined) })).toMatch(
      /CERTIFICATE_REQUIRED|certificate required|bad certificate|28000|HANDSHAKE_FAILURE|ECONNRESET/i,
    )
    expect(
      await use({ ...url("localhost"), ...files(store, servers.cert, servers.issue("atlaspay")) }),
    ).toMatch(/UNKNOWN_CA|unknown ca|28000|BAD_CERTIFICATE|bad certificate|ECONNRESET/i)
  })

  it("refuses a server of another name, and one whose certificate has ended", async () => {
    const good = files(store, servers.cert, ours)
    const named = await start(onlyNamed)
    expect(await use({ ...named("localhost"), ...good })).toBe("")
    expect(await use({ ...named("127.0.0.1"), ...good })).toMatch(/ALTNAME_INVALID|altnames|does not match/i)
    const ended = await start(expired)
    expect(await use({ ...ended("localhost"), ...good })).toMatch(/CERT_HAS_EXPIRED|expired/)
  })
})

it("a certificate that is replaced is used by the next connection, and one that cannot be used leaves the last", async () => {
  const { port } = await open(startTlsRedis(server, ["--tls-auth-clients", "yes"]))
  const stranger = servers.issue("atlaspay")
  const paths = files("REDIS", servers.cert, ours)
  const replace = (name: string, text: string) => {
    const path = paths[`REDIS_${name}_FILE`] ?? ""
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const lines: Array<string> = []
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { readers } = yield* RedisConnections
        // Each of them is a connection of its own.
        const connected = Effect.flatMap(readers(1_000, ["key"]), ([reader]) =>
          Effect.tryPromise(async () => reader?.client.ping()),
        ).pipe(Effect.timeout(WITHIN_MS), Effect.exit)
        const answer = Effect.map(connected, (exit) => (Exit.isSuccess(exit) ? exit.value : "refused"))
        expect(yield* answer).toBe("PONG")
        replace("KEY", stranger.key)
        expect(yield* answer, "half of a change").toBe("PONG")
        expect(lines.join()).toContain("REDIS_KEY_FILE")
        replace("CERT", stranger.cert)
        expect(yield* answer).toBe("refused")
        const next = clients.issue("atlaspay")
        replace("CERT", next.cert)
        replace("KEY", next.key)
        expect(yield* answer).toBe("PONG")
      }).pipe(
        Effect.provide(
          Layer.fresh(RedisConnections.layer).pipe(
            Layer.provide(settings({ REDIS_URL: `rediss://localhost:${port}`, ...paths })),
            Layer.provideMerge(loggingLayer((line) => lines.push(line))),
          ),
        ),
      ),
    ),
  )
})

it("a cluster is reached with our certificate, too", async () => {
  const { port } = await open(
    startTlsRedis(server, [
      "--tls-auth-clients",
      "yes",
      "--cluster-enabled",
      "yes",
      "--cluster-announce-ip",
      "127.0.0.1",
      "--tls-cluster",
      "yes",
    ]),
  )
  const good = files("REDIS", servers.cert, ours)
  await Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(RedisConnections, ({ commands }) =>
        Effect.promise(() => commands.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")),
      ).pipe(
        Effect.provide(
          Layer.fresh(RedisConnections.layer).pipe(
            Layer.provide(settings({ REDIS_URL: `rediss://localhost:${port}`, ...good })),
          ),
        ),
      ),
    ),
  )
  await vi.waitUntil(
    async () => (await redis({ REDIS_URL: `rediss+cluster://127.0.0.1:${port}`, ...good })) === "",
    {
      timeout: 15_000,
      interval: 500,
    },
  )
  expect(
    await redis({
      REDIS_URL: `rediss+cluster://127.0.0.1:${port}`,
      ...files("REDIS", servers.cert, undefined),
    }),
  ).not.toBe("")
})
