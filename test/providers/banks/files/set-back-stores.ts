/** Steps of tests in which Postgres or Redis comes back older than it was, under the orders and files of a bank. */
import { Effect } from "effect"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { executionOf } from "../../../../src/domain/scheme.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { batchId } from "../../../domain/batch-story.ts"
import type { FileBankUnderTest } from "./file-bank-under-test.ts"

/** The references of the first attempts to pay these items. */
export const references = (items: ReadonlyArray<number>) =>
  items.map((item) => transferReference({ batch: batchId, item, attempt: 1 }))

/** Orders the transfers of these items. */
export const place = (test: FileBankUnderTest, items: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { transfer } = yield* test.port
    return yield* Effect.forEach(items, (item) => transfer(test.orderOf(item)))
  })

/** What the bank is known to say of the order of an item. */
export const inquire = (test: FileBankUnderTest, item: number) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    return yield* inquire(references([item])[0] ?? "")
  })

/** Takes the order of an item back. */
export const withdraw = (test: FileBankUnderTest, item: number) =>
  Effect.gen(function* () {
    const { withdraw } = yield* FileOrders
    return yield* withdraw(test.bank.name, references([item])[0] ?? "")
  })

interface OrderRow {
  readonly reference: string
  readonly partner: string | null
  readonly state: string
  readonly isSealed: boolean
  readonly isFiled: boolean
}

/** The orders of the bank as Postgres has them. */
export const rowsOf = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    return yield* query(
      "read the orders",
      (sql) => sql<Array<OrderRow>>`
        select reference, partner, state, sealed is not null as "isSealed", file is not null as "isFiled"
        from file_orders where bank = ${bank.name} order by reference`,
    )
  })

const tables = ["bank_files", "file_orders", "bank_file_log"]

/** The rows of the bank, and what puts them back in place of those that are there then. */
export const rememberOrders = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const kept = yield* Effect.forEach(tables, (table) =>
      query("remember", (sql) => sql`select * from ${sql(table)} where bank = ${bank.name}`).pipe(
        Effect.map((rows) => [table, JSON.stringify(rows)] as const),
      ),
    )
    return Effect.gen(function* () {
      const { query } = yield* Postgres
      for (const table of ["bank_file_log", "file_orders", "bank_files"])
        yield* query("forget", (sql) => sql`delete from ${sql(table)} where bank = ${bank.name}`)
      for (const [table, rows] of kept) {
        const columns = yield* query(
          "columns",
          (sql) => sql<Array<{ readonly name: string }>>`
            select column_name as name from information_schema.columns
            where table_name = ${table} and is_generated = 'NEVER'`,
        )
        const names = columns.map(({ name }) => name)
        yield* query(
          "set back",
          (sql) => sql`
            insert into ${sql(table)} (${sql(names)}) overriding system value
            select ${sql(names)} from json_populate_recordset(null::${sql(table)}, ${rows}::text::json)`,
        )
      }
    })
  })

/** All that is in Redis of the bank, and what puts it back. */
export const rememberLog = ({ prefix }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { commands } = yield* RedisConnections
    const dumps = yield* Effect.promise(async () => {
      const keys = await commands.keys(`${prefix}:{files:*`)
      return Promise.all(keys.map(async (key) => [key, await commands.dumpBuffer(key)] as const))
    })
    return Effect.gen(function* () {
      const { commands } = yield* RedisConnections
      yield* Effect.promise(async () => {
        const keys = await commands.keys(`${prefix}:{files:*`)
        if (keys.length > 0) await commands.del(...keys)
        for (const [key, dump] of dumps) if (dump !== null) await commands.restore(key, 0, dump)
      })
    })
  })

/** Makes the file of the bank's orders, and remembers it as it is then. */
export const rememberMade = (test: FileBankUnderTest) =>
  Effect.andThen(makeWithoutLook(test), rememberOrders(test))

/** Decides that what waits goes out together, as a process does that looked at the stores before they were set back. */
export const makeWithoutLook = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { make } = yield* OutboxFiles
    const at = Date.now()
    yield* make({ bank: bank.name, scheme: "sepa", currency: "EUR" }, executionOf("sepa", at), at, 100)
  })

/** A round of the outbox, whatever becomes of it; then the client takes what was released. */
export const carriedAfter = (test: FileBankUnderTest) =>
  Effect.gen(function* () {
    yield* writeOutbox(test.bank).pipe(Effect.ignore)
    test.carry()
  })

/** How often a store had forgotten files: the labels and values of the metric. */
export const forgottenFiles = Effect.gen(function* () {
  const { forgottenFiles } = yield* Metrics
  return (yield* Effect.promise(() => forgottenFiles.get())).values.map(({ labels, value }) => [
    labels.store,
    value,
  ])
})
