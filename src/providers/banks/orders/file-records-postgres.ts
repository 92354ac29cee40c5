/** The part of the log of files that Postgres has, and restoring files from the log. Each method may be repeated. */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../../../database/database.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import type { FileLogTail, FileRecord } from "../../../streams/file-log.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { FileRecords, type UnloggedFile } from "./file-records.ts"

/** The records, in the tables beside the files. */
export const layer = Layer.effect(
  FileRecords,
  Effect.gen(function* () {
    const { query } = yield* Database
    const run = <A>(step: string, statement: (sql: Sql) => PromiseLike<A>) =>
      query(step, statement).pipe(unavailable)
    const ordersOf = (id: string) =>
      run(
        "read the orders of a file",
        (sql) => sql<Array<OrderRow>>`
          select reference, minor, fingerprint, partner from file_orders where file = ${id} order by number`,
      )
    const note = (bank: string, { version, head }: FileLogTail, id: string) =>
      run(
        "note the place of a file",
        (sql) => sql`
          insert into bank_file_log (bank, version, head, file) values (${bank}, ${version}, ${head}, ${id})
          on conflict do nothing`,
      )
    const dropEmpty = Effect.fn("FileRecords.dropEmpty")(function* (bank: string) {
      yield* run(
        "drop empty files",
        (sql) => sql`
          delete from bank_files where bank = ${bank} and written_at is null and staged_as is null
            and not exists (select from file_orders where file = bank_files.id)
            and not exists (select from bank_file_log where file = bank_files.id)`,
      )
    })
    return FileRecords.of({
      tail: Effect.fn("FileRecords.tail")(function* (bank) {
        const [row] = yield* run(
          "find the last file that was logged",
          (sql) => sql<Array<{ readonly version: number; readonly head: string }>>`
            select version, head from bank_file_log where bank = ${bank} order by version desc limit 1`,
        )
        return row
      }),
      headAt: Effect.fn("FileRecords.headAt")(function* (bank, version) {
        const [row] = yield* run(
          "find a file that was logged",
          (sql) => sql<Array<{ readonly head: string }>>`
            select head from bank_file_log where bank = ${bank} and version = ${version}`,
        )
        return row?.head
      }),
      forget: Effect.fn("FileRecords.forget")(function* (bank, after) {
        const rows = yield* run(
          "forget places that the log has lost",
          (sql) =>
            sql`delete from bank_file_log where bank = ${bank} and version > ${after} returning version`,
        )
        return rows.length
      }),
      unlogged: Effect.fn("FileRecords.unlogged")(function* (bank, limit) {
        const rows = yield* run(
          "find files that are not logged",
          (sql) => sql<Array<Pick<FileRow, "id" | "message_id"> & { readonly staged_as: string | null }>>`
            select id, message_id, staged_as from bank_files
            where bank = ${bank} and not exists (select from bank_file_log where file = bank_files.id)
            order by id limit ${limit}`,
        )
        return rows.map(({ id, message_id, staged_as }) => ({
          id,
          messageId: message_id,
          stagedAs: staged_as ?? undefined,
        }))
      }),
      recordOf: Effect.fn("FileRecords.recordOf")(function* ({ id, messageId }) {
        const [row] = yield* run(
          "read a file",
          (sql) => sql<Array<FileRow>>`
            select id, message_id, scheme, currency, day, sequence, made_at from bank_files
            where id = ${id} and message_id = ${messageId}`,
        )
        const orders = yield* ordersOf(id)
        return row === undefined || orders.length === 0 ? undefined : recordOf(row, orders)
      }),
      takeOut: Effect.fn("FileRecords.takeOut")(function* (file, references) {
        const rows = yield* run("take withdrawn orders out of a file", (sql) =>
          takeOut(sql, file, references),
        )
        return rows.length === 1
      }),
      dropEmpty,
      note: Effect.fn("FileRecords.note")(function* (bank, tail, { id }) {
        yield* note(bank, tail, id)
      }),
      restore: Effect.fn("FileRecords.restore")(function* (bank, logged) {
        const { file } = logged
        const [known] = yield* run(
          "find a file",
          (sql) => sql<Array<KnownRow>>`
            select id, (written_at is not null or staged_as is not null) as released from bank_files
            where bank = ${bank} and message_id = ${file.messageId}`,
        )
        const own = known === undefined ? [] : yield* ordersOf(known.id)
        if (known !== undefined && isSame(own, file)) {
          yield* note(bank, logged, known.id)
          return "known"
        }
        if (known?.released) return "differs"
        // A mark for an unknown order does not contain the order itself, so the log's record replaces it.
        yield* run(
          "drop marks of orders",
          (sql) => sql`
            delete from file_orders where bank = ${bank} and state = 'withdrawn' and fingerprint = ''
              and reference = any(${file.orders.map(({ reference }) => reference)})`,
        )
        const id = yield* run("restore a file", (sql) => restore(sql, bank, file)).pipe(
          Effect.map(([row]) => row?.id ?? ""),
        )
        // Orders that were put into the file after the store lost it wait again, and files that this leaves empty are deleted.
        yield* run(
          "release orders of a file",
          (sql) => sql`
            update file_orders set file = null
            where file = ${id} and not reference = any(${file.orders.map(({ reference }) => reference)})`,
        )
        yield* note(bank, logged, id)
        yield* dropEmpty(bank)
        return "restored"
      }),
    })
  }),
)

interface FileRow {
  readonly id: string
  readonly message_id: string
  readonly scheme: string
  readonly currency: string
  readonly day: string
  readonly sequence: number
  readonly made_at: Date
}

interface OrderRow {
  readonly reference: string
  readonly minor: string
  readonly fingerprint: string
  readonly partner: string | null
}

interface KnownRow {
  readonly id: string
  readonly released: boolean
}

const recordOf = (row: FileRow, rows: ReadonlyArray<OrderRow>): FileRecord => {
  const orders = rows.map(({ minor, partner, ...order }) => ({
    ...order,
    minor: BigInt(minor),
    ...(partner === null ? {} : { partner }),
  }))
  return {
    messageId: row.message_id,
    scheme: row.scheme,
    currency: row.currency,
    day: row.day,
    sequence: row.sequence,
    madeAt: row.made_at.getTime(),
    count: orders.length,
    controlSum: orders.reduce((sum, { minor }) => sum + minor, 0n),
    orders,
  }
}

const isSame = (own: ReadonlyArray<OrderRow>, { orders }: FileRecord): boolean => {
  const known = new Map(own.map(({ reference, fingerprint }) => [reference, fingerprint]))
  return (
    known.size === orders.length &&
    orders.every(({ reference, fingerprint }) => known.get(reference) === fingerprint)
  )
}

/** A process that has completed the file with these orders cannot stage it once `taken_out` has changed. */
const takeOut = (sql: Sql, { id, messageId }: UnloggedFile, references: ReadonlyArray<string>) => sql`
  with file as (
    update bank_files set taken_out = taken_out + 1
    where id = ${id} and message_id = ${messageId} and staged_as is null and written_at is null
    returning id
  ), taken as (
    update file_orders set file = null, sealed = null,
      state = case state when 'accepted' then 'withdrawn' else state end
    from file where file_orders.file = file.id and reference = any (${[...references]})
  )
  select id from file`

/**
 * Restores the file with its orders in one statement. It keeps details that still exist, because the file may not have been
 * released.
 */
const restore = (sql: Sql, bank: string, { orders, ...file }: FileRecord) => {
  const rows = orders.map(({ minor, ...order }) => ({ ...order, minor: String(minor) }))
  const at = new Date(file.madeAt)
  return sql<Array<{ readonly id: string }>>`
    with file as (
      insert into bank_files (bank, scheme, currency, day, sequence, made_at)
      values (${bank}, ${file.scheme}, ${file.currency}, ${file.day}, ${file.sequence}, ${at})
      on conflict (bank, scheme, currency, day, sequence) do update set made_at = excluded.made_at
      returning id
    ), filed as (
      insert into file_orders
        (bank, reference, partner, fingerprint, scheme, currency, minor, accepted_at, due_at, file)
      select ${bank}, reference, partner, fingerprint, ${file.scheme}, ${file.currency}, minor, ${at}, ${at}, file.id
      from file, jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        as orders (reference text, partner text, minor numeric, fingerprint text)
      on conflict (bank, reference) do update
        set file = excluded.file,
          state = case file_orders.state when 'withdrawn' then 'accepted' else file_orders.state end
        where file_orders.file is distinct from excluded.file
    )
    select id from file`
}

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
