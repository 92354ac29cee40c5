/** Whichever store comes back older than it was: no order goes out twice, no message id stands for two files. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { logFiles } from "../../../../src/providers/banks/orders/agreement.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  carriedAfter,
  forgottenFiles,
  makeWithoutLook,
  place,
  references,
  rememberLog,
  rememberMade,
  rememberOrders,
} from "./set-back-stores.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first = "", second = ""] = references([1, 2])

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
