/**
 * Connections that end in the middle of statements and of transactions. What the driver does then ended the process, let a transaction's
 * statements run inside of another, and failed statements that were never sent.
 */
import { assert, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Result, Scope } from "effect"
import postgres, { type TransactionSql } from "postgres"
import { vi } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { type Mode, transaction } from "../../src/platform/postgres-transaction.ts"
import { emptyDatabase } from "../database.ts"
import { CuttingWay } from "../recovery/cut-connections.ts"
import { settings } from "../settings.ts"

/** What a statement fails with whose connection ended: the end of the socket, or its reset. */
const LOST = ["CONNECTION_CLOSED", "ECONNRESET", "EPIPE"]

/** A database with a table of numbers, whoever watches it, and a pool of so many connections on it. */
const numbers = Effect.fnUntraced(function* (connections: number) {
  const { url } = yield* Effect.acquireRelease(
    Effect.promise(() => emptyDatabase()),
    ({ drop }) => Effect.promise(() => drop()),
  )
  const watcher = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(url, { max: 1, connection: { application_name: "watcher" } })),
    (sql) => Effect.promise(() => sql.end()),
  )
  yield* Effect.promise(() => watcher`create table numbers (number int primary key)`)
  const { query } = yield* poolOn(url, connections)
  return {
    url,
    watcher,
    query,
    inTransaction: <A>(run: (sql: TransactionSql) => PromiseLike<A>, mode: Mode = "default") =>
      query("run a transaction", (sql) => transaction(sql, mode, run)),
    stored: async () => {
      const rows = await watcher<Array<{ number: number }>>`select number from numbers order by number`
      return rows.map(({ number }) => number)
    },
    /** Ends connections of the pool as soon as so many of them are in a state, or wait for something. */
    terminate: (state: "active" | "idle in transaction", count = 1) =>
      vi.waitUntil(async () => {
        const [row] = await watcher<Array<{ count: number }>>`
          with met as (
            select pid from pg_stat_activity where datname = current_database() and application_name = 'atlaspay'
              and state = ${state} and (state <> 'active' or wait_event = 'PgSleep')
          )
          select count(pg_terminate_backend(pid))::int as count from met
          where (select count(*) from met) >= ${count}`
        return row !== undefined && row.count >= count
      }),
  }
})

const cuttingWay = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => CuttingWay.to(url)),
    (way) => Effect.promise(() => way[Symbol.asyncDispose]()),
  )

const poolOn = (url: string, connections: number) =>
  Layer.build(
    Layer.fresh(Postgres.layer).pipe(
      Layer.provide(settings({ DATABASE_URL: url, DATABASE_CONNECTIONS: String(connections) })),
    ),
  ).pipe(Effect.map(Context.get(Postgres)))

const one = (sql: postgres.ISql) => sql<Array<{ one: number }>>`select ${1}::int as one`

it.live("sends again what meets the error of a connection that was lost before", () =>
  Effect.gen(function* () {
    const { query, terminate } = yield* numbers(1)
    const asleep = yield* Effect.forkChild(Effect.flip(query("sleep", (sql) => sql`select pg_sleep(${30})`)))
    yield* Effect.promise(() => terminate("active"))
    assert.include(LOST, (yield* Fiber.join(asleep)).reason)
    assert.deepStrictEqual([...(yield* query("ask", one))], [{ one: 1 }])
  }).pipe(Effect.scoped),
)

it.live("sends nothing again on another connection that was lost before", () =>
  Effect.gen(function* () {
    const { query, terminate } = yield* numbers(2)
    const sleep = Effect.flip(query("sleep", (sql) => sql`select pg_sleep(${30})`))
    const asleep = yield* Effect.forkChild(Effect.all([sleep, sleep], { concurrency: "unbounded" }))
    yield* Effect.promise(() => terminate("active", 2))
    yield* Fiber.join(asleep)
    const rows = yield* query("ask", (sql) =>
      one(sql).catch((error: unknown) => {
        // Somebody else takes the connection that has given its error: only the other is left.
        sql`select pg_sleep(${0.3})`.catch(() => {})
        throw error
      }),
    )
    assert.deepStrictEqual([...rows], [{ one: 1 }])
  }).pipe(Effect.scoped),
)

it.live("closes in time when a connection was lost, and none had to be opened since", () =>
  Effect.gen(function* () {
    const { url, terminate } = yield* numbers(1)
    const scope = yield* Scope.make()
    const { query } = yield* Scope.provide(poolOn(url, 1), scope)
    const asleep = yield* Effect.forkChild(Effect.flip(query("sleep", (sql) => sql`select pg_sleep(${30})`)))
    yield* Effect.promise(() => terminate("active"))
    yield* Fiber.join(asleep)
    const [ms] = yield* Effect.timed(Scope.close(scope, Exit.void))
    assert.isBelow(Duration.toMillis(ms), 4_000)
  }).pipe(Effect.scoped),
)

it.live("runs a transaction once whose begin meets an old error", () =>
  Effect.gen(function* () {
    const { query, inTransaction, terminate, stored } = yield* numbers(1)
    const asleep = yield* Effect.forkChild(Effect.flip(query("sleep", (sql) => sql`select pg_sleep(${30})`)))
    yield* Effect.promise(() => terminate("active"))
    yield* Fiber.join(asleep)
    let runs = 0
    yield* inTransaction((sql) => {
      runs += 1
      return sql`insert into numbers values (${1})`
    })
    assert.deepStrictEqual([runs, yield* Effect.promise(stored)], [1, [1]])
  }).pipe(Effect.scoped),
)

it.live("loses a transaction and nothing else when its connection ends in the middle of a statement", () =>
  Effect.gen(function* () {
    const { query, inTransaction, terminate, stored } = yield* numbers(1)
    const lost = yield* Effect.forkChild(
      Effect.flip(
        inTransaction(async (sql) => {
          await sql`insert into numbers values (${1})`
          await sql`select pg_sleep(${30})`
        }),
      ),
    )
    yield* Effect.promise(() => terminate("active"))
    assert.include(LOST, (yield* Fiber.join(lost)).reason)
    yield* inTransaction((sql) => sql`insert into numbers values (${2})`)
    yield* query("store", (sql) => sql`insert into numbers values (${3})`)
    assert.deepStrictEqual(yield* Effect.promise(stored), [2, 3])
  }).pipe(Effect.scoped),
)

it.live("sends nothing of a transaction that goes on without its connection", () =>
  Effect.gen(function* () {
    const { inTransaction, terminate, stored } = yield* numbers(1)
    const failures: Array<unknown> = []
    const note = (error: unknown) => failures.push(error)
    const lost = yield* Effect.forkChild(
      Effect.flip(
        inTransaction(async (sql) => {
          await sql`insert into numbers values (${1})`
          await sql`select pg_sleep(${30})`.catch(note)
          await sql`insert into numbers values (${2})`.catch(note)
          await sql.unsafe("insert into numbers values (3)").catch(note)
        }),
      ),
    )
    yield* Effect.promise(() => terminate("active"))
    assert.include(LOST, (yield* Fiber.join(lost)).reason)
    yield* inTransaction((sql) => sql`insert into numbers values (${4})`)
    assert.deepStrictEqual(yield* Effect.promise(stored), [4])
    assert.lengthOf(failures, 3)
    assert.strictEqual(new Set(failures).size, 1, "what went on was told why")
  }).pipe(Effect.scoped),
)

it.live("keeps what a transaction says after its connection was lost out of the transaction of others", () =>
  Effect.gen(function* () {
    const { inTransaction, terminate, stored } = yield* numbers(1)
    const { promise: thawed, resolve: thaw } = Promise.withResolvers<void>()
    const { promise: hasEnded, resolve: end } = Promise.withResolvers<unknown>()
    const lost = yield* Effect.forkChild(
      Effect.flip(
        inTransaction(async (sql) => {
          await sql`select 1`
          await thawed
          end(await sql`insert into numbers values (${1})`.catch((error: unknown) => error))
        }),
      ),
    )
    yield* Effect.promise(() => terminate("idle in transaction"))
    assert.include(LOST, (yield* Fiber.join(lost)).reason)
    yield* inTransaction(async (sql) => {
      await sql`insert into numbers values (${2})`
      thaw()
      await hasEnded
    })
    assert.deepInclude(yield* Effect.promise(() => hasEnded), { code: "TRANSACTION_OVER" })
    assert.deepStrictEqual(yield* Effect.promise(stored), [2])
  }).pipe(Effect.scoped),
)

it.live("fails all statements that a transaction sent together", () =>
  Effect.gen(function* () {
    const { inTransaction, terminate, stored } = yield* numbers(1)
    const lost = yield* Effect.forkChild(
      Effect.flip(
        inTransaction((sql) =>
          Promise.allSettled([
            sql`insert into numbers values (${1})`,
            sql`select pg_sleep(${30})`,
            sql`insert into numbers values (${2})`,
            sql`insert into numbers values (${3})`,
          ]),
        ),
      ),
    )
    yield* Effect.promise(() => terminate("active"))
    assert.include(LOST, (yield* Fiber.join(lost)).reason)
    yield* inTransaction((sql) => sql`insert into numbers values (${4})`)
    assert.deepStrictEqual(yield* Effect.promise(stored), [4])
  }).pipe(Effect.scoped),
)

it.live("goes on with another connection when one is reset in a transaction", () =>
  Effect.gen(function* () {
    const { url, stored } = yield* numbers(1)
    const way = yield* cuttingWay(url)
    const { query } = yield* poolOn(way.url, 1)
    const lost = query("store", (sql) =>
      transaction(sql, "default", async (sql) => {
        await sql`insert into numbers values (${1})`
        way.isCutting = true
        await sql`insert into numbers values (${2})`
      }),
    )
    assert.include(LOST, (yield* Effect.flip(lost)).reason)
    way.isCutting = false
    for (const number of [3, 4, 5])
      yield* query("store", (sql) =>
        transaction(sql, "default", (sql) => sql`insert into numbers values (${number})`),
      )
    assert.deepStrictEqual(yield* Effect.promise(stored), [3, 4, 5])
  }).pipe(Effect.scoped),
)

it.live("sends the next statement on another connection, however soon after a reset it comes", () =>
  Effect.gen(function* () {
    const { url } = yield* numbers(1)
    const way = yield* cuttingWay(url)
    const { query } = yield* poolOn(way.url, 1)
    let lost = 0
    for (let nth = 0; nth < 20; nth += 1) {
      way.isCutting = nth % 2 === 1
      const answer = yield* Effect.result(query("ask", one))
      if (Result.isFailure(answer)) assert.include(LOST, answer.failure.reason)
      if (Result.isFailure(answer)) lost += 1
      else assert.lengthOf([...answer.success], 1)
    }
    assert.isAtLeast(lost, 3)
  }).pipe(Effect.scoped),
)

it.live("does not run a transaction whose begin is lost, and runs the next", () =>
  Effect.gen(function* () {
    const { url, stored } = yield* numbers(1)
    const way = yield* cuttingWay(url)
    const { query } = yield* poolOn(way.url, 1)
    yield* query("ask", one)
    let runs = 0
    const store = query("store", (sql) =>
      transaction(sql, "default", (sql) => {
        runs += 1
        return sql`insert into numbers values (${1})`
      }),
    )
    way.isCutting = true
    assert.include(LOST, (yield* Effect.flip(store)).reason)
    assert.strictEqual(runs, 0)
    way.isCutting = false
    yield* store
    assert.deepStrictEqual(yield* Effect.promise(stored), [1])
  }).pipe(Effect.scoped),
)

it.live("says that the connection was lost at the commit, and goes on with another", () =>
  Effect.gen(function* () {
    const { inTransaction, watcher, terminate, stored } = yield* numbers(1)
    yield* Effect.promise(() =>
      watcher.unsafe(`
        create function late() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return null; end $$;
        create constraint trigger late after insert on numbers deferrable initially deferred
          for each row when (new.number = 1) execute function late()`),
    )
    const store = (number: number) => inTransaction((sql) => sql`insert into numbers values (${number})`)
    const lost = yield* Effect.forkChild(Effect.flip(store(1)))
    yield* Effect.promise(() => terminate("active"))
    assert.include(LOST, (yield* Fiber.join(lost)).reason)
    yield* store(2)
    assert.deepStrictEqual(yield* Effect.promise(stored), [2])
  }).pipe(Effect.scoped),
)

it.live("rolls back for an error of the function's own, of a statement, and of the driver", () =>
  Effect.gen(function* () {
    const { inTransaction, stored } = yield* numbers(1)
    const mistakes: ReadonlyArray<[reason: string, (sql: TransactionSql) => Promise<unknown>]> = [
      ["UNKNOWN", () => Promise.reject(new Error("no"))],
      ["23505", async (sql) => sql`insert into numbers values (${1})`],
      // Whoever catches the failure of a statement does not save the transaction.
      ["23505", (sql) => sql`insert into numbers values (${1})`.catch(() => {})],
      ["UNDEFINED_VALUE", async (sql) => sql.unsafe("select $1::int", [unknown])],
    ]
    for (const [reason, mistake] of mistakes) {
      const failed = inTransaction(async (sql) => {
        await sql`insert into numbers values (${1})`
        await mistake(sql)
      })
      assert.strictEqual((yield* Effect.flip(failed)).reason, reason)
      assert.deepStrictEqual(yield* Effect.promise(stored), [])
    }
    const values = yield* inTransaction(
      (sql) => sql`insert into numbers ${sql([{ number: 5 }, { number: 6 }], "number")} returning number`,
    )
    assert.deepStrictEqual<object>([...values], [{ number: 5 }, { number: 6 }])
  }).pipe(Effect.scoped),
)

/** What a row that is not quite there gives. */
const unknown = undefined as unknown as number

it.live("refuses what is sent when the function has ended", () =>
  Effect.gen(function* () {
    const { inTransaction, query, stored } = yield* numbers(1)
    const { promise: late, resolve: end } = Promise.withResolvers<unknown>()
    const failed = inTransaction((sql) => {
      const straggler = async () => {
        await sql`select pg_sleep(${0.05})`
        end(await sql`insert into numbers values (${1})`.catch((error: unknown) => error))
      }
      return Promise.all([Promise.reject(new Error("no")), straggler()])
    })
    assert.strictEqual((yield* Effect.flip(failed)).reason, "UNKNOWN")
    assert.deepInclude(yield* Effect.promise(() => late), { code: "TRANSACTION_OVER" })
    yield* query("ask", one)
    assert.deepStrictEqual(yield* Effect.promise(stored), [])
  }).pipe(Effect.scoped),
)
