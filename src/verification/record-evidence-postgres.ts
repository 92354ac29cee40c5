/** Rows about batches in Postgres, as they are. Each statement reads by an index, and a bounded number of rows. */
import { Effect } from "effect"
import type { Sql } from "postgres"
import type { ArchivedChunk } from "../archive/archived-chunk.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Postgres } from "../platform/postgres.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { Place } from "../proof/merkle-tree.ts"
import { partitionOf } from "../streams/partition.ts"
import type {
  AttemptRow,
  BatchRecords,
  CursorRow,
  LeafRow,
  Naming,
  RecordEvidence,
  RecordedTail,
  RootRow,
} from "./evidence.ts"

/** Keys are replaced once in a while. */
const KEYS_MAX = 10_000

/** Rows of a database, in which `followers` have their places in the feeds. It needs no migration, so that a user who may only read can verify. */
export const recordEvidence = (
  { query }: Postgres["Service"],
  partitions: number,
  followers: ReadonlyArray<string>,
): RecordEvidence["Service"] => ({
  records: Effect.fnUntraced(function* (batches) {
    const rows = yield* query("read records", (sql) => readRecords(sql, batches, partitions))
    const byBatch = new Map(rows.map((row) => [row.batch, row]))
    return batches.map((batch) => recordsOf(byBatch.get(batch)))
  }),
  chunks: (batches, after, limit) =>
    query(
      "read archived chunks",
      (sql) => sql<Array<ChunkRow>>`
          select batch, after, version, base, head, codec, events from archived_chunks
          where batch = any(${arrayText(batches)}::text[]) and (batch, after) > (${after.batch}, ${after.after})
          order by batch, after limit ${limit}`,
    ).pipe(Effect.map((rows) => rows.map(chunkOf))),
  attempts: (batches, { batch, item, attempt }, limit) =>
    query(
      "read attempts",
      (sql) => sql<Array<AttemptRow>>`
          select batch, item, attempt, bank from instruction_register
          where batch = any(${arrayText(batches)}::text[])
            and (batch, item, attempt) > (${batch}, ${item}, ${attempt})
          order by batch, item, attempt limit ${limit}`,
    ),
  names: (of, after, limit) =>
    query(
      "list batches",
      (sql) => sql<Array<{ readonly batch: BatchId }>>`${namesOf[of](sql, after, limit)}`,
    ).pipe(Effect.map((rows) => rows.map(({ batch }) => batch))),
  now: query("read the time", (sql) => sql<Array<{ readonly now: Date }>>`select now() as now`).pipe(
    Effect.map(([row]) => row?.now.getTime() ?? 0),
  ),
  unlinkedSince: (since, after, limit) =>
    query(
      "list unlinked logs",
      (sql) => sql<Array<{ readonly batch: BatchId }>>`
          select batch from archived_logs
          where batch > ${after}
            and (unlinked_at >= ${new Date(since).toISOString()} or (unlinked_at is null and unlinking))
          order by batch limit ${limit}`,
    ).pipe(Effect.map((rows) => rows.map(({ batch }) => batch))),
  leaves: (from, limit) =>
    query(
      "read leaves",
      (sql) => sql<Array<LeafRow>>`
        select position::float8 as position, batch, version, head, events_root as "eventsRoot" from proof_leaves
        where position >= ${from} order by position limit ${limit}`,
    ),
  leavesOf: (batches) =>
    query(
      "read leaves of batches",
      (sql) => sql<Array<LeafRow>>`
        select position::float8 as position, batch, version, head, events_root as "eventsRoot" from proof_leaves
        where batch = any(${arrayText(batches)}::text[]) order by position`,
    ),
  treeSize: query(
    "read the size of the tree",
    (sql) => sql<Array<{ readonly size: string }>>`
        select size from proof_tree`,
  ).pipe(Effect.map(([row]) => Number(row?.size ?? 0))),
  nodes: (places) =>
    query(
      "read nodes",
      (sql) => sql<Array<Place & { readonly hash: Buffer | null }>>`
          select hash from unnest(
            ${arrayText(places.map(({ level }) => level))}::int[],
            ${arrayText(places.map(({ position }) => position))}::bigint[]
          ) with ordinality as asked (level, position, place)
          left join proof_nodes using (level, position) order by place`,
    ).pipe(Effect.map((rows) => rows.map(({ hash }) => hash ?? undefined))),
  roots: (after, limit) =>
    query(
      "read roots",
      (sql) => sql<Array<Omit<RootRow, "at"> & { readonly signedAt: Date }>>`
          select number::float8 as number, origin, size::float8 as size, root, signed_at as "signedAt", key_id as "keyId",
            note
          from proof_roots where number > ${after} order by number limit ${limit}`,
    ).pipe(Effect.map((rows) => rows.map(({ signedAt, ...row }) => ({ ...row, at: signedAt.getTime() })))),
  lastRoot: query(
    "find the last root",
    (sql) =>
      sql<Array<{ readonly last: number | null }>>`select max(number)::float8 as last from proof_roots`,
  ).pipe(Effect.map(([row]) => row?.last ?? 0)),
  keys: query(
    "read keys",
    (sql) => sql<Array<{ readonly key: string }>>`
      select public_key as key from proof_keys order by first_used_at desc limit ${KEYS_MAX}`,
  ).pipe(Effect.map((rows) => rows.map(({ key }) => key))),
  cursors: query(
    "read cursors",
    (sql) => sql<Array<Omit<CursorRow, "head"> & { readonly head: string | null }>>`
        select projection as follower, partition, position, case when head_position = position then head end as head
        from projection_checkpoints where projection = any(${arrayText(followers)}::text[])
        order by projection, partition`,
  ).pipe(Effect.map((rows) => rows.map(({ head, ...row }) => ({ ...row, head: head ?? undefined })))),
})

/** Columns of `archived_chunks`. */
interface ChunkRow extends Omit<ArchivedChunk, "events"> {
  readonly events: Uint8Array
}

const chunkOf = ({ events, ...row }: ChunkRow): ArchivedChunk => ({
  ...row,
  events: Buffer.from(events.buffer, events.byteOffset, events.byteLength),
})

interface RecordRow {
  readonly batch: BatchId
  readonly shown_version: number | null
  readonly shown_head: string | null
  readonly shown_closed_at: Date | null
  readonly closed_version: number | null
  readonly closed_head: string
  readonly closed_partition: number
  readonly closed_at: Date
  readonly archived_version: number
  readonly entered_version: number
  readonly log_version: number | null
  readonly log_head: string
  readonly log_partition: number
  readonly log_closed_at: Date
  readonly unlinked_at: Date | null
  readonly tail_version: number | null
  readonly tail_head: string
  readonly accepted: boolean
  readonly answered: ReadonlyArray<RecordedTail> | null
  readonly leaves: ReadonlyArray<
    Omit<LeafRow, "batch" | "eventsRoot"> & { readonly eventsRoot: string }
  > | null
}

/** One statement, so that all rows about a batch are of one moment. */
const readRecords = (sql: Sql, batches: ReadonlyArray<BatchId>, partitions: number) =>
  sql<Array<RecordRow>>`
    select asked.batch,
      shown.version as shown_version, shown.head as shown_head, shown.closed_at as shown_closed_at,
      closed.version as closed_version, closed.head as closed_head, closed.partition as closed_partition,
      closed.closed_at, closed.archived_version, closed.entered_version,
      log.version as log_version, log.head as log_head, log.partition as log_partition,
      log.closed_at as log_closed_at, log.unlinked_at,
      tail.version as tail_version, tail.head as tail_head,
      exists (
        select from accepted_losses
        where accepted_losses.partition = asked.partition
          and accepted_at > coalesce(tail.noted_at, '-infinity'::timestamptz)
      ) as accepted,
      (
        select json_agg(distinct jsonb_build_object('version', answered_version, 'head', answered_head))
        from decision_register where decision_register.batch = asked.batch and answered_version is not null
      ) as answered,
      (
        select json_agg(json_build_object(
          'position', position, 'version', version, 'head', head, 'eventsRoot', encode(events_root, 'hex')
        ))
        from proof_leaves where proof_leaves.batch = asked.batch
      ) as leaves
    from unnest(
      ${arrayText(batches)}::text[],
      ${arrayText(batches.map((batch) => partitionOf(batch, partitions)))}::int[]
    ) as asked (batch, partition)
    left join payout_batches as shown on shown.id = asked.batch
    left join closed_batches as closed on closed.batch = asked.batch
    left join archived_logs as log on log.batch = asked.batch
    left join instruction_tails as tail on tail.batch = asked.batch`

const recordsOf = (row: RecordRow | undefined): BatchRecords => ({
  shown:
    row === undefined || row.shown_version === null
      ? undefined
      : {
          version: row.shown_version,
          head: row.shown_head ?? undefined,
          closedAt: row.shown_closed_at?.getTime(),
        },
  closed:
    row === undefined || row.closed_version === null
      ? undefined
      : {
          version: row.closed_version,
          head: row.closed_head,
          partition: row.closed_partition,
          closedAt: row.closed_at.getTime(),
          archivedVersion: row.archived_version,
          enteredVersion: row.entered_version,
        },
  archived:
    row === undefined || row.log_version === null
      ? undefined
      : {
          version: row.log_version,
          head: row.log_head,
          partition: row.log_partition,
          closedAt: row.log_closed_at.getTime(),
          unlinkedAt: row.unlinked_at?.getTime(),
        },
  tail:
    row === undefined || row.tail_version === null
      ? undefined
      : { version: row.tail_version, head: row.tail_head },
  answered: row?.answered ?? [],
  leaves: (row?.leaves ?? []).map(({ eventsRoot, ...leaf }) => ({
    ...leaf,
    eventsRoot: Buffer.from(eventsRoot, "hex"),
  })),
  isLossAccepted: row?.accepted ?? false,
})

/** Names in order. A batch with attempts has a tail in the register; where it does not, its attempts name it. */
const namesOf: Readonly<Record<Naming, (sql: Sql, after: string, limit: number) => ReturnType<Sql>>> = {
  archive: (sql, after, limit) => sql`
    (select batch from archived_logs where batch > ${after} order by batch limit ${limit})
    union (select distinct batch from archived_chunks where batch > ${after} order by batch limit ${limit})
    order by batch limit ${limit}`,
  "closed batches": (sql, after, limit) =>
    sql`select batch from closed_batches where batch > ${after} order by batch limit ${limit}`,
  "read models": (sql, after, limit) =>
    sql`select id as batch from payout_batches where id > ${after} order by id limit ${limit}`,
  register: (sql, after, limit) => sql`
    (select batch from instruction_tails where batch > ${after} order by batch limit ${limit})
    union (select distinct batch from instruction_register where batch > ${after} order by batch limit ${limit})
    order by batch limit ${limit}`,
  "proof tree": (sql, after, limit) => sql`
    select distinct batch from proof_leaves where batch > ${after} order by batch limit ${limit}`,
}
