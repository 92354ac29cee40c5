/** An order is taken back before it is in a file, or it is in one: never both, never neither, whoever comes first. */
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterAll, beforeAll, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { StoreUnavailable } from "../../../../src/platform/store-unavailable.ts"
import type { Withdrawal } from "../../../../src/providers/banks/bank.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { type OwnDatabase, ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"

let database: OwnDatabase
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

const place = (test: FileBankUnderTest, ...items: ReadonlyArray<number>) =>
  Effect.flatMap(test.port, ({ transfer }) =>
    Effect.forEach(items, (item) => transfer(test.orderOf(item)), { concurrency: 8 }),
  )

const withdraw = (test: FileBankUnderTest, item: number) =>
  Effect.flatMap(FileOrders, (orders) => orders.withdraw(test.bank.name, referenceOf(item)))

const inquire = (test: FileBankUnderTest, item: number) =>
  Effect.flatMap(test.port, (bank) => bank.inquire(referenceOf(item)))

/** The record of files, in a process that dies right before or after a file is complete. */
const dying = (when: "before" | "after") =>
  Layer.effect(
    OutboxFiles,
    Effect.map(OutboxFiles, (files) => {
      const death = Effect.die("killed")
      const stage: typeof files.stage = (...given) =>
        when === "before" ? death : Effect.andThen(files.stage(...given), death)
      return { ...files, stage }
    }),
  )

const groupOf = (test: FileBankUnderTest) =>
  ({ bank: test.bank.name, scheme: "sepa", currency: "EUR" }) as const

it("an order that waits is in no file after it was taken back, and what it said is erased", async () => {
  using test = new FileBankUnderTest(database)
  const [answers, standing, again, dump] = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1, 2)
      const answers = [yield* withdraw(test, 1), yield* withdraw(test, 1)]
      yield* writeOutbox(test.bank)
      const [again] = yield* place(test, 1)
      yield* writeOutbox(test.bank)
      const { query } = yield* Postgres
      const dump = yield* query(
        "dump",
        (sql) =>
          sql`select reference, state, sealed from file_orders where bank = ${test.bank.name} order by reference`,
      )
      return [answers, yield* inquire(test, 1), again, dump] as const
    }),
  )
  test.carry()
  expect(answers).toEqual(["withdrawn", "withdrawn"])
  expect(standing).toEqual({ _tag: "Withdrawn" })
  expect(again, "it is not stored again").toEqual({ _tag: "Withdrawn" })
  expect(dump[0]).toEqual({ reference: referenceOf(1), state: "withdrawn", sealed: null })
  expect(test.ordered).toEqual([referenceOf(2)])
  expect([...test.taken.values()].join()).toContain(canary)
})

it("an order that is still on its way to us is refused when it comes", async () => {
  using test = new FileBankUnderTest(database)
  const [answer, late] = await test.run(
    Effect.gen(function* () {
      const answer = yield* withdraw(test, 1)
      const [late] = yield* place(test, 1)
      yield* place(test, 2)
      yield* writeOutbox(test.bank)
      return [answer, late]
    }),
  )
  test.carry()
  expect([answer, late]).toEqual(["withdrawn", { _tag: "Withdrawn" }])
  expect(test.ordered).toEqual([referenceOf(2)])
})

it("an order that is in a complete file is not taken back: it goes out, and then it may have gone", async () => {
  using test = new FileBankUnderTest(database)
  const answers = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1)
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("after")))
      const made = yield* withdraw(test, 1)
      yield* writeOutbox(test.bank)
      return [made, yield* withdraw(test, 1), (yield* inquire(test, 1))._tag]
    }),
  )
  test.carry()
  expect(answers).toEqual(["going-out", "may-have-gone", "Accepted"])
  expect(test.ordered).toEqual([referenceOf(1)])
})

it("an order that we refuse ourselves never goes out, and is said to be taken back", async () => {
  using test = new FileBankUnderTest(database)
  const answers = await test.run(
    Effect.gen(function* () {
      const { transfer } = yield* test.port
      const { account } = test.orderOf(1).beneficiary
      yield* transfer(test.orderOf(1, { beneficiary: { name: "爱达", account } }))
      return [yield* withdraw(test, 1), (yield* inquire(test, 1))._tag]
    }),
  )
  expect(answers).toEqual(["withdrawn", "Failed"])
})

it("an order is taken out of a file that was made and not logged", async () => {
  using test = new FileBankUnderTest(database)
  const answers = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1, 2)
      yield* (yield* OutboxFiles).make(groupOf(test), "2026-11-27", 0, 100)
      const answers = [yield* withdraw(test, 1)]
      yield* writeOutbox(test.bank)
      return [...answers, yield* withdraw(test, 1)]
    }),
  )
  test.carry()
  expect(answers).toEqual(["withdrawn", "withdrawn"])
  expect(test.ordered).toEqual([referenceOf(2)])
})

it("an order is taken out of a file that was logged and is not complete", async () => {
  using test = new FileBankUnderTest(database)
  const [answer, standing, late] = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1, 2)
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before")))
      const answer = yield* withdraw(test, 1)
      yield* writeOutbox(test.bank)
      return [answer, yield* inquire(test, 1), yield* withdraw(test, 2)]
    }),
  )
  test.carry()
  expect([answer, standing, late]).toEqual(["withdrawn", { _tag: "Withdrawn" }, "may-have-gone"])
  expect(test.ordered).toEqual([referenceOf(2)])
})

it("a file that is completed between the two stores' words is known to be without the order", async () => {
  using test = new FileBankUnderTest(database)
  const answer = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1, 2)
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before")))
      const { query } = yield* Postgres
      yield* query(
        "take out as whoever dies before the log is told",
        (sql) => sql`
          with file as (update bank_files set taken_out = taken_out + 1 where bank = ${test.bank.name})
          update file_orders set file = null, sealed = null, state = 'withdrawn'
          where bank = ${test.bank.name} and reference = ${referenceOf(1)}`,
      )
      yield* writeOutbox(test.bank)
      return yield* withdraw(test, 1)
    }),
  )
  test.carry()
  expect(answer).toBe("withdrawn")
  expect(test.ordered).toEqual([referenceOf(2)])
})

it("nothing is put into a file while the log of files is away", async () => {
  using test = new FileBankUnderTest(database)
  const files = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1)
      const away = new StoreUnavailable({ store: "redis", step: "read", reason: "CONNECTION" })
      const log = FileLog.of({ ...(yield* FileLog), tail: () => Effect.fail(away) })
      yield* Effect.exit(Effect.provideService(writeOutbox(test.bank), FileLog, log))
      const { query } = yield* Postgres
      return yield* query("files", (sql) => sql`select from bank_files where bank = ${test.bank.name}`)
    }),
  )
  expect(files).toHaveLength(0)
})

it("one that waits for a file that is being made is taken out of it", async () => {
  using test = new FileBankUnderTest(database)
  const sql = postgres(database.url, { max: 1 })
  try {
    await test.run(place(test, 1))
    const { bank } = groupOf(test)
    let answer: Promise<Withdrawal> | undefined
    await sql.begin(async (maker) => {
      const [file] = await maker`
        insert into bank_files (bank, scheme, currency, day, sequence, made_at)
        values (${bank}, 'sepa', 'EUR', '2026-11-27', 1, now()) returning id`
      await maker`update file_orders set file = ${file?.id} where bank = ${bank}`
      answer = test.run(withdraw(test, 1))
      await eventuallyWaiting(sql.options.database)
    })
    expect(await answer).toBe("withdrawn")
  } finally {
    await sql.end()
  }
})

it("a file that is made while an order is being taken back is made without it", async () => {
  using test = new FileBankUnderTest(database)
  const sql = postgres(database.url, { max: 1 })
  try {
    await test.run(place(test, 1))
    await sql.begin(async (taker) => {
      await taker`update file_orders set state = 'withdrawn' where bank = ${test.bank.name}`
      await test.run(writeOutbox(test.bank))
    })
    await test.run(writeOutbox(test.bank))
    expect(test.list("outbox")).toEqual([])
  } finally {
    await sql.end()
  }
})

/** Waits until some statement of the database waits for a lock. */
const eventuallyWaiting = async (name: string): Promise<void> => {
  const sql = postgres(database.url, { max: 1 })
  try {
    for (let looks = 0; looks < 600; looks += 1) {
      const waiting = await sql`
        select from pg_stat_activity where datname = ${name} and wait_event_type = 'Lock'`
      if (waiting.length > 0) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error("nothing waits")
  } finally {
    await sql.end()
  }
}

it("an order that was put back into its file while it was withdrawn stops none of the others", async () => {
  using test = new FileBankUnderTest(database)
  const answer = await test.run(
    Effect.gen(function* () {
      yield* place(test, 1, 2)
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before")))
      // Between the two steps of a withdrawal another process saw the file without the order, and restored it from the log.
      const { query } = yield* Postgres
      yield* query(
        "test",
        (sql) =>
          sql`update file_orders set sealed = null where bank = ${test.bank.name} and reference = ${referenceOf(1)}`,
      )
      yield* (yield* FileLog).withdraw(test.bank.name, referenceOf(1))
      for (const _ of [1, 2]) yield* writeOutbox(test.bank)
      test.carry()
      return yield* withdraw(test, 1)
    }),
  )
  expect([answer, test.ordered]).toEqual(["withdrawn", [referenceOf(2)]])
})

it("many that are taken back while files are made are each in a file or never in one", async () => {
  using test = new FileBankUnderTest(database, { ordersMax: 5 })
  const items = range(60)
  const answers = new Map<string, Withdrawal>()
  const taker = (own: ReadonlyArray<number>) =>
    Effect.forEach(own, (item) =>
      Effect.map(withdraw(test, item), (answer) => {
        // Of two who ask at once one may only be told that it cannot be ruled out.
        if (answers.get(referenceOf(item)) !== "withdrawn") answers.set(referenceOf(item), answer)
      }),
    )
  const writer = Effect.gen(function* () {
    for (let look = 0; look < 12; look += 1) {
      yield* writeOutbox(test.bank).pipe(Effect.catchTag("BankFilesUnavailable", () => Effect.void))
      test.carry()
    }
  })
  await Promise.all([
    test.run(place(test, ...items)),
    test.run(writer),
    test.run(writer),
    test.run(taker(items.filter((item) => item % 2 === 0))),
    test.run(taker(items.filter((item) => item % 3 === 0).toReversed())),
  ])
  await test.run(writer)
  // Two who take orders out of one file at once may each only learn that theirs cannot be ruled out. Asked again, it is known.
  const unsent = items.filter(
    (item) => answers.has(referenceOf(item)) && !test.ordered.includes(referenceOf(item)),
  )
  await test.run(taker(unsent))
  const withdrawn = [...answers].flatMap(([reference, answer]) => (answer === "withdrawn" ? [reference] : []))
  const expected = items.map(referenceOf).filter((reference) => !withdrawn.includes(reference))
  expect([...test.ordered].sort()).toEqual(expected.sort())
})
