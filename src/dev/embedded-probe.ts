/*
 * The probe of each kind of store: does it answer, which version is it, and which server is it?
 *
 * The identity distinguishes our own server from another one that took its port in the meantime.
 */
import { Effect, Result, Schema } from "effect"
import postgres from "postgres"
import { readAddress } from "../platform/redis-address.ts"
import { openClient } from "../platform/redis-client.ts"

export const ANSWERS_WITHIN_MS = 5_000

export interface ServerAnswer {
  readonly version: string
  /** Redis: the process id. Postgres: the data directory. NATS: the server's name. */
  readonly identity: string
}

/** The server does not answer, or gives a wrong answer. */
export class ProbeError extends Schema.TaggedError<ProbeError>()("ProbeError", {
  cause: Schema.Defect(),
}) {
  override get message() {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

export type Probe = (url: string) => Effect.Effect<ServerAnswer, ProbeError>

export const probeRedis: Probe = (url) =>
  answer(async () => {
    const address = Result.getOrThrowWith(readAddress(url), (expected) => new Error(`expected ${expected}`))
    const patience = { silenceMsMax: ANSWERS_WITHIN_MS, commandMsMax: ANSWERS_WITHIN_MS, retries: 0 }
    // The rejected promise reports the failure.
    const redis = openClient(address, "probe", patience, () => redis.disconnect())
    try {
      await redis.connect()
      const info = await redis.info("server")
      return { version: field(info, "redis_version"), identity: field(info, "process_id") }
    } finally {
      redis.disconnect()
    }
  })

export const probePostgres: Probe = (url) =>
  answer(async () => {
    const sql = postgres(url, {
      max: 1,
      connect_timeout: ANSWERS_WITHIN_MS / 1_000,
      backoff: false,
      fetch_types: false,
    })
    try {
      const [row] = await sql<[{ version: string; identity: string | null }]>`
        select split_part(current_setting('server_version'), ' ', 1) as version,
               case when pg_has_role('pg_read_all_settings', 'usage')
                    then current_setting('data_directory') end as identity`
      return { version: row.version, identity: row.identity ?? "" }
    } finally {
      await sql.end({ timeout: 1 })
    }
  })

/** Turns an answer that a server owes into one within {@link ANSWERS_WITHIN_MS}, twice over; fails with the cause. */
export const answer = (ask: () => Promise<ServerAnswer>): Effect.Effect<ServerAnswer, ProbeError> =>
  Effect.tryPromise({ try: ask, catch: (cause) => new ProbeError({ cause }) }).pipe(
    Effect.timeoutOrElse({
      duration: 2 * ANSWERS_WITHIN_MS,
      orElse: () => Effect.fail(new ProbeError({ cause: new Error("no answer in time") })),
    }),
  )

/** A field of Redis' INFO, whose lines are `name:value`. */
const field = (info: string, name: string): string => {
  const line = info.split("\r\n").find((line) => line.startsWith(`${name}:`))
  return line?.slice(name.length + 1) ?? ""
}
