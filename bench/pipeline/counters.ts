/** What Redis, Postgres and NATS report about the work that they did. */
import { jetstreamManager } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"
import type { Redis } from "ioredis"
import type { Sql } from "postgres"

/** Counters that only grow. */
export interface Counters {
  /** Commands, including those inside of functions. */
  readonly redisCommands: number
  readonly redisFunctionCalls: number
  /** In and out. */
  readonly redisNetBytes: number
  /** The growth of the append-only file, which is not rewritten meanwhile. Redis does not count its syncs. */
  readonly redisAofBytes: number
  readonly postgresWalBytes: number
  readonly postgresWalSyncs: number
  readonly postgresCommits: number
  /** Messages in the stream of events. */
  readonly natsMessages: number
  readonly natsBytes: number
}

export interface Connections {
  readonly redis: Redis
  readonly sql: Sql
  readonly nats: NatsConnection
}

/** Reads the counters; `stream` is the stream of events, which may not exist yet. */
export const readCounters = async ({ redis, sql, nats }: Connections, stream: string): Promise<Counters> => {
  const info = await redis.info("everything")
  const of = (field: string) => Number(new RegExp(`^${field}:(?:calls=)?([0-9.]+)`, "m").exec(info)?.[1] ?? 0)
  const { messages, bytes } = await streamState(nats, stream)
  return {
    redisCommands: of("total_commands_processed"),
    redisFunctionCalls: of("cmdstat_fcall"),
    redisNetBytes: of("total_net_input_bytes") + of("total_net_output_bytes"),
    redisAofBytes: of("aof_current_size"),
    ...(await postgresCounters(sql)),
    natsMessages: messages,
    natsBytes: bytes,
  }
}

/** From version 18 on, Postgres counts the syncs of its log beside those of other files. */
const postgresCounters = async (sql: Sql) => {
  const [version] = await sql<Array<{ number: number }>>`
    select current_setting('server_version_num')::int as number`
  const syncs =
    (version?.number ?? 0) >= 180_000
      ? sql`select coalesce(sum(fsyncs), 0) from pg_stat_io where object = 'wal'`
      : sql`select wal_sync from pg_stat_wal`
  const [row] = await sql<Array<{ bytes: number; syncs: number; commits: number }>>`
    select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes, (${syncs})::float8 as syncs,
      (select sum(xact_commit)::float8 from pg_stat_database) as commits`
  if (row === undefined) throw new Error("Postgres does not show its counters")
  return { postgresWalBytes: row.bytes, postgresWalSyncs: row.syncs, postgresCommits: row.commits }
}

const streamState = async (nats: NatsConnection, stream: string) => {
  const manager = await jetstreamManager(nats)
  for await (const { config, state } of manager.streams.list()) if (config.name === stream) return state
  return { messages: 0, bytes: 0 }
}
