/** The archive as the event store and the mailbox see it, in Postgres. It only reads. */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { CorruptEntry } from "../streams/event-store.ts"
import { chainStart } from "../streams/hash-chain.ts"
import { LogArchive } from "../streams/log-archive.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"
import { unpacked } from "./archived-chunk.ts"
import { type ChunkRow, chunkOf, type LogRow, logOf } from "./archived-rows-postgres.ts"

export const layer = Layer.effect(
  LogArchive,
  Effect.gen(function* () {
    const { query } = yield* Database
    return LogArchive.of({
      find: Effect.fn("LogArchive.find")(function* (batch) {
        const [row] = yield* query(
          "find an archived log",
          (sql) => sql<Array<LogRow>>`
            select batch, version, head, archived_at, unlinked_at, reserved_name from archived_logs where batch = ${batch}`,
        )
        return row && logOf(row)
      }),
      entries: readingEntries(query),
      reservedFor: Effect.fn("LogArchive.reservedFor")(function* (name) {
        const [row] = yield* query(
          "find an archived reservation",
          (sql) => sql<Array<{ readonly batch: BatchId }>>`
            select batch from archived_logs where reserved_name = ${name} order by batch limit 1`,
        )
        return row?.batch
      }),
      logs: Effect.fn("LogArchive.logs")(function* (after, limit) {
        const rows = yield* query(
          "list archived logs",
          (sql) => sql<Array<LogRow>>`
            select batch, version, head, archived_at, unlinked_at, reserved_name
            from archived_logs where batch > ${after} order by batch limit ${limit}`,
        )
        return rows.map(logOf)
      }),
      unlinkedCounts: query(
        "count logs that may have left Redis",
        (sql) => sql<Array<{ readonly partition: number; readonly unlinked: number }>>`
          select partition, (unlinked + unlinking)::int as unlinked from archive_counts`,
      ).pipe(
        Effect.map((rows) => new Map(rows.map(({ partition, unlinked }) => [partition, unlinked] as const))),
      ),
    })
  }),
)

/** Chunks that one query reads. A late return makes a chunk of few events, so a log may have many. */
const CHUNKS_READ_MAX = 16

/** A chunk beside the version and hash of its log; only these if the log has no chunk that was asked for. */
type ReadRow = { readonly log_version: number; readonly log_head: string } & (
  | ChunkRow
  | { readonly after: null }
)

/** The chunks with events after a version up to another one, in order, the first ones of them. */
const chunksWithin = (query: Database["Service"]["query"], batch: BatchId, after: number, to: number) =>
  query(
    "read archived chunks",
    (sql) => sql<Array<ReadRow>>`
      select log.version as log_version, log.head as log_head,
        batch, chunk.after, chunk.version, chunk.base, chunk.head, chunk.codec, chunk.events
      from archived_logs as log
      left join lateral (
        select * from archived_chunks as chunk
        where chunk.batch = log.batch and chunk.version > ${after} and chunk.after < ${to}
      ) as chunk using (batch)
      where batch = ${batch}
      order by chunk.after limit ${CHUNKS_READ_MAX}`,
  )

/** Gives fewer entries than asked for only where the log ends. Decompresses only the chunks that they are in, one at a time. */
const readingEntries = (query: Database["Service"]["query"]): LogArchive["Service"]["entries"] =>
  Effect.fn("LogArchive.entries")(function* (batch, after, limit) {
    const entries: Array<StreamEntry> = []
    let [version, head] = [after, after === 0 ? chainStart(batch) : undefined]
    while (entries.length < limit) {
      const rows = yield* chunksWithin(query, batch, version, after + limit)
      const log = rows[0]
      if (log === undefined || version >= log.log_version) return entries
      for (const row of rows) {
        const corrupt = (reason: string) =>
          new CorruptEntry({ batch, entry: `${version + 1}-0`, reason: `the archive ${reason}` })
        if (row.after === null) return yield* corrupt("has no chunk with it")
        if (head === undefined ? row.after > version : row.after !== version)
          return yield* corrupt("has a gap before it")
        if (head !== undefined && row.base !== head)
          return yield* corrupt("has a chunk that does not follow from the one before")
        const from = version - row.after
        entries.push(...(yield* unpacked(chunkOf(row))).slice(from, from + limit - entries.length))
        ;[version, head] = [row.version, row.head]
        if (version >= log.log_version && (version > log.log_version || head !== log.log_head))
          return yield* corrupt("ends with another hash than its log has")
        if (entries.length >= limit) break
      }
    }
    return entries
  })
