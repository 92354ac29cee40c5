/** What the calendar of a bank of Nacha leaves open: whatever a person has to judge; and orders that its files cannot have. */
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { lastReturnedDay, newYork, returnsEndAt } from "../../../../src/providers/nacha/entry-dates.ts"
import { zipOf } from "../../iso20022/zipped.ts"
import { entriesOf } from "../../nacha/nacha-rules.ts"
import { changed, returned, type SentEntry, sentFile } from "../../nacha/return-files.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { account, calendar, idOf, made, nachaBank, sentOrders, usOrder } from "./nacha-bank.ts"
import { place } from "./outbox-under-test.ts"
import { oddities, standings } from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const today = () => newYork(Date.now()).day.slice(2).replaceAll("-", "")

/** A bank's file of these entries, beside a correction that shows that it has our file. */
const fileOf = (entries: ReadonlyArray<SentEntry>) =>
  sentFile(
    [{ entryClass: "COR", entries: [{ id: idOf(1), addenda: changed("C04", "A") }] }, { entries }],
    today(),
  )

it("settles no order that came back in a way that a person has to judge", async () => {
  using test = nachaBank(database)
  const entries = [
    { id: idOf(2), cents: 9, addenda: returned("R03") },
    { id: idOf(3), cents: 3, addenda: returned("R24") },
    { id: idOf(4), cents: 4, addenda: returned("???") },
  ]
  const ends = await test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, 5)
      test.deliver("returns.ach", fileOf(entries))
      yield* test.looks
      yield* made(test, 12)
      yield* calendar(test)
      return yield* standings(test, 5)
    }),
  )
  expect(ends).toEqual(["Settled", "Accepted", "Accepted", "Accepted", "Settled"])
})

it("settles nothing while a file in a container could not be read", async () => {
  using test = nachaBank(database)
  const whole = fileOf([{ id: "NOBODYATALLHERE", cents: 2, addenda: returned("R03") }])
  const cut = fileOf([{ id: idOf(2), cents: 2, addenda: returned("R03") }]).slice(0, 94 * 4)
  await test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, 2)
      test.deliver("returns.zip", zipOf({ name: "1", content: whole }, { name: "2", content: cut }))
      yield* test.looks
      yield* made(test, 12)
      const doubted = yield* Effect.flip(calendar(test))
      expect("reason" in doubted && doubted.reason).toContain("were not read")
      expect(yield* standings(test, 2)).toEqual(["Accepted", "Accepted"])
    }),
  )
  expect(test.list("quarantine")).toEqual([expect.stringMatching(/-returns\.zip\.reason$/)])
  expect(test.list("archive")).toHaveLength(1)
})

it("believes no trace number beside another's identification number", async () => {
  using test = nachaBank(database, { keepsTraces: true })
  const answers = await test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, 1)
      const [text = ""] = test.taken.values()
      const [entry] = entriesOf(text)
      const other = { id: "INVOICE 47", cents: 1, addenda: returned("R03", entry?.trace) }
      test.deliver("returns.ach", sentFile([{ entries: [other] }], today()))
      yield* test.looks
      return [yield* standings(test, 1), (yield* oddities(test)).map(([, reason]) => reason)]
    }),
  )
  expect(answers).toEqual([["Accepted"], ["conflicting-ids"]])
})

it("looks at old files only, of which all may be due, and not at what was sent as pain.001", async () => {
  const at = Date.parse("2026-12-09T17:00:00Z")
  for (const bankingDays of [2, 60]) {
    const settings = { settlesAfter: { bankingDays } }
    const day = lastReturnedDay(at, settings)
    expect(returnsEndAt(day, settings)).toBeLessThanOrEqual(at)
  }
  expect(lastReturnedDay(at, {})).toBe("2026-12-04")
  using test = nachaBank(database)
  const found = await test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, 1)
      const { openFiles } = yield* FileOrders
      const days = { from: "2020-01-01", to: "2099-01-01" }
      const before = yield* openFiles(test.bank.name, days, 10)
      yield* (yield* Postgres).query(
        "as pain.001",
        (sql) => sql`update bank_files set staged_as = replace(staged_as, '.ach.', '.pain.001.xml.')
          where bank = ${test.bank.name}`,
      )
      return [before.length, (yield* openFiles(test.bank.name, days, 10)).length]
    }),
  )
  expect(found).toEqual([1, 0])
})

it("writes no file of orders from before it took files of Nacha that do not fit, and delays no other", async () => {
  using test = new FileBankUnderTest(database)
  const { name, folder } = test.bank
  using today = nachaBank(database)
  const bank = { ...today.bank, name, folder }
  const long = { ...usOrder, beneficiary: { name: "A name of more than 22 characters", account } }
  await test.run(place(test, [1], long))
  await test.run(place(test, [2]))
  await test.run(writeOutbox(bank))
  await test.run(place(test, [3], usOrder))
  await test.run(writeOutbox(bank))
  test.carry()
  const sent = [...test.taken.values()].flatMap((text) => entriesOf(text).map(({ id }) => id))
  expect(sent).toEqual([idOf(3)])
  expect(test.lines.filter((line) => line.includes("do not fit those of today")).length).toBeGreaterThan(1)
})
