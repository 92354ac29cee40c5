/** Each decision is one statement, so that it happens wholly or not at all. */
import { Array as Arr, Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../../../database/database.ts"
import type { Scheme } from "../../../domain/scheme.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { keyIdOf, PartnerKeys } from "../../../vault/partner-keys.ts"
import { SUM_MINOR_MAX } from "../../iso20022/payment-initiation.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import type { HeldTransfer } from "./held-transfer.ts"
import { KEYS_FORGOTTEN, keeperOf, openDetails } from "./order-seal.ts"
import { type FileGroup, type FileTerms, type OutboxFile, OutboxFiles } from "./outbox-files.ts"

/** The files, in tables beside the orders. */
export const layer = Layer.effect(
  OutboxFiles,
  Effect.gen(function* () {
    const { query } = yield* Database
    const keys = yield* PartnerKeys
    return OutboxFiles.of({
      isFolderOf: Effect.fn("OutboxFiles.isFolderOf")(function* (bank, folder) {
        const rows = yield* query(
          "find the folder of a bank",
          (sql) => sql<Array<{ readonly folder: string }>>`
            with adopted as (
              insert into bank_folders (bank, folder) values (${bank}, ${folder})
              on conflict do nothing returning folder
            )
            select folder from adopted union all select folder from bank_folders where bank = ${bank}`,
        ).pipe(unavailable)
        return rows[0]?.folder === folder
      }),
      due: Effect.fn("OutboxFiles.due")(function* (bank, at, ordersMax) {
        return yield* query(
          "find due orders",
          (sql) => sql<Array<FileGroup>>`
            select ${bank} as bank, scheme, currency from file_orders
            where bank = ${bank} and file is null and state = 'accepted'
            group by scheme, currency
            having min(due_at) <= ${new Date(at)} or count(*) >= ${ordersMax}`,
        ).pipe(unavailable)
      }),
      batches: Effect.fn("OutboxFiles.batches")(function* (bank) {
        const rows = yield* query(
          "find batches that wait",
          (sql) => sql<Array<{ readonly batch: string }>>`
            select distinct ${batchOf(sql)} as batch from file_orders
            left join bank_files on bank_files.id = file
            where file_orders.bank = ${bank} and state = 'accepted'
              and (file is null or (staged_as is null and written_at is null))`,
        ).pipe(unavailable)
        return rows.map(({ batch }) => batch)
      }),
      make: Effect.fn("OutboxFiles.make")(function* (
        group,
        day,
        at,
        ordersMax,
        blocked = [],
        terms = { sumMinorMax: SUM_MINOR_MAX },
      ) {
        const [row] = yield* query("make a file", (sql) =>
          make(sql, group, { day, at: new Date(at), ordersMax, blocked, ...terms }),
        ).pipe(unavailable)
        return row?.is_full === true ? ("full" as const) : ("done" as const)
      }),
      unwritten: Effect.fn("OutboxFiles.unwritten")(function* (bank, limit) {
        const rows = yield* query(
          "find unwritten files",
          (sql) => sql<Array<FileRow>>`
            select id, bank, scheme, currency, message_id, day, made_at, staged_as, taken_out from bank_files
            where bank = ${bank} and written_at is null
              and exists (select from bank_file_log where file = bank_files.id)
            order by id limit ${limit}`,
        ).pipe(unavailable)
        return rows.map(fileOf)
      }),
      stillOpen: Effect.fn("OutboxFiles.stillOpen")(function* (bank, messageIds) {
        const rows = yield* query(
          "find files of drafts",
          (sql) => sql<Array<Pick<FileRow, "message_id">>>`
            select message_id from bank_files
            where bank = ${bank} and written_at is null and message_id = any (${[...messageIds]})`,
        ).pipe(unavailable)
        return rows.map(({ message_id }) => message_id)
      }),
      transfersOf: Effect.fn("OutboxFiles.transfersOf")(function* (file) {
        const rows = yield* query(
          "read the orders of a file",
          (sql) => sql<Array<OrderRow>>`
            select reference, partner, minor, sealed from file_orders
            where file = (
              select id from bank_files
              where id = ${file.id} and message_id = ${file.messageId} and written_at is null
            )
            order by number`,
        ).pipe(unavailable)
        if (rows.length === 0) {
          yield* query("close an empty file", (sql) => closeEmpty(sql, file)).pipe(unavailable)
          return undefined
        }
        const { transfers, forgotten } = yield* opened(keys, file, rows)
        if (forgotten.length === 0) return transfers
        yield* query("take orders out of a file", (sql) => takeOut(sql, file, forgotten)).pipe(unavailable)
        yield* Effect.logError("orders are not sent because their partners' keys were forgotten", {
          bank: file.bank,
          message: file.messageId,
          count: forgotten.length,
        })
        return undefined
      }),
      stage: Effect.fn("OutboxFiles.stage")(function* ({ id, messageId, takenOut }, name, blocked = []) {
        const rows = yield* query(
          "stage a file",
          (sql) => sql`
            update bank_files set staged_as = ${name}
            where id = ${id} and message_id = ${messageId} and staged_as is null and taken_out = ${takenOut}
              and not exists (select from file_orders where file = bank_files.id and ${isBlocked(sql, blocked)})
            returning id`,
        ).pipe(unavailable)
        return rows.length === 1
      }),
      written: Effect.fn("OutboxFiles.written")(function* ({ id, messageId }) {
        yield* query(
          "mark a file as written",
          (sql) => sql`
            with written as (
              update bank_files set written_at = coalesce(written_at, now())
              where id = ${id} and message_id = ${messageId} returning id
            )
            update file_orders set sealed = null from written where file = written.id and sealed is not null`,
        ).pipe(unavailable)
      }),
    })
  }),
)

/** Beyond this, a check of the table refuses a file. */
const SEQUENCE_MAX = 1_000_000

interface NextFile extends FileTerms {
  readonly day: string
  readonly at: Date
  readonly ordersMax: number
  readonly blocked: ReadonlyArray<string>
}

/**
 * If two processes do this at once, one skips the orders that the other is taking. If both would make the same file, the second
 * fails as a whole and tries again. Files of a bank that tells them by the day on which they are made have no number in common with others
 * that were made on the same day, also those that were restored from the log.
 */
const make = (
  sql: Sql,
  { bank, scheme, currency }: FileGroup,
  { day, at, ordersMax, blocked, sumMinorMax, sequenceMax = SEQUENCE_MAX, ...file }: NextFile,
) => {
  const createdOn = file.createdOn ?? null
  return sql<Array<{ readonly is_full: boolean }>>`
  with waiting as (
    select number, sum(minor) over (order by number) as running from file_orders
    where bank = ${bank} and scheme = ${scheme} and currency = ${currency}
      and file is null and state = 'accepted' and not ${isBlocked(sql, blocked)}
    order by number limit ${ordersMax}
  ), picked as (
    select number from file_orders join waiting using (number)
    where running <= ${String(sumMinorMax)}::numeric and file is null and state = 'accepted'
    for update of file_orders skip locked
  ), made as (
    insert into bank_files (bank, scheme, currency, day, sequence, made_at, created_on)
    select ${bank}, ${scheme}, ${currency}, ${day}, 1 + coalesce(max(sequence), 0), ${at}, ${createdOn}
    from bank_files where bank = ${bank} and scheme = ${scheme} and currency = ${currency}
      and (day = ${day} or (day >= ${createdOn} and ${createdOn} = to_char(made_at at time zone 'America/New_York', 'YYYY-MM-DD')))
    having exists (select from picked) and coalesce(max(sequence), 0) < ${sequenceMax}
    returning id
  ), filed as (
    update file_orders set file = made.id from made, picked where file_orders.number = picked.number
  )
  select exists (select from picked) and not exists (select from made) as is_full`
}

/**
 * Orders whose key was forgotten are never sent, and answer so to inquiries. They are removed only from a file that is not
 * complete: a process that has completed it with these orders cannot stage it once `taken_out` has changed.
 */
const takeOut = (sql: Sql, { id }: OutboxFile, references: ReadonlyArray<string>) => sql`
  with file as (
    update bank_files set taken_out = taken_out + 1
    where id = ${id} and staged_as is null and written_at is null
    returning id
  )
  update file_orders set file = null, sealed = null,
    code = case state when 'accepted' then ${KEYS_FORGOTTEN} else code end,
    state = case state when 'accepted' then 'failed' else state end
  from file where file_orders.file = file.id and reference = any (${[...references]})`

/** The batch of an order, from its reference. */
const batchOf = (sql: Sql) => sql`'pb_' || lower(split_part(reference, '-', 1))`

/** Whether an order's batch is blocked, or has a registered decision that is not applied yet. */
const isBlocked = (sql: Sql, blocked: ReadonlyArray<string>) => sql`(
  ${batchOf(sql)} = any (${[...blocked]}::text[])
  or exists (select from decision_register where batch = ${batchOf(sql)} and answered_at is null)
)`

const closeEmpty = (sql: Sql, { id }: OutboxFile) => sql`
  update bank_files set written_at = now()
  where id = ${id} and written_at is null and staged_as is null
    and not exists (select from file_orders where file = ${id})`

interface FileRow {
  readonly id: string
  readonly bank: string
  readonly scheme: Scheme
  readonly currency: string
  readonly message_id: string
  readonly day: string
  readonly made_at: Date
  readonly staged_as: string | null
  readonly taken_out: number
}

const fileOf = ({ message_id, made_at, staged_as, taken_out, ...row }: FileRow): OutboxFile => ({
  ...row,
  messageId: message_id,
  madeAt: made_at.getTime(),
  stagedAs: staged_as ?? undefined,
  takenOut: taken_out,
})

interface OrderRow {
  readonly reference: string
  readonly partner: string | null
  readonly minor: string
  readonly sealed: string | null
}

/** The orders with their details, and the references of those whose partner's keys were forgotten. */
const opened = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  { bank, currency }: OutboxFile,
  rows: ReadonlyArray<OrderRow>,
) {
  const transfers: Array<HeldTransfer> = []
  const forgotten: Array<string> = []
  for (const { reference, partner, minor, sealed } of rows) {
    if (sealed === null) return yield* unopened("an order has no details any more")
    const key = yield* keys
      .find(keeperOf(partner), keyIdOf(sealed))
      .pipe(Effect.mapError(() => unopened("the key is not available")))
    if (key === undefined) {
      forgotten.push(reference)
      continue
    }
    const details = openDetails(key, bank, reference, sealed)
    if (details === undefined) return yield* unopened("the seal of an order is broken")
    transfers.push({
      reference,
      ...(partner !== null && { partner }),
      currency,
      minor: BigInt(minor),
      details,
    })
  }
  return { transfers: Arr.isArrayNonEmpty(transfers) ? transfers : undefined, forgotten }
})

const unopened = (reason: string) => new BankFilesUnavailable({ step: "open the orders of a file", reason })

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
