/** A bank of the kind `paypal` with a name of its own, in front of the twin, and processes that serve it. */
import { Effect, Layer } from "effect"
import type { Wallet } from "../../../../src/domain/beneficiary.ts"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import type { TransferInstruction } from "../../../../src/providers/banks/bank.ts"
import { layer as ordersInPostgres } from "../../../../src/providers/banks/orders/file-orders-postgres.ts"
import { layer as fileRecordsInPostgres } from "../../../../src/providers/banks/orders/file-records-postgres.ts"
import { layer as outboxInPostgres } from "../../../../src/providers/banks/orders/outbox-files-postgres.ts"
import { withdrawalInBoth } from "../../../../src/providers/banks/orders/withdrawal.ts"
import { pollPayouts } from "../../../../src/providers/banks/paypal/payout-polling.ts"
import { sendPayouts } from "../../../../src/providers/banks/paypal/payout-sending.ts"
import type { PayoutsApi } from "../../../../src/providers/banks/paypal/payouts-api.ts"
import { openPayouts } from "../../../../src/providers/banks/paypal/payouts-role.ts"
import { paypal } from "../../../../src/providers/banks/paypal/paypal.ts"
import { layer as sentPayoutsInPostgres } from "../../../../src/providers/banks/paypal/sent-payouts-postgres.ts"
import { policyOf } from "../../../../src/providers/calling/call-policy.ts"
import type { BankSettings } from "../../../../src/providers/calling/provider-settings.ts"
import { layer as decisionsInPostgres } from "../../../../src/register/decision-register-postgres.ts"
import { layer as fileLogOnRedis } from "../../../../src/streams/file-log-redis.ts"
import { loggingLayer } from "../../../../src/telemetry/logging.ts"
import { freshMetrics } from "../../../../src/telemetry/metrics.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { ownPrefix, providerSettings } from "../../../settings.ts"
import { calmWatch } from "../../../streams/calm-watch.ts"
import { layer as streamsInMemory } from "../../../streams/streams-memory.ts"
import { fixedKeys } from "../../../vault/fixed-keys.ts"
import type { ConnectedDatabase } from "../files/connected-database.ts"

export const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })

/** A telling part of a receiver, which no log and no row may have. */
export const canary = "canary7receiver"

/** What a test's bank may do instead of the API: its own answers, or a death. */
export type Changed = (api: PayoutsApi) => PayoutsApi

let banks = 0

export class PayoutsUnderTest {
  readonly name = `paypal-${++banks}`
  readonly prefix = ownPrefix()
  readonly lines: Array<string> = []
  readonly #database: ConnectedDatabase
  readonly #own: Readonly<Record<string, unknown>>

  constructor(database: ConnectedDatabase, own: Readonly<Record<string, unknown>>) {
    this.#database = database
    this.#own = { everyMs: 1, pollMs: 1, ...own }
  }

  get entry(): BankSettings {
    return {
      name: this.name,
      kind: paypal.name,
      policy: policyOf({}, { timeoutMs: 60_000, concurrency: 8 }),
      own: this.#own,
      place: { setting: "PROVIDERS_FILE", path: "banks[0]" },
    }
  }

  orderOf(item: number, account: Wallet, changes: Partial<TransferInstruction> = {}): TransferInstruction {
    return {
      bank: this.name,
      partner: "acme",
      reference: referenceOf(item),
      beneficiary: { name: "Ada Lovelace", account },
      currency: "EUR",
      minor: BigInt(item),
      ...changes,
    }
  }

  get process() {
    const appConfig = providerSettings({ DATABASE_URL: this.#database.url, STREAM_PREFIX: this.prefix })
    const fileLog = Layer.fresh(fileLogOnRedis).pipe(
      Layer.provideMerge(this.#database.connections),
      Layer.provide(appConfig),
    )
    return Layer.mergeAll(
      outboxInPostgres,
      fileRecordsInPostgres,
      sentPayoutsInPostgres,
      streamsInMemory,
      calmWatch,
      decisionsInPostgres,
    ).pipe(
      Layer.provideMerge(withdrawalInBoth.pipe(Layer.provide(ordersInPostgres))),
      Layer.provideMerge(Layer.mergeAll(fixedKeys(), appConfig, freshMetrics, fileLog)),
      Layer.provideMerge(loggingLayer((line) => this.lines.push(line))),
      Layer.fresh,
    )
  }

  /** Runs in a process of its own. */
  run<A, E>(effect: Effect.Effect<A, E, Layer.Success<PayoutsUnderTest["process"]>>): Promise<A> {
    return Effect.runPromise(Effect.provide(effect, this.process))
  }

  /** Orders payouts to these receivers: items 1, 2 and so on, or from another number. */
  order(accounts: ReadonlyArray<Wallet | string>, from = 1, changes: Partial<TransferInstruction> = {}) {
    const entry = this.entry
    return Effect.gen({ self: this }, function* () {
      const { transfer } = yield* paypal.connect(entry)
      return yield* Effect.forEach(accounts, (account, index) =>
        transfer(
          this.orderOf(
            from + index,
            typeof account === "string" ? { scheme: "email", email: `${account}@example.com` } : account,
            changes,
          ),
        ),
      )
    })
  }

  send(changed: Changed = (api) => api) {
    return Effect.flatMap(openPayouts(this.entry), ({ bank, api }) => sendPayouts(bank, changed(api)))
  }

  poll(changed: Changed = (api) => api, pageSize?: number) {
    const { name } = this
    return Effect.gen({ self: this }, function* () {
      const { query } = yield* Postgres
      yield* query(
        "now",
        (sql) => sql`update payout_batches_sent set poll_at = '-infinity' where bank = ${name}`,
      )
      const { bank, api } = yield* openPayouts(this.entry, pageSize)
      yield* pollPayouts(bank, changed(api))
    })
  }

  inquire(item: number) {
    return Effect.flatMap(paypal.connect(this.entry), ({ inquire }) => inquire(referenceOf(item)))
  }

  /** All rows of the bank, and what puts them back. */
  get rows() {
    const { name } = this
    const tables = ["bank_files", "file_orders", "bank_file_log", "payout_batches_sent", "file_order_words"]
    return Effect.gen(function* () {
      const { query } = yield* Postgres
      const kept = yield* Effect.forEach(tables, (table) =>
        Effect.map(
          query("remember", (sql) => sql`select * from ${sql(table)} where bank = ${name}`),
          (rows) => [table, JSON.stringify(rows)] as const,
        ),
      )
      const forget = ["bank_file_log", "file_orders", "bank_files", "payout_batches_sent", "file_order_words"]
      const putBack = Effect.gen(function* () {
        for (const table of forget)
          yield* query("forget", (sql) => sql`delete from ${sql(table)} where bank = ${name}`)
        for (const [table, rows] of kept) {
          const columns = yield* query(
            "columns",
            (sql) => sql<Array<{ readonly name: string }>>`
              select column_name as name from information_schema.columns
              where table_name = ${table} and is_generated = 'NEVER'`,
          )
          const names = columns.map((column) => column.name)
          yield* query(
            "set back",
            (sql) => sql`
              insert into ${sql(table)} (${sql(names)}) overriding system value
              select ${sql(names)} from json_populate_recordset(null::${sql(table)}, ${rows}::text::json)`,
          )
        }
      })
      return { putBack, dump: JSON.stringify(kept) }
    })
  }
}
