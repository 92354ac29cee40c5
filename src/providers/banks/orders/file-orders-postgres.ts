import { Effect, Layer, Result } from "effect"
import type { Sql } from "postgres"
import { Database } from "../../../database/database.ts"
import { referenceEndIn, uetrOf } from "../../../domain/uetr.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { keyIdOf, PartnerKeys } from "../../../vault/partner-keys.ts"
import type { TransferInstruction } from "../bank.ts"
import {
  type FileOrder,
  FileOrders,
  type NewReport,
  OrdersUnavailable,
  type OrderTerms,
} from "./file-orders.ts"
import { individualId } from "./individual-id-expression.ts"
import { type OrderReport, reportKeyOf, reportOf, standingBy } from "./order-reports.ts"
import { fingerprintOf, keeperOf, sealDetails } from "./order-seal.ts"

/** The orders, in their own tables. */
export const layer = Layer.effect(
  FileOrders,
  Effect.gen(function* () {
    const { query } = yield* Database
    const keys = yield* PartnerKeys
    const find = Effect.fnUntraced(function* (bank: string, reference: string) {
      const [row] = yield* query(
        "find an order",
        (sql) => sql<Array<KnownRow>>`
          select ${columns(sql)}, partner, fingerprint from file_orders
          where bank = ${bank} and reference = ${reference}`,
      ).pipe(unavailable)
      return row
    })
    const ordersIn = Effect.fn("FileOrders.sent")(function* (
      bank: string,
      references: ReadonlyArray<string>,
    ) {
      const rows = yield* query(
        "find orders",
        (sql) => sql<Array<Row>>`
          select ${columns(sql)} from file_orders
          where bank = ${bank} and reference = any (${[...references]}) and file is not null`,
      ).pipe(unavailable)
      return rows.map(orderOf)
    })
    /** Whether a fingerprint is that of an instruction, by the key that it was made with. */
    const isOf = Effect.fnUntraced(function* (
      instruction: TransferInstruction,
      { partner, fingerprint }: KnownRow,
    ) {
      const found = yield* keys
        .find(keeperOf(partner), keyIdOf(fingerprint))
        .pipe(Effect.mapError(withoutKey))
      return fingerprintOf(found ?? (yield* withoutKey()), instruction) === fingerprint
    })
    return FileOrders.of({
      store: Effect.fn("FileOrders.store")(function* (instruction, terms) {
        const key = yield* keys.current(instruction.partner).pipe(Effect.mapError(notStored))
        const { bank, reference } = instruction
        const fingerprint = fingerprintOf(key, instruction)
        const sealed = Result.isSuccess(terms.transfer)
          ? sealDetails(key, bank, reference, terms.transfer.success.details)
          : null
        yield* query("store an order", (sql) =>
          insert(sql, instruction, terms, { fingerprint, sealed }),
        ).pipe(unavailable)
        const row = yield* find(bank, reference)
        if (row?.state === "withdrawn") return orderOf(row)
        return row !== undefined && (yield* isOf(instruction, row)) ? orderOf(row) : "differs"
      }),
      find: Effect.fn("FileOrders.find")(function* (bank, reference) {
        const row = yield* find(bank, reference)
        return row && orderOf(row)
      }),
      sent: ordersIn,
      sentUnder: Effect.fn("FileOrders.sentUnder")(function* (bank, uetrs) {
        const ends = uetrs.flatMap((uetr) => referenceEndIn(uetr) ?? [])
        if (ends.length === 0) return []
        const rows = yield* query(
          "find orders by their UETRs",
          (sql) => sql<Array<Row>>`
            select ${columns(sql)} from file_orders
            where bank = ${bank} and substr(reference, 3) = any (${ends}) and file is not null
            order by file, number`,
        ).pipe(unavailable)
        const asked = new Set<string | undefined>(uetrs)
        return rows.filter(({ reference }) => asked.has(uetrOf(reference))).map(orderOf)
      }),
      sentAs: Effect.fn("FileOrders.sentAs")(function* (bank, individualIds) {
        if (individualIds.length === 0) return []
        const rows = yield* query(
          "find orders by their identification numbers",
          (sql) => sql<Array<Row>>`
            select ${columns(sql)} from file_orders
            where bank = ${bank} and ${individualId(sql)} = any (${[...individualIds]}) and scheme = 'ach'
              and file is not null
            order by file, number`,
        ).pipe(unavailable)
        return rows.map(orderOf)
      }),
      openFiles: Effect.fn("FileOrders.openFiles")(function* (bank, { from, to }, limit) {
        const rows = yield* query(
          "find files with open orders",
          (sql) => sql<Array<OpenRow>>`
            select message_id, day, made_at, written_at, (
              select min(report.seen_at) from file_orders ordered
                join file_order_words report on report.bank = ordered.bank and report.reference = ordered.reference
              where ordered.file = bank_files.id
                and split_part(report.word, ' ', 1) in ('accepted', 'settled', 'returned')
            ) as shown_at from bank_files
            where bank = ${bank} and scheme = 'ach' and day between ${from} and ${to} and written_at is not null
              -- What was sent as pain.001, before the bank took files of Nacha, is settled by what the bank says of it.
              and coalesce(staged_as, '') not like '%.pain.001.xml.%'
              and exists (
                select from file_orders ordered where ordered.file = bank_files.id and not exists (
                  select from file_order_words report
                  where report.bank = ordered.bank and report.reference = ordered.reference
                    and report.word <> 'accepted' and (report.word <> 'settled' or report.told)))
            order by id desc limit ${limit}`,
        ).pipe(unavailable)
        return rows.map(({ message_id, day, made_at, written_at, shown_at }) => ({
          messageId: message_id,
          day,
          madeAt: made_at.getTime(),
          releasedAt: written_at.getTime(),
          shownAt: shown_at?.getTime(),
        }))
      }),
      doubted: Effect.fn("FileOrders.doubted")(function* (bank, names) {
        const rows = yield* query(
          "find orders in doubt",
          (sql) => sql<Array<{ readonly reference: string }>>`
            select distinct reference from bank_oddities
            where bank = ${bank} and reference = any (${[...names]}) and reason not in ('correction', 'no-such-batch')`,
        ).pipe(unavailable)
        return new Set(rows.map(({ reference }) => reference))
      }),
      besides: Effect.fn("FileOrders.besides")(function* (bank, references) {
        const rows = yield* query(
          "find the orders beside others",
          (sql) => sql<Array<Row>>`
            select ${columns(sql)} from file_orders
            where bank = ${bank} and file in (
              select file from file_orders where bank = ${bank} and reference = any (${[...references]}))
            order by file, number`,
        ).pipe(unavailable)
        return rows.map(orderOf)
      }),
      sentIn: Effect.fn("FileOrders.sentIn")(function* (bank, messageId) {
        const rows = yield* query(
          "find the orders of a file",
          (sql) => sql<Array<Row>>`
            select ${columns(sql)} from file_orders
            where file = (select id from bank_files where bank = ${bank} and message_id = ${messageId})
            order by number`,
        ).pipe(unavailable)
        return rows.map(orderOf)
      }),
      record: Effect.fn("FileOrders.record")(function* (bank, reports) {
        yield* query("record reports of a bank", (sql) => record(sql, bank, reports)).pipe(unavailable)
        // If two processes record reports on one order at once, the later one sees both here.
        const orders = yield* ordersIn(bank, [...new Set(reports.map(({ reference }) => reference))])
        return orders.filter(({ notEnqueued }) => notEnqueued.length > 0)
      }),
      markEnqueued: Effect.fn("FileOrders.markEnqueued")(function* (bank, orders) {
        yield* query("mark reports as enqueued", (sql) => markEnqueued(sql, bank, orders)).pipe(unavailable)
      }),
      withdraw: Effect.fn("FileOrders.withdraw")(function* (bank, reference) {
        const tried = query("withdraw an order", (sql) => withdraw(sql, bank, reference)).pipe(unavailable)
        const [first] = yield* tried
        // The order was put into a file meanwhile, which is not complete yet.
        const [row] = first?.is_withdrawn || first?.is_staged ? [first] : yield* tried
        if (row?.is_withdrawn) return "withdrawn"
        return row?.is_written ? "may-have-gone" : "going-out"
      }),
      draftWithout: Effect.fn("FileOrders.draftWithout")(function* (bank, messageId, reference) {
        const [row] = yield* query(
          "find a file without an order",
          (sql) => sql<Array<{ readonly staged_as: string | null }>>`
            select staged_as from bank_files where bank = ${bank} and message_id = ${messageId}
              and not exists (select from file_orders where file = bank_files.id and reference = ${reference})`,
        ).pipe(unavailable)
        return row?.staged_as ?? undefined
      }),
      doubt: Effect.fn("FileOrders.doubt")(function* (bank, reference) {
        yield* query(
          "doubt an order",
          (sql) => sql`
            insert into file_order_words (bank, reference, word, told)
            values (${bank}, ${reference}, 'asked', true) on conflict do nothing`,
        ).pipe(unavailable)
      }),
    })
  }),
)

interface Row {
  readonly bank: string
  readonly reference: string
  readonly number: string
  readonly file: string | null
  readonly currency: string
  readonly minor: string
  readonly state: "accepted" | "failed" | "settled" | "returned" | "withdrawn"
  readonly code: string | null
  readonly reports: ReadonlyArray<{ readonly word: string; readonly told: boolean }>
}

interface OpenRow {
  readonly message_id: string
  readonly day: string
  readonly made_at: Date
  readonly written_at: Date
  readonly shown_at: Date | null
}

interface KnownRow extends Row {
  readonly partner: string | null
  readonly fingerprint: string
}

const columns = (sql: Sql) => sql`bank, reference, number, file, currency, minor, state, code, coalesce((
  select jsonb_agg(jsonb_build_object('word', report.word, 'told', report.told) order by report.word)
  from file_order_words report where report.bank = file_orders.bank and report.reference = file_orders.reference
), '[]'::jsonb) as reports`

const insert = (
  sql: Sql,
  { bank, reference, partner, currency, minor }: TransferInstruction,
  { transfer, scheme, acceptedAt, dueAt }: OrderTerms,
  { fingerprint, sealed }: { readonly fingerprint: string; readonly sealed: string | null },
) => {
  const code = Result.isFailure(transfer) ? transfer.failure : null
  return sql`
    insert into file_orders
      (bank, reference, partner, fingerprint, scheme, currency, minor, accepted_at, due_at, sealed, state, code)
    values (${bank}, ${reference}, ${partner}, ${fingerprint}, ${scheme}, ${currency},
      ${String(minor)}, ${new Date(acceptedAt)}, ${new Date(dueAt)}, ${sealed},
      ${code === null ? "accepted" : "failed"}, ${code})
    on conflict do nothing`
}

const record = (sql: Sql, bank: string, reports: ReadonlyArray<NewReport>) => {
  const rows = reports.map(({ reference, report }) => ({ reference, word: reportKeyOf(report) }))
  return sql`
    insert into file_order_words (bank, reference, word)
    select distinct ${bank}, reference, word
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as reported (reference text, word text)
    order by reference, word
    on conflict do nothing`
}

const markEnqueued = (sql: Sql, bank: string, orders: ReadonlyArray<FileOrder>) => {
  const rows = orders.flatMap(({ reference, notEnqueued }) =>
    notEnqueued.map((report) => ({ reference, word: reportKeyOf(report) })),
  )
  return sql`
    update file_order_words report set told = true
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as enqueued (reference text, word text)
    where report.bank = ${bank} and report.reference = enqueued.reference and report.word = enqueued.word`
}

/**
 * One statement, so that it happens wholly before or wholly after a file is made or staged: it locks the file's row before the
 * order's, and uses the rows as they are then. A process that has completed the file with this order cannot stage it once
 * `taken_out` has changed. An unknown order leaves a mark, so that it is refused if it arrives late. An order in a complete
 * file is marked, too, so that its batch is notified of any sign that the bank has it.
 */
const withdraw = (sql: Sql, bank: string, reference: string) => sql<Array<WithdrawnRow>>`
  with unstaged as (
    update bank_files set taken_out = taken_out + 1
    where id = (select file from file_orders where bank = ${bank} and reference = ${reference})
      and staged_as is null and written_at is null
    returning id
  ), withdrawn as (
    insert into file_orders
      (bank, reference, fingerprint, scheme, currency, minor, accepted_at, due_at, state)
    select ${bank}, ${reference}, '', '', '', 0, now(), now(), 'withdrawn' from (select count(*) from unstaged) as locked
    on conflict (bank, reference) do update
      set state = case file_orders.state when 'accepted' then 'withdrawn' else file_orders.state end, sealed = null,
        file = null
      where file_orders.file is null or file_orders.file in (select id from unstaged)
    returning reference
  ), asked as (
    insert into file_order_words (bank, reference, word, told)
    select ${bank}, ${reference}, 'asked', true where not exists (select from withdrawn)
    on conflict do nothing
  )
  select exists (select from withdrawn) as is_withdrawn, exists (
    select from file_orders join bank_files on bank_files.id = file_orders.file
    where file_orders.bank = ${bank} and reference = ${reference} and written_at is not null
  ) as is_written, exists (
    select from file_orders join bank_files on bank_files.id = file_orders.file
    where file_orders.bank = ${bank} and reference = ${reference} and (written_at is not null or staged_as is not null)
  ) as is_staged`

interface WithdrawnRow {
  readonly is_withdrawn: boolean
  readonly is_written: boolean
  readonly is_staged: boolean
}

const orderOf = (row: Row): FileOrder => {
  const { bank, reference, number, file, currency, minor, state, code } = row
  const stored = row.reports.map(({ word, told }) => ({ report: reportOf(word), isEnqueued: told }))
  const own = reportInRow(state, code)
  const reports = [...stored.map(({ report }) => report), ...(own === undefined ? [] : [own])]
  return {
    reference,
    orderId: `${bank}-${number}`,
    file: file ?? undefined,
    currency,
    minor: BigInt(minor),
    standing: state === "withdrawn" ? { _tag: "Withdrawn" } : standingBy(reports),
    ownRefusal: state === "failed" && file === null ? (code ?? undefined) : undefined,
    reports,
    notEnqueued: stored.flatMap(({ report, isEnqueued }) => (isEnqueued ? [] : [report])),
  }
}

/**
 * The report in the row itself: our reason to refuse the order, or, in rows from before reports were stored, the bank's last
 * report.
 */
const reportInRow = (state: Row["state"], code: string | null): OrderReport | undefined =>
  state === "accepted" || state === "withdrawn"
    ? undefined
    : reportOf(state === "settled" ? state : `${state} ${code ?? ""}`)

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new OrdersUnavailable({ reason: `${step}: ${reason}` }),
)

const withoutKey = () => new OrdersUnavailable({ reason: "the key of an order is not available" })

const notStored = () =>
  new OrdersUnavailable({ reason: "seal an order: the key is not available", isNotStored: true })
