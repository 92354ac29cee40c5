/** Whichever store comes back older than it was: no order goes out twice, no message id stands for two files. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { executionOf } from "../../../../src/domain/scheme.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import { logFiles } from "../../../../src/providers/banks/files/agreement.ts"
import { FileOrders } from "../../../../src/providers/banks/files/file-orders.ts"
import { layer as ordersInPostgres } from "../../../../src/providers/banks/files/file-orders-postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { OutboxFiles } from "../../../../src/providers/banks/files/outbox-files.ts"
import { withdrawalInBoth } from "../../../../src/providers/banks/files/withdrawal.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const references = (items: ReadonlyArray<number>) =>
  items.map((item) => transferReference({ batch: batchId, item, attempt: 1 }))

const place = (test: FileBankUnderTest, items: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { transfer } = yield* test.port
    return yield* Effect.forEach(items, (item) => transfer(test.orderOf(item)))
  })

const [first = "", second = ""] = references([1, 2])

const inquire = (test: FileBankUnderTest, item: number) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    return yield* inquire(references([item])[0] ?? "")
  })

const withdraw = (test: FileBankUnderTest, item: number) =>
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

const rowsOf = ({ bank }: FileBankUnderTest) =>
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
const rememberOrders = ({ bank }: FileBankUnderTest) =>
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
const rememberLog = ({ prefix }: FileBankUnderTest) =>
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
const rememberMade = (test: FileBankUnderTest) => Effect.andThen(makeWithoutLook(test), rememberOrders(test))

/** Decides that what waits goes out together, as a process does that looked at the stores before they were set back. */
const makeWithoutLook = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { make } = yield* OutboxFiles
    const at = Date.now()
    yield* make({ bank: bank.name, scheme: "sepa", currency: "EUR" }, executionOf("sepa", at), at, 100)
  })

const carriedAfter = (test: FileBankUnderTest) =>
  Effect.gen(function* () {
    yield* writeOutbox(test.bank).pipe(Effect.ignore)
    test.carry()
  })

const forgottenFiles = Effect.gen(function* () {
  const { forgottenFiles } = yield* Metrics
  return (yield* Effect.promise(() => forgottenFiles.get())).values.map(({ labels, value }) => [
    labels.store,
    value,
  ])
})

describe("Postgres comes back older than it was", () => {
  it("from before the file was made: it is not made again, and its orders are in no other", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const setBack = yield* rememberOrders(test)
        yield* carriedAfter(test)
        yield* setBack
        yield* place(test, [3])
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        expect(yield* forgottenFiles).toEqual([["orders", 1]])
      }),
    )
    expect([...test.taken.keys()].map((name) => name.replace(/20\d\d-\d\d-\d\d/, "DAY"))).toEqual([
      "EUR-sepa-DAY-1.pain.001.xml",
      "EUR-sepa-DAY-2.pain.001.xml",
    ])
    expect([...test.ordered].sort()).toEqual(references([1, 2, 3]))
    expect(test.lines.join("\n")).toContain("the store of orders is older than it was")
  })

  it("from before the file was made, and was made into the same file at the next look: it is said", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const setBack = yield* rememberOrders(test)
        yield* carriedAfter(test)
        yield* setBack
        yield* carriedAfter(test)
        expect(yield* forgottenFiles).toEqual([["orders", 1]])
      }),
    )
    expect([test.taken.size, ...[...test.ordered].sort()]).toEqual([1, first, second])
  })

  it("from before the file was made, after the look at the stores of that round: it is said all the same", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const setBack = yield* rememberOrders(test)
        yield* carriedAfter(test)
        const files = yield* OutboxFiles
        const sets = Effect.provideService(Effect.orDie(setBack), Postgres, yield* Postgres)
        const due: typeof files.due = (...asked) => Effect.andThen(sets, files.due(...asked))
        yield* Effect.provideService(carriedAfter(test), OutboxFiles, OutboxFiles.of({ ...files, due }))
        expect(yield* forgottenFiles).toEqual([["orders", 1]])
      }),
    )
    expect([test.taken.size, ...[...test.ordered].sort()]).toEqual([1, first, second])
  })

  it("from when the file was made and not released: it is not released again", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const unreleased = yield* rememberMade(test)
        yield* carriedAfter(test)
        yield* unreleased
        yield* carriedAfter(test)
        yield* carriedAfter(test)
      }),
    )
    expect(test.taken.size).toBe(1)
    expect([...test.ordered].sort()).toEqual(references([1, 2]))
  })

  it("from before the orders came: they are known again, and what they are sent again as is not written", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        const setBack = yield* rememberOrders(test)
        yield* place(test, [1, 2])
        yield* carriedAfter(test)
        yield* setBack
        // One comes again before the next look, one after it.
        expect(yield* place(test, [1])).toMatchObject([{ _tag: "Accepted" }])
        yield* carriedAfter(test)
        expect(yield* place(test, [2])).toMatchObject([{ _tag: "Accepted" }])
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        const [name = ""] = test.taken.keys()
        const { sentIn } = yield* FileOrders
        expect(yield* sentIn(test.bank.name, name.replace(".pain.001.xml", ""))).toHaveLength(2)
      }),
    )
    expect(test.taken.size).toBe(1)
    expect([...test.ordered].sort()).toEqual(references([1, 2]))
    expect(test.lines.filter((line) => line.includes("cannot be written yet"))).toEqual([])
  })

  it("while a file was made that takes the number and an order of one that was forgotten", async () => {
    using test = new FileBankUnderTest(database, { everyMs: 86_400_000, ordersMax: 2 })
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1])
        const setBack = yield* rememberOrders(test)
        yield* place(test, [2])
        yield* carriedAfter(test)
        yield* setBack
        yield* place(test, [3])
        yield* makeWithoutLook(test)
        yield* carriedAfter(test)
        yield* place(test, [4])
        yield* carriedAfter(test)
        yield* carriedAfter(test)
      }),
    )
    expect([...test.ordered].sort()).toEqual(references([1, 2, 3, 4]))
    expect(test.taken.size).toBe(2)
  })
})

describe("Redis comes back older than it was", () => {
  it("its log is written again before anything else is released, and is worth as much as before", async () => {
    using test = new FileBankUnderTest(database)
    const [logged, again] = await test.run(
      Effect.gen(function* () {
        const emptied = yield* rememberLog(test)
        const setBack = yield* rememberOrders(test)
        yield* place(test, [1, 2])
        yield* carriedAfter(test)
        const { tail } = yield* FileLog
        const logged = yield* tail(test.bank.name)
        yield* emptied
        yield* carriedAfter(test)
        expect(yield* forgottenFiles).toEqual([["log", 1]])
        const again = yield* tail(test.bank.name)
        yield* setBack
        yield* place(test, [1, 2, 3])
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        return [logged, again]
      }),
    )
    expect(again).toEqual(logged)
    expect([...test.ordered].sort()).toEqual(references([1, 2, 3]))
    expect(test.taken.size).toBe(2)
  })

  it("while a file is not released, and no order is due: the file is logged again before it is released", async () => {
    using test = new FileBankUnderTest(database)
    const known = await test.run(
      Effect.gen(function* () {
        const emptied = yield* rememberLog(test)
        yield* place(test, [1, 2])
        yield* makeWithoutLook(test)
        yield* logFiles(test.bank.name)
        yield* emptied
        const [files, log] = [yield* OutboxFiles, yield* FileLog]
        const known: Array<number> = []
        const written: typeof files.written = (file) =>
          Effect.andThen(
            Effect.orDie(Effect.map(log.tail(test.bank.name), ({ version }) => known.push(version))),
            files.written(file),
          )
        yield* Effect.provideService(carriedAfter(test), OutboxFiles, OutboxFiles.of({ ...files, written }))
        return known
      }),
    )
    expect(known).toEqual([1])
    expect([...test.ordered].sort()).toEqual(references([1, 2]))
  })
})

describe("Postgres comes back from before an order was withdrawn", () => {
  it("which is in a file by then: it is taken out, and the others go out without it", async () => {
    using test = new FileBankUnderTest(database)
    const [answers, standing, again] = await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const setBack = yield* rememberOrders(test)
        const answers = [yield* withdraw(test, 1)]
        yield* setBack
        yield* makeWithoutLook(test)
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        expect(yield* forgottenFiles).toEqual([["orders", 1]])
        expect(yield* rowsOf(test)).toMatchObject([
          { reference: first, state: "withdrawn", isSealed: false, isFiled: false },
          { reference: second, state: "accepted", isFiled: true },
        ])
        return [answers, yield* inquire(test, 1), yield* place(test, [1])]
      }),
    )
    expect(answers).toEqual(["withdrawn"])
    expect([standing, ...again]).toEqual([{ _tag: "Withdrawn" }, { _tag: "Withdrawn" }])
    expect(test.ordered).toEqual([second])
    expect(test.lines.join("\n")).toContain("withdrawn orders are taken out of a file")
  })

  it.each([
    { when: "and knows its file", isLogged: true },
    { when: "and not its file", isLogged: false },
  ])("which was taken out of a logged file, $when: it goes out without it", async ({ isLogged }) => {
    using test = new FileBankUnderTest(database)
    const answers = await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        const before = yield* rememberOrders(test)
        const files = yield* OutboxFiles
        const broken = OutboxFiles.of({ ...files, stage: () => Effect.die("killed") })
        yield* Effect.exit(Effect.provideService(writeOutbox(test.bank), OutboxFiles, broken))
        const setBack = isLogged ? yield* rememberOrders(test) : before
        const answers = [yield* withdraw(test, 1)]
        yield* setBack
        for (let look = 0; look < 3; look += 1) yield* carriedAfter(test)
        return [...answers, yield* inquire(test, 1)]
      }),
    )
    expect(answers).toEqual(["withdrawn", { _tag: "Withdrawn" }])
    expect(test.ordered).toEqual([second])
  })

  it("which was all that its file had: the file is dropped", async () => {
    using test = new FileBankUnderTest(database)
    const files = await test.run(
      Effect.gen(function* () {
        yield* place(test, [1])
        const setBack = yield* rememberOrders(test)
        yield* withdraw(test, 1)
        yield* setBack
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        const { query } = yield* Postgres
        return yield* query("files", (sql) => sql`select from bank_files where bank = ${test.bank.name}`)
      }),
    )
    expect([files.length, test.taken.size]).toEqual([0, 0])
  })

  it.each([
    { when: "that waits again", forgets: [place, rememberOrders] },
    { when: "that is not there any more", forgets: [rememberOrders, place] },
  ])("$when: whoever asks, or orders it again, hears that it is withdrawn", async ({ forgets }) => {
    using test = new FileBankUnderTest(database)
    const answers = await test.run(
      Effect.gen(function* () {
        let setBack: Effect.Effect<void, unknown, Postgres> = Effect.void
        for (const step of forgets)
          if (step === rememberOrders) setBack = yield* rememberOrders(test)
          else yield* place(test, [1, 2])
        yield* withdraw(test, 1)
        yield* setBack
        const answers = [yield* inquire(test, 1)]
        yield* withdraw(test, 2)
        yield* setBack
        answers.push(...(yield* place(test, [2])))
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        return answers
      }),
    )
    expect(answers).toEqual([{ _tag: "Withdrawn" }, { _tag: "Withdrawn" }])
    expect(test.ordered.filter((reference) => reference === second)).toEqual([])
  })

  it("and may have released it: the bank's files stand still", async () => {
    using test = new FileBankUnderTest(database)
    const failure = await test.run(
      Effect.gen(function* () {
        yield* place(test, [1, 2])
        yield* makeWithoutLook(test)
        const { query } = yield* Postgres
        yield* query(
          "stage",
          (sql) => sql`update bank_files set staged_as = '.draft' where bank = ${test.bank.name}`,
        )
        yield* (yield* FileLog).withdraw(test.bank.name, first)
        return yield* Effect.flip(writeOutbox(test.bank))
      }),
    )
    expect(failure).toMatchObject({ step: "compare the files with their log" })
    expect(failure.reason).toContain("may have been released")
    expect(test.lines.join("\n")).not.toContain("are taken out of a file")
  })
})

describe("Postgres comes back from before an order went out, which is then to be taken back", () => {
  it.each([
    { when: "it waits again", isKept: true },
    { when: "it is not there any more", isKept: false },
  ])("$when: it may have gone, and is put back into its file", async ({ isKept }) => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        const before = yield* rememberOrders(test)
        yield* place(test, [1, 2])
        const setBack = isKept ? yield* rememberOrders(test) : before
        yield* carriedAfter(test)
        yield* setBack
        expect(yield* withdraw(test, 1)).toBe("may-have-gone")
        expect((yield* rowsOf(test)).map(({ isSealed }) => isSealed)).toEqual(isKept ? [true, true] : [])
        if (!isKept) expect((yield* inquire(test, 1))._tag).toBe("Ambiguous")
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        expect(yield* withdraw(test, 1)).toBe("may-have-gone")
        expect((yield* inquire(test, 1))._tag).toBe("Accepted")
        expect(yield* rowsOf(test)).toMatchObject([
          { reference: first, partner: "acme", state: "accepted", isFiled: true },
          { reference: second, partner: "acme", state: "accepted", isFiled: true },
        ])
        const { find } = yield* FileOrders
        expect((yield* find(test.bank.name, first))?.reports).toEqual([{ _tag: "Asked" }])
      }),
    )
    expect([test.taken.size, ...[...test.ordered].sort()]).toEqual([1, first, second])
  })

  it("while its file was logged by another: it may have gone", async () => {
    using test = new FileBankUnderTest(database)
    const answer = await test.run(
      Effect.gen(function* () {
        yield* place(test, [1])
        const setBack = yield* rememberOrders(test)
        yield* carriedAfter(test)
        yield* setBack
        // As it was when it was looked at.
        const earlier = FileLog.of({ ...(yield* FileLog), standing: () => Effect.undefined })
        const orders = Layer.fresh(withdrawalInBoth).pipe(
          Layer.provide([ordersInPostgres, Layer.succeed(FileLog, earlier)]),
        )
        const answer = yield* Effect.provide(withdraw(test, 1), orders)
        yield* carriedAfter(test)
        expect(yield* withdraw(test, 1)).toBe("may-have-gone")
        return answer
      }),
    )
    expect([answer, ...test.ordered]).toEqual(["may-have-gone", first])
  })

  it("and was marked as withdrawn in between: the log says that it is in the file", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        yield* place(test, [1])
        const setBack = yield* rememberOrders(test)
        yield* place(test, [2])
        yield* carriedAfter(test)
        yield* setBack
        const { query } = yield* Postgres
        const { name } = test.bank
        yield* query(
          "mark",
          (sql) => sql`
          update file_orders set state = 'withdrawn', sealed = null where bank = ${name}`,
        )
        yield* query(
          "mark",
          (sql) => sql`
          insert into file_orders
            (bank, reference, fingerprint, scheme, currency, minor, accepted_at, due_at, state)
          values (${name}, ${second}, '', '', '', 0, now(), now(), 'withdrawn')`,
        )
        expect((yield* inquire(test, 1))._tag).toBe("Ambiguous")
        yield* carriedAfter(test)
        yield* carriedAfter(test)
        const { sent } = yield* FileOrders
        expect(yield* sent(name, [first, second])).toMatchObject([
          { minor: 1n, currency: "EUR", standing: { _tag: "Accepted" } },
          { minor: 2n, currency: "EUR", standing: { _tag: "Accepted" } },
        ])
        expect(yield* place(test, [2])).toMatchObject([{ _tag: "Accepted" }])
      }),
    )
    expect([test.taken.size, ...[...test.ordered].sort()]).toEqual([1, first, second])
  })
})

it("Redis comes back from before an order was withdrawn: Postgres holds it, and the log is told again", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(
    Effect.gen(function* () {
      yield* place(test, [1, 2])
      const emptied = yield* rememberLog(test)
      expect(yield* withdraw(test, 1)).toBe("withdrawn")
      yield* emptied
      yield* carriedAfter(test)
      const { standing } = yield* FileLog
      expect(yield* standing(test.bank.name, first)).toBeUndefined()
      expect(yield* inquire(test, 1)).toEqual({ _tag: "Withdrawn" })
      expect(yield* standing(test.bank.name, first)).toEqual({ _tag: "Withdrawn" })
      yield* carriedAfter(test)
    }),
  )
  expect(test.ordered).toEqual([second])
})

it("where neither store follows from the other, the bank's files stand still", async () => {
  using test = new FileBankUnderTest(database)
  const failure = await test.run(
    Effect.gen(function* () {
      const emptied = yield* rememberLog(test)
      const setBack = yield* rememberOrders(test)
      yield* place(test, [1])
      yield* carriedAfter(test)
      const first = yield* rememberOrders(test)
      yield* emptied
      yield* setBack
      test.taken.clear()
      yield* place(test, [2])
      yield* carriedAfter(test)
      yield* first
      yield* place(test, [3])
      return yield* Effect.flip(writeOutbox(test.bank))
    }),
  )
  expect(failure).toMatchObject({ step: "compare the files with their log" })
  test.carry()
  expect(test.ordered).not.toContain(references([3])[0])
})
