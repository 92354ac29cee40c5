import { randomInt } from "node:crypto"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { inject, vi } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { transaction } from "../../src/platform/postgres-transaction.ts"
import { emptyDatabase } from "../database.ts"
import { PATIENCE_MS } from "../patience.ts"
import { CuttingWay } from "../recovery/cut-connections.ts"
import { settings } from "../settings.ts"

const canary = "DE89370400440532013000"

const postgresWith = (environment: Readonly<Record<string, string>> = {}) =>
  Layer.fresh(Postgres.layer).pipe(Layer.provide(settings(environment)))

it.live("gives what a query gives", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const rows = yield* query(
      "add",
      (sql) => sql<Array<{ sum: number }>>`select ${2}::int + ${3}::int as sum`,
    )
    assert.deepStrictEqual([...rows], [{ sum: 5 }])
  }).pipe(Effect.provide(postgresWith())),
)

it.live("names the step and the code of what failed, never the values", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const error = yield* Effect.flip(query("convert", (sql) => sql`select (${canary}::text)::int`))
    assert.deepInclude(error, { _tag: "StoreUnavailable", step: "convert", reason: "22P02" })
    assert.notInclude(JSON.stringify(error) + String(error.stack) + String(error.cause), canary)
  }).pipe(Effect.provide(postgresWith())),
)

it.live("loses one statement and nothing else when a connection is reset at its first", () =>
  Effect.gen(function* () {
    const way = yield* Effect.acquireRelease(
      Effect.promise(() => CuttingWay.to(inject("databaseUrl"))),
      (way) => Effect.promise(() => way[Symbol.asyncDispose]()),
    )
    const services = yield* Layer.build(postgresWith({ DATABASE_URL: way.url }))
    const { query } = Context.get(services, Postgres)
    const ask = query("ask", (sql) => sql<Array<{ one: number }>>`select ${1}::int as one`)
    way.isCutting = true
    assert.strictEqual((yield* Effect.flip(ask)).reason, "ECONNRESET")
    way.isCutting = false
    assert.deepStrictEqual([...(yield* ask)], [{ one: 1 }])
    assert.deepStrictEqual(way.cuts, { statements: 1, answers: 0 })
  }).pipe(Effect.scoped),
)

it.live("reads and writes arrays without asking the server for their types", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const texts = ["", "NULL", "{,}", 'quo"te', "back\\slash", "line\nbreak", null]
    const at = new Date("2026-11-28T12:00:00.000Z")
    const values = {
      texts,
      numbers: [1, -2, null],
      none: [],
      flags: [true, false],
      times: [at],
      large: ["12", null],
    }
    const [row] = yield* query(
      "arrays",
      (sql) => sql`
        select ${texts}::text[] as texts, ${values.numbers}::int[] as numbers, ${[]}::text[] as none,
          array[true, false] as flags, array[${at}::timestamptz] as times, array[12, null]::bigint[] as large`,
    )
    assert.deepStrictEqual<object>({ ...row }, values)
    const nested = query("nested", (sql) => sql`select array[[1, 2], [3, 4]] as nested`)
    assert.strictEqual((yield* Effect.flip(nested)).reason, "UNKNOWN")
  }).pipe(Effect.provide(postgresWith())),
)

it.live("says that the server is not there", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const error = yield* Effect.flip(query("ask", (sql) => sql`select 1`))
    assert.strictEqual(error.reason, "ECONNREFUSED")
  }).pipe(Effect.provide(postgresWith({ DATABASE_URL: "postgres://a@127.0.0.1:9/b" }))),
)

it.live(
  "names what was lost with a connection that dies at its first message, and goes on with another",
  () =>
    Effect.gen(function* () {
      const way = yield* Effect.acquireRelease(
        Effect.promise(() => CuttingWay.to(inject("databaseUrl"))),
        (way) => Effect.promise(() => way[Symbol.asyncDispose]()),
      )
      way.isCutting = true
      yield* Effect.gen(function* () {
        const { query } = yield* Postgres
        const ask = query("ask", (sql) => sql`select 1`)
        // A promise that nobody awaits would fail the run.
        const { reason } = yield* Effect.flip(ask)
        assert.include(["ECONNRESET", "CONNECTION_CLOSED"], reason)
        way.isCutting = false
        assert.lengthOf(yield* ask, 1)
      }).pipe(Effect.provide(postgresWith({ DATABASE_URL: way.url, DATABASE_CONNECTIONS: "1" })))
    }).pipe(Effect.scoped),
)

it.live("refuses a URL that is none, without repeating it", () =>
  Effect.gen(function* () {
    const url = `postgres://a:${canary}@:x:/`
    const error = yield* Effect.flip(Effect.provide(Postgres, postgresWith({ DATABASE_URL: url })))
    assert.deepInclude(error, { step: "open", reason: "INVALID_URL" })
    assert.notInclude(JSON.stringify(error) + String(error.stack), canary)
  }),
)

it.effect("lets a caller go who waited long enough, and serves the next", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    let sent = false
    const slow = yield* Effect.forkChild(
      Effect.flip(
        query("sleep", (sql) => {
          sent = true
          return sql`select pg_sleep(0.5)`
        }),
      ),
    )
    yield* Effect.promise(() => vi.waitUntil(() => sent, PATIENCE_MS))
    yield* TestClock.adjust(16_000)
    assert.strictEqual((yield* Fiber.join(slow)).reason, "TIMEOUT")
    const rows = yield* query("ask", (sql) => sql<Array<{ one: number }>>`select 1 as one`)
    assert.deepStrictEqual([...rows], [{ one: 1 }])
  }).pipe(Effect.provide(postgresWith({ DATABASE_CONNECTIONS: "1" }))),
)

it.live("never sends what a caller stopped waiting for", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const { promise: enough, resolve: finish } = Promise.withResolvers<void>()
    const busy = yield* Effect.forkChild(query("hold", (sql) => sql`select 1`.then(() => enough)))
    let sent = false
    const waiting = yield* Effect.forkChild(
      query("wait", (sql) => {
        sent = true
        return sql`select 1`
      }),
    )
    yield* Effect.yieldNow
    yield* Fiber.interrupt(waiting)
    finish()
    yield* Fiber.join(busy)
    yield* query("ask", (sql) => sql`select 1`)
    assert.isFalse(sent)
  }).pipe(Effect.provide(postgresWith({ DATABASE_CONNECTIONS: "1" }))),
)

it.live("ends a transaction whose process is frozen, so that others get its locks", () =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const { promise: thawed, resolve: thaw } = Promise.withResolvers<void>()
    const lock = randomInt(2 ** 31)
    let isHeld = false
    let endsAfter: string | undefined
    const patient = yield* Layer.build(Layer.fresh(Postgres.patient(inject("databaseUrl"), 2_000)))
    const frozen = yield* Effect.forkChild(
      Context.get(patient, Postgres).query("hold", (sql) =>
        transaction(sql, "default", async (sql) => {
          const [row] = await sql<Array<{ readonly after: string }>>`
            select current_setting('idle_in_transaction_session_timeout') as after, pg_advisory_xact_lock(${lock})`
          endsAfter = row?.after
          isHeld = true
          await thawed
        }),
      ),
    )
    yield* Effect.promise(() => vi.waitUntil(() => isHeld, PATIENCE_MS))
    const taken = yield* query("take", (sql) => sql`select pg_advisory_lock(${lock})`)
    assert.lengthOf([...taken], 1)
    assert.strictEqual(
      endsAfter,
      "2s",
      "the server does it: this process would not if it were frozen as a whole",
    )
    thaw()
    assert.isTrue(Exit.isFailure(yield* Fiber.await(frozen)))
  }).pipe(Effect.scoped, Effect.provide(postgresWith())),
)

it.live("leaves no connection behind when its scope closes", () =>
  Effect.gen(function* () {
    const observer = yield* Postgres
    const url = new URL(inject("databaseUrl"))
    const pidOf = Effect.gen(function* () {
      const { query } = yield* Postgres
      const rows = yield* query("ask", (sql) => sql<Array<{ pid: number }>>`select pg_backend_pid() as pid`)
      return rows[0]?.pid ?? 0
    })
    const pid = yield* Effect.provide(pidOf, postgresWith({ DATABASE_URL: url.href }))
    const left = () =>
      Effect.runPromise(
        observer.query("look", (sql) => sql`select 1 from pg_stat_activity where pid = ${pid}`),
      )
    yield* Effect.promise(() => vi.waitUntil(async () => (await left()).length === 0, PATIENCE_MS))
  }).pipe(Effect.provide(postgresWith())),
)

it.live("leaves a connection that only reads: the next statement gets one that may write again", () =>
  Effect.gen(function* () {
    const { url } = yield* Effect.acquireRelease(
      Effect.promise(() => emptyDatabase()),
      ({ drop }) => Effect.promise(() => drop()),
    )
    const name = new URL(url).pathname.slice(1)
    const server = yield* Layer.build(postgresWith())
    const say = (what: string) =>
      Context.get(server, Postgres).query("say", (sql) =>
        sql.unsafe(`alter database ${name} set default_transaction_read_only = ${what}`),
      )
    yield* say("on")
    const services = yield* Layer.build(postgresWith({ DATABASE_URL: url, DATABASE_CONNECTIONS: "1" }))
    const create = Context.get(services, Postgres).query("create", (sql) => sql`create table t (id int)`)
    assert.strictEqual((yield* Effect.flip(create)).reason, "25006")
    yield* say("off")
    assert.lengthOf(yield* create, 0)
  }).pipe(Effect.scoped),
)
