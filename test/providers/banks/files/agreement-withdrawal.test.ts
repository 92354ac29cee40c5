/** Whichever store comes back from before an order was withdrawn, or went out: it goes out, or is withdrawn, and never both. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { layer as ordersInPostgres } from "../../../../src/providers/banks/orders/file-orders-postgres.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { withdrawalInBoth } from "../../../../src/providers/banks/orders/withdrawal.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  carriedAfter,
  forgottenFiles,
  inquire,
  makeWithoutLook,
  place,
  references,
  rememberLog,
  rememberOrders,
  rowsOf,
  withdraw,
} from "./set-back-stores.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first = "", second = ""] = references([1, 2])

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
