/**
 * The archive's tables. Each method is one statement: a chunk of a log and that the log is archived up to it come together, so the
 * archive has no chunk that no log covers, whoever dies when. All times are Postgres' own.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { LogTail } from "../register/log-tail.ts"
import { upsertTails } from "../register/postgres-tails.ts"
import { chainStart } from "../streams/hash-chain.ts"
import {
  type ArchiveCount,
  type ArchiveStanding,
  ArchiveStore,
  type DueLog,
  type DueUnlinking,
  type NextChunk,
  type ShownChunk,
  type Wanted,
} from "./archive-store.ts"

/** After a failure a log waits for a minute, then twice as long each time, and at most a day. */
const RETRY_MS = 60_000
const RETRY_DOUBLINGS_MAX = 11
const RETRY_MS_MAX = 24 * 3_600_000

export const layer = Layer.effect(
  ArchiveStore,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ArchiveStore.of({
      claim: Effect.fn("ArchiveStore.claim")(function* (wanted, limit, holdMs) {
        const rows = yield* query("claim logs to archive", (sql) => claim(sql, wanted, limit, holdMs))
        return rows.map(dueOf)
      }),
      append: Effect.fn("ArchiveStore.append")(function* (chunks) {
        if (chunks.length === 0) return new Set()
        const rows = yield* query("archive chunks", (sql) => append(sql, chunks))
        return new Set(rows.map(({ batch }) => batch))
      }),
      verified: Effect.fn("ArchiveStore.verified")(function* (tails) {
        if (tails.length > 0) yield* query("note verified logs", (sql) => verified(sql, tails))
      }),
      failed: Effect.fn("ArchiveStore.failed")(function* (batch, afterMs) {
        yield* query(
          "note a log that cannot be archived",
          (sql) => sql`
            update closed_batches set
              archive_failures = archive_failures + 1,
              archive_at = now() + ${milliseconds(sql, -afterMs)} + least(
                ${milliseconds(sql, RETRY_MS)} * power(2, least(archive_failures, ${RETRY_DOUBLINGS_MAX})),
                ${milliseconds(sql, RETRY_MS_MAX)}
              )
            where batch = ${batch}`,
        )
      }),
      claimUnlinkings: Effect.fn("ArchiveStore.claimUnlinkings")(function* (wanted, limit, holdMs, without) {
        const rows = yield* query("claim logs to unlink", (sql) =>
          claimUnlinkings(sql, wanted, limit, holdMs, without),
        )
        return rows.map(
          ({ reserved_name, ...log }): DueUnlinking => ({ ...log, reservedName: reserved_name ?? undefined }),
        )
      }),
      unlinked: Effect.fn("ArchiveStore.unlinked")(function* (tails) {
        if (tails.length === 0) return
        yield* query(
          "note unlinked logs",
          (sql) => sql`
            update archived_logs as log set unlinked_at = now(), unlinking = false
            from ${tailRows(sql, tails)}
            where log.batch = tail.batch and log.version = tail.version and log.head = tail.head
              and unlinked_at is null`,
        )
      }),
      kept: Effect.fn("ArchiveStore.kept")(function* ({ batch, version, head }, waitMs, afterMs) {
        yield* query(
          "note a log that stays in Redis",
          (sql) => sql`
            update archived_logs set unlinking = false, unlink_at = now() + ${milliseconds(sql, waitMs - afterMs)}
            where batch = ${batch} and version = ${version} and head = ${head} and unlinked_at is null`,
        )
      }),
      restored: Effect.fn("ArchiveStore.restored")(function* (batches, olderThanMs) {
        if (batches.length === 0) return
        yield* query(
          "note restored logs",
          (sql) => sql`
            update archived_logs set unlinked_at = null, unlinking = false, unlink_at = now()
            where batch = any(${arrayText(batches)}::text[])
              and unlinked_at < now() - ${milliseconds(sql, olderThanMs)}`,
        )
      }),
      counts: query(
        "count unlinked logs",
        (sql) => sql<Array<ArchiveCount>>`
          select partition, unlinked::int as unlinked, unlinking::int as unlinking from archive_counts order by partition`,
      ),
      overdueMs: Effect.fn("ArchiveStore.overdueMs")(function* (afterMs) {
        const [row] = yield* query(
          "look for the longest wait",
          (sql) => sql<Array<{ readonly waited: string | null }>>`
            select extract(epoch from now() - min(archive_at)) * 1000 as waited
            from closed_batches where archived_version < version`,
        )
        return Math.max(0, Number(row?.waited ?? 0) - afterMs)
      }),
      standing: query("count what is archived", standing),
      chunks: Effect.fn("ArchiveStore.chunks")(function* (batch, after, limit) {
        return yield* query(
          "list archived chunks",
          (sql) => sql<Array<ShownChunk>>`
            select after, version, base, head, codec, octet_length(events) as bytes
            from archived_chunks where batch = ${batch} and after >= ${after} order by after limit ${limit}`,
        )
      }),
    })
  }),
)

const milliseconds = (sql: Sql, ms: number) => sql`${ms}::float8 * interval '1 millisecond'`

interface DueRow {
  readonly batch: BatchId
  readonly partition: number
  readonly version: number
  readonly head: string
  readonly closed_at: Date
  readonly archived_version: number | null
  readonly archived_head: string | null
  readonly noted_version: number | null
  readonly noted_head: string | null
}

const dueOf = ({ batch, partition, version, head, closed_at, ...row }: DueRow): DueLog => ({
  batch,
  partition,
  version,
  head,
  closedAt: closed_at.getTime(),
  archived: { batch, version: row.archived_version ?? 0, head: row.archived_head ?? chainStart(batch) },
  noted:
    row.noted_version === null || row.noted_head === null
      ? undefined
      : { batch, version: row.noted_version, head: row.noted_head },
})

const claim = (sql: Sql, { afterMs, which }: Wanted, limit: number, holdMs: number) => {
  const due =
    which === "due"
      ? sql`archive_at <= now() - ${milliseconds(sql, afterMs)} order by archive_at, batch`
      : "batches" in which
        ? sql`batch = any(${arrayText(which.batches)}::text[]) order by batch`
        : sql`batch > ${which.after} order by batch`
  return sql<Array<DueRow>>`
    with due as (
      select batch from closed_batches where archived_version < version and ${due}
      limit ${limit} for update skip locked
    ), held as (
      update closed_batches as closed set archive_at = now() + ${milliseconds(sql, holdMs - afterMs)}
      from due where closed.batch = due.batch
      returning closed.batch, closed.partition, closed.version, closed.head, closed.closed_at
    )
    select held.*, log.version as archived_version, log.head as archived_head,
      noted.version as noted_version, noted.head as noted_head
    from held
    left join archived_logs as log using (batch)
    left join instruction_tails as noted using (batch)
    order by held.batch`
}

/** A log only goes on where the archive ends, so of two archivers one stores a chunk, and a repetition stores nothing. */
const append = (sql: Sql, chunks: ReadonlyArray<NextChunk>) => {
  const column = (of: (next: NextChunk) => string | number | null) => arrayText(chunks.map(of))
  return sql<Array<{ readonly batch: BatchId }>>`
    with given as (
      select * from unnest(
        ${column(({ chunk }) => chunk.batch)}::text[], ${column(({ partition }) => partition)}::int[],
        ${column(({ chunk }) => chunk.after)}::int[], ${column(({ chunk }) => chunk.version)}::int[],
        ${column(({ chunk }) => chunk.base)}::text[], ${column(({ chunk }) => chunk.head)}::text[],
        ${column(({ chunk }) => chunk.codec)}::text[],
        ${column(({ chunk }) => `\\x${chunk.events.toString("hex")}`)}::bytea[],
        ${column(({ closedAt }) => new Date(closedAt).toISOString())}::timestamptz[],
        ${column(({ reservedName }) => reservedName ?? null)}::text[]
      ) as given (batch, partition, after, version, base, head, codec, events, closed_at, reserved_name)
    ), moved as (
      insert into archived_logs (batch, partition, version, head, closed_at, reserved_name)
      select batch, partition, version, head, closed_at, reserved_name from given
      where after = 0 or exists (select from archived_logs as log where log.batch = given.batch)
      order by batch
      on conflict (batch) do update set
        version = excluded.version, head = excluded.head, archived_at = now(),
        unlinked_at = null, unlinking = false, unlink_at = now()
      where exists (
        select from given where given.batch = excluded.batch
          and given.after = archived_logs.version and given.base = archived_logs.head
      )
      returning batch
    ), stored as (
      insert into archived_chunks (batch, after, version, base, head, codec, events)
      select batch, after, version, base, head, codec, events from given join moved using (batch)
      -- What was put there by nobody of ours is found when the log is verified.
      on conflict do nothing
    )
    select batch from moved`
}

const tailRows = (sql: Sql, tails: ReadonlyArray<LogTail>) => sql`unnest(
  ${arrayText(tails.map(({ batch }) => batch))}::text[],
  ${arrayText(tails.map(({ version }) => version))}::int[],
  ${arrayText(tails.map(({ head }) => head))}::text[]
) as tail (batch, version, head)`

/** The tail goes to the registers as well: a Redis that comes back with a shorter log, or another one, pays nobody from it. */
const verified = (sql: Sql, tails: ReadonlyArray<LogTail>) => sql`
  with ${upsertTails(sql, tails)}
  update closed_batches as closed set
    archived_version = greatest(closed.archived_version, tail.version), archive_failures = 0
  from ${tailRows(sql, tails)} join archived_logs as log on log.batch = tail.batch and log.version >= tail.version
  where closed.batch = tail.batch`

type UnlinkingRow = Omit<DueUnlinking, "reservedName"> & { readonly reserved_name: BatchId | null }

const claimUnlinkings = (
  sql: Sql,
  { afterMs, which }: Wanted,
  limit: number,
  holdMs: number,
  without: ReadonlyArray<number>,
) => {
  const due =
    which === "due"
      ? sql`log.unlink_at <= now() - ${milliseconds(sql, afterMs)} order by log.unlink_at, batch`
      : "batches" in which
        ? sql`batch = any(${arrayText(which.batches)}::text[]) order by batch`
        : sql`batch > ${which.after} order by batch`
  return sql<Array<UnlinkingRow>>`
    with due as (
      select batch from archived_logs as log join closed_batches as closed using (batch)
      where log.unlinked_at is null and closed.version = log.version and closed.archived_version = log.version
        and log.partition <> all(${arrayText(without)}::int[])
        and not exists (
          select from instruction_tails as noted where noted.batch = log.batch and noted.version > log.version
        )
        and ${due}
      limit ${limit} for update of log skip locked
    )
    update archived_logs as log set unlinking = true, unlink_at = now() + ${milliseconds(sql, holdMs - afterMs)}
    from due where log.batch = due.batch
    returning log.batch, log.partition, log.version, log.head, log.reserved_name`
}

const standing = (sql: Sql) => sql<Array<ArchiveStanding>>`
  select partition, coalesce(archived, 0)::int as archived, coalesce(unlinked, 0)::int as unlinked,
    coalesce(unlinking, 0)::int as unlinking, coalesce(waiting, 0)::int as waiting, coalesce(failing, 0)::int as failing
  from (
    select partition, count(*) as archived, count(unlinked_at) as unlinked,
      count(*) filter (where unlinked_at is null and unlinking) as unlinking
    from archived_logs group by partition
  ) as logs
  full join (
    select partition, count(*) as waiting, count(*) filter (where archive_failures > 0) as failing
    from closed_batches where archived_version < version group by partition
  ) as batches using (partition)
  order by partition`
