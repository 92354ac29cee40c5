import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { layer } from "../../src/register/instruction-register-postgres.ts"
import { databaseLayer, type OwnDatabase, ownDatabase } from "../database.ts"
import { batchId } from "../domain/batch-story.ts"
import { settings } from "../settings.ts"

let database: OwnDatabase

beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const register = Layer.suspend(() =>
  Layer.fresh(layer).pipe(
    Layer.provideMerge(Layer.fresh(databaseLayer)),
    Layer.provide(settings({ DATABASE_URL: database.url })),
  ),
)

const tail = { batch: batchId, version: 3, head: "three" }

const none: ReadonlySet<string> = new Set()

const attemptOf = (item: number, attempt = 1) => {
  return { batch: batchId, item, attempt, bank: "north" }
}

it.live("is created once, however many processes start at a time", () =>
  Effect.gen(function* () {
    const starts = Array.from({ length: 8 }, () => Effect.provide(InstructionRegister, register))
    yield* Effect.all(starts, { concurrency: "unbounded" })
  }),
)

it.live("records attempts, and gives those that it holds already", () =>
  Effect.gen(function* () {
    const { record } = yield* InstructionRegister
    assert.deepStrictEqual(yield* record([attemptOf(1), attemptOf(2)], tail, none), {
      registered: [],
      decisions: [],
    })
    const again = yield* record([attemptOf(1), attemptOf(2)], tail, none)
    assert.deepStrictEqual(again.registered, [attemptOf(1), attemptOf(2)], "all of them")
    const elsewhere = { ...attemptOf(2), bank: "south" }
    assert.deepStrictEqual(
      (yield* record([attemptOf(3), elsewhere, attemptOf(2, 2)], tail, none)).registered,
      [attemptOf(2)],
      "with the bank that they were registered with",
    )
    assert.deepStrictEqual(yield* record([], tail, none), { registered: [], decisions: [] })
    const postgres = yield* Postgres
    const rows = yield* postgres.query(
      "read",
      (sql) => sql<Array<{ item: number; attempt: number; bank: string }>>`
        select item, attempt, bank from instruction_register order by item, attempt`,
    )
    assert.deepStrictEqual(
      rows.map((row) => ({ ...row })),
      [attemptOf(1), attemptOf(2), attemptOf(2, 2), attemptOf(3)].map(({ batch, ...row }) => row),
    )
  }).pipe(Effect.provide(register)),
)

it.live(
  "lets exactly one of two writers of the same attempts win each of them, in whatever order they come",
  () =>
    Effect.gen(function* () {
      const { record } = yield* InstructionRegister
      const postgres = yield* Postgres
      const connect = postgres.query("connect", (sql) => sql`select pg_sleep(0.05)`)
      yield* Effect.all([connect, connect], { concurrency: 2 })
      const attempts = Array.from({ length: 10_000 }, (_, index) => attemptOf(100 + index))
      const [one, two] = yield* Effect.all(
        [record(attempts, tail, none), record(attempts.toReversed(), tail, none)],
        {
          concurrency: 2,
        },
      )
      const refused = [...one.registered, ...two.registered].map(({ item }) => item)
      assert.deepStrictEqual(
        refused.toSorted((a, b) => a - b),
        attempts.map(({ item }) => item),
      )
    }).pipe(Effect.provide(register)),
)

it.live("records an attempt once for calls that share a statement", () =>
  Effect.gen(function* () {
    const { record } = yield* InstructionRegister
    const numbers = [50_001, 50_002, 50_003]
    // The first call is written alone, and the others together after it.
    const calls = [[50_000], numbers, numbers.slice(1), [50_004]]
    const answers = yield* Effect.forEach(
      calls,
      (items) =>
        record(
          items.map((item) => attemptOf(item)),
          tail,
          none,
        ),
      { concurrency: "unbounded" },
    )
    const registered = answers.map((answer) => answer.registered.map(({ item }) => item))
    assert.deepStrictEqual(registered, [[], [], numbers.slice(1), []])
  }).pipe(Effect.provide(register)),
)

it.live("says that it is unavailable when the database refuses, and not what was to be recorded", () =>
  Effect.gen(function* () {
    const { record } = yield* InstructionRegister
    const postgres = yield* Postgres
    yield* postgres.query("break", (sql) => sql`alter table instruction_register rename to gone`)
    const error = yield* Effect.flip(record([attemptOf(1)], tail, none))
    assert.deepInclude(error, {
      _tag: "StoreUnavailable",
      store: "postgres",
      step: "record",
      reason: "42P01",
    })
    yield* postgres.query("mend", (sql) => sql`alter table gone rename to instruction_register`)
  }).pipe(Effect.provide(register)),
)
