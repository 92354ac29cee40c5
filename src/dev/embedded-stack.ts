/*
 * The local stack: real Redis, Postgres and NATS servers for a machine that has none.
 *
 * A server whose URL is in the environment is used as it is. The others run on free loopback ports with their data
 * below `dataDir`. They end with the scope, with this process, or with its crash.
 */
import { Effect, Scope } from "effect"
import type { RunningServer, ServerKind, StackError } from "./embedded-kind.ts"
import { nats } from "./embedded-nats.ts"
import { postgres } from "./embedded-postgres.ts"
import { findPrograms } from "./embedded-programs.mjs"
import { redis } from "./embedded-redis.ts"
import { useGivenServer } from "./embedded-server.ts"
import { freePort } from "./embedded-start.ts"
import { describe, makeFolders, useEmbedded } from "./embedded-stores.ts"

export { type RunningServer, StackError } from "./embedded-kind.ts"

export interface StackUrls {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly natsUrl: string
}

export interface Stack extends StackUrls {
  /** Redis, Postgres and NATS, in this order. */
  readonly servers: ReadonlyArray<RunningServer>
}

export interface StackOptions {
  /** For the data, the logs in `logs/`, and locks and records in `run/`. Created if it is missing. */
  readonly dataDir: string
  /** Servers to use as they are; by default those in the environment. */
  readonly given?: Partial<StackUrls>
  /** Gets one line for each server when it is ready. */
  readonly onProgress?: (line: string) => void
  /** The port to listen on; by default any free one. */
  readonly port?: Effect.Effect<number>
}

/** The URLs in REDIS_URL, DATABASE_URL and NATS_URL. An empty variable counts as missing. */
export const givenUrls = (environment = process.env): Partial<StackUrls> => ({
  ...(environment.REDIS_URL ? { redisUrl: environment.REDIS_URL } : {}),
  ...(environment.DATABASE_URL ? { databaseUrl: environment.DATABASE_URL } : {}),
  ...(environment.NATS_URL ? { natsUrl: environment.NATS_URL } : {}),
})

/**
 * A running stack: a server whose URL is given is used, one that another live process runs on this data folder is
 * attached to, and any other is started, all three side by side. Servers that were started here end with the scope;
 * the others are left alone.
 */
export const startStack = Effect.fn("startStack")(function* (
  options: StackOptions,
): Effect.fn.Return<Stack, StackError, Scope.Scope> {
  const given = options.given ?? givenUrls()
  const folders = yield* makeFolders(options.dataDir)
  const programs = findPrograms(folders.data)
  const stopSideBySide = yield* Scope.fork(yield* Effect.scope, "parallel")
  const use = (kind: ServerKind, url: string | undefined) =>
    (url === undefined
      ? useEmbedded(kind, programs, folders, options.port ?? freePort)
      : useGivenServer(kind, url)
    ).pipe(Effect.tap((server) => Effect.sync(() => options.onProgress?.(describe(server)))))
  const servers = yield* Effect.all(
    [use(redis, given.redisUrl), use(postgres, given.databaseUrl), use(nats, given.natsUrl)],
    { concurrency: "unbounded" },
  ).pipe(Scope.provide(stopSideBySide))
  return { redisUrl: servers[0].url, databaseUrl: servers[1].url, natsUrl: servers[2].url, servers }
})
