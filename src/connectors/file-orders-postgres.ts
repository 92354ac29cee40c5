import { readFileSync } from "node:fs"
import { Effect, Layer, Result } from "effect"
import type { Sql } from "postgres"
import { schemeOf } from "../domain/scheme.ts"
import { Postgres, type PostgresUnavailable } from "../platform/postgres.ts"
import { columnAddition, tableCreation } from "../platform/table-creation.ts"
import { keyIdOf, PartnerKeys } from "../vault/partner-keys.ts"
import type { TransferInstruction } from "./bank.ts"
import {
  type FileOrder,
  FileOrders,
  type OrderNews,
  type OrderStanding,
  type OrderTerms,
} from "./file-orders.ts"
import { fingerprintOf, keeperOf, sealDetails } from "./order-seal.ts"
import { ProviderUnavailable } from "./provider-error.ts"

const read = (name: string) => readFileSync(new URL(`migrations/${name}`, import.meta.url), "utf8")
const tables = read("0001-file-orders.sql")
const partners = read("0002-order-partners.sql")

/** Orders in tables of their own, which are created when they are not there. */
export const layer = Layer.effect(
  FileOrders,
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const keys = yield* PartnerKeys
    yield* query("create the tables of file orders", (sql) =>
      sql.unsafe(tableCreation("file_orders", tables)),
    )
    yield* query("add the partners of file orders", (sql) =>
      sql.unsafe(columnAddition("file_orders", "partner", partners)),
    )
    const find = Effect.fnUntraced(function* (bank: string, reference: string) {
      const [row] = yield* query(
        "find an order",
        (sql) => sql<Array<KnownRow>>`
          select ${columns(sql)}, partner, fingerprint from file_orders
          where bank = ${bank} and reference = ${reference}`,
      ).pipe(unavailable)
      return row
    })
    /** Whether a fingerprint is an instruction's, by the key that it was made with. */
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
        return row !== undefined && (yield* isOf(instruction, row)) ? orderOf(row) : "differs"
      }),
      find: Effect.fn("FileOrders.find")(function* (bank, reference) {
        const row = yield* find(bank, reference)
        return row && orderOf(row)
      }),
      sent: Effect.fn("FileOrders.sent")(function* (bank, references) {
        const rows = yield* query(
          "find orders",
          (sql) => sql<Array<Row>>`
            select ${columns(sql)} from file_orders
            where bank = ${bank} and reference = any (${[...references]}) and file is not null`,
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
      record: Effect.fn("FileOrders.record")(function* (bank, news) {
        yield* query("record news of orders", (sql) => record(sql, bank, news)).pipe(unavailable)
      }),
    })
  }),
)

interface Row {
  readonly bank: string
  readonly reference: string
  readonly number: string
  readonly currency: string
  readonly minor: string
  readonly state: "accepted" | "failed" | "settled" | "returned"
  readonly code: string | null
}

interface KnownRow extends Row {
  readonly partner: string | null
  readonly fingerprint: string
}

const columns = (sql: Sql) => sql`bank, reference, number, currency, minor, state, code`

const insert = (
  sql: Sql,
  { bank, reference, partner, currency, minor, beneficiary }: TransferInstruction,
  { transfer, acceptedAt, dueAt }: OrderTerms,
  { fingerprint, sealed }: { readonly fingerprint: string; readonly sealed: string | null },
) => {
  const code = Result.isFailure(transfer) ? transfer.failure : null
  return sql`
    insert into file_orders
      (bank, reference, partner, fingerprint, scheme, currency, minor, accepted_at, due_at, sealed, state, code)
    values (${bank}, ${reference}, ${partner}, ${fingerprint}, ${schemeOf(beneficiary.account, currency)}, ${currency},
      ${String(minor)}, ${new Date(acceptedAt)}, ${new Date(dueAt)}, ${sealed},
      ${code === null ? "accepted" : "failed"}, ${code})
    on conflict do nothing`
}

/** Each state outranks those before it: so it does not matter in which order files come, or how often. */
const RANKED = ["accepted", "failed", "settled", "returned"]

const record = (sql: Sql, bank: string, news: ReadonlyArray<OrderNews>) => {
  const rows = news.map(({ reference, standing }) => ({
    reference,
    state: standing._tag.toLowerCase(),
    code: "code" in standing ? standing.code : null,
  }))
  return sql`
    with told as (
      select distinct on (reference) reference, state, code, array_position(${RANKED}::text[], state) as rank
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as told (reference text, state text, code text)
      order by reference, rank desc
    )
    update file_orders set state = told.state, code = told.code from told
    where file_orders.bank = ${bank} and file_orders.reference = told.reference
      and array_position(${RANKED}::text[], file_orders.state) < told.rank`
}

const orderOf = ({ bank, reference, number, currency, minor, state, code }: Row): FileOrder => ({
  reference,
  orderId: `${bank}-${number}`,
  currency,
  minor: BigInt(minor),
  standing: standingOf(state, code ?? ""),
})

const standingOf = (state: Row["state"], code: string): OrderStanding => {
  switch (state) {
    case "accepted":
      return { _tag: "Accepted" }
    case "settled":
      return { _tag: "Settled" }
    case "failed":
      return { _tag: "Failed", code }
    case "returned":
      return { _tag: "Returned", code }
  }
}

const unavailable = Effect.mapError(
  ({ step, code }: PostgresUnavailable) =>
    new ProviderUnavailable({ provider: "file-orders", reason: `${step}: ${code}` }),
)

const withoutKey = () =>
  new ProviderUnavailable({ provider: "file-orders", reason: "the key of an order cannot be had" })

const notStored = () =>
  new ProviderUnavailable({
    provider: "file-orders",
    reason: "seal an order: the key cannot be had",
    kind: "not-called",
  })
