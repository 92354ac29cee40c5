/** A bank that takes files of Nacha: what it gets, what comes back, and when an order is settled of which nothing does. */
import { renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { readBankStatement } from "../../../../src/providers/iso20022/bank-statement.ts"
import { newYork } from "../../../../src/providers/nacha/entry-dates.ts"
import { entriesByOrder, isIndirect } from "../../../../src/reconciliation/booked-entries.ts"
import { StoreWatch } from "../../../../src/streams/store-watch.ts"
import { brokenNachaRules, entriesOf } from "../../nacha/nacha-rules.ts"
import { changed, returned, type SentBatch, sentFile } from "../../nacha/return-files.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import type { FileBankUnderTest } from "./file-bank-under-test.ts"
import { account, calendar, idOf, made, nachaBank, sentOrders, usOrder } from "./nacha-bank.ts"
import { dying, place, range } from "./outbox-under-test.ts"
import {
  accountFile,
  booking,
  oddities,
  referenceOf,
  remarks,
  standings,
  statusFile,
} from "./reported-orders.ts"
import { rememberLog, rememberOrders } from "./set-back-stores.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

/** Today's date as files have it. */
const today = () => newYork(Date.now()).day.slice(2).replaceAll("-", "")

/** What becomes of orders after a file of returns. */
const outcomeAfter = (batches: ReadonlyArray<SentBatch>, count: number, test: FileBankUnderTest) =>
  test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, count)
      test.deliver("returns.ach", sentFile(batches, today()))
      yield* test.looks
      return {
        standings: yield* standings(test, count),
        oddities: yield* oddities(test),
        remarks: yield* remarks(test),
        quarantined: test
          .list("quarantine")
          .filter((name) => name.endsWith(".reason"))
          .map((name) => test.read("quarantine", name)),
      }
    }),
  )

it("gets files by the rules, with all that was ordered", async () => {
  using test = nachaBank(database)
  const messageId = await test.run(sentOrders(test, 3))
  expect(messageId).toMatch(/^USD-ach-20\d\d-\d\d-\d\d-1$/)
  const [[name = "", text = ""] = []] = test.taken
  expect(name).toBe(`${messageId}.ach`)
  expect(brokenNachaRules(text)).toEqual([])
  const entries = entriesOf(text)
  expect(entries.map(({ id, cents }) => [id, cents])).toEqual([1, 2, 3].map((item) => [idOf(item), item]))
  expect(entries[0]).toMatchObject({
    account: account.accountNumber,
    name: "Ada Lovelace",
    entryClass: "PPD",
  })
})

it.each(["before", "after"] as const)(
  "writes the same file after a death right %s it was staged",
  async (when) => {
    using test = nachaBank(database)
    await test.run(place(test, range(1, 3), usOrder))
    await test.run(Effect.exit(Effect.provide(writeOutbox(test.bank), dying(when, "stage"))))
    await test.run(writeOutbox(test.bank))
    test.carry()
    const [text = ""] = test.taken.values()
    expect([test.taken.size, brokenNachaRules(text), entriesOf(text).length]).toEqual([1, [], 3])
  },
)

it("refuses what no file can have before anything is sent", async () => {
  using test = nachaBank(database)
  const answers = await test.run(
    Effect.gen(function* () {
      const { transfer } = yield* test.port
      return yield* Effect.forEach(
        [
          { minor: 10_000_000_000n },
          { beneficiary: { name: "A name of more than 22 characters", account } },
          { beneficiary: { name: "Ada Lovelace", account: { ...account, accountNumber: "1".repeat(18) } } },
          { remittance: "x".repeat(81) },
          { beneficiary: { name: "你好", account } },
          { currency: "EUR" },
        ],
        (change, index) => transfer(test.orderOf(index + 1, { ...usOrder, ...change })),
      )
    }),
  )
  expect(answers.map((answer) => "code" in answer && [answer.code, "unsent" in answer])).toEqual(
    ["AM02", "RR10", "RR10", "RR10", "RR10", "AG03"].map((code) => [code, true]),
  )
})

it("takes so many files a day, each under a number of its own, and lets the rest wait", async () => {
  using test = nachaBank(database, { fileIdModifiers: "AB" }, { ordersMax: 1 })
  await test.run(place(test, range(1, 3), usOrder))
  for (let pass = 0; pass < 4; pass += 1) await test.run(writeOutbox(test.bank))
  test.carry()
  expect([...test.taken.values()].map((text) => text[33])).toEqual(["A", "B"])
  expect(test.lines.some((line) => line.includes("orders wait for the next one"))).toBe(true)
})

it("gives files no number in common that are made on one day for two", async () => {
  using test = nachaBank(database, {}, { ordersMax: 1 })
  const at = Date.parse("2026-12-04T21:30:00Z")
  const group = { bank: test.bank.name, scheme: "ach", currency: "USD" } as const
  const sequences = await test.run(
    Effect.gen(function* () {
      yield* place(test, range(1, 4), usOrder)
      const files = yield* OutboxFiles
      const terms = { sumMinorMax: 100n, sequenceMax: 36, createdOn: "2026-12-04" }
      // Friday's before the cut-off, then Monday's; on Monday the rest of Monday's.
      yield* files.make(group, "2026-12-04", at - 3_600_000, 1, [], terms)
      yield* files.make(group, "2026-12-07", at, 1, [], terms)
      yield* files.make(group, "2026-12-04", at, 1, [], terms)
      yield* files.make(group, "2026-12-07", at + 3 * 86_400_000, 1, [], {
        ...terms,
        createdOn: "2026-12-07",
      })
      const { messages } = yield* messageIds(test)
      return messages
    }),
  )
  expect(sequences).toEqual(["2026-12-04-1", "2026-12-07-2", "2026-12-04-3", "2026-12-07-3"])
})

const messageIds = Effect.fnUntraced(function* (test: FileBankUnderTest) {
  const { query } = yield* Postgres
  const rows = yield* query(
    "read",
    (sql) => sql<Array<{ readonly message_id: string }>>`
      select message_id from bank_files where bank = ${test.bank.name} order by id`,
  )
  return { messages: rows.map(({ message_id }) => message_id.replace("USD-ach-", "")) }
})

describe("what comes back", () => {
  it("returns an order, with its code and the words of the bank", async () => {
    using test = nachaBank(database)
    const entries = [{ id: idOf(2), cents: 2, addenda: returned("R03", undefined, "NO SUCH ACCOUNT") }]
    expect(await outcomeAfter([{ entries }], 3, test)).toEqual({
      standings: ["Accepted", "Returned", "Accepted"],
      oddities: [],
      remarks: [[referenceOf(2), "reason", "R03: NO SUCH ACCOUNT"]],
      quarantined: [],
    })
  })

  it("corrects an order, which stands: operators and the partner see what is wrong, and no account", async () => {
    using test = nachaBank(database)
    const entries = [{ id: idOf(1), addenda: changed("C01", "11112222333344445") }]
    const outcome = await outcomeAfter([{ entryClass: "COR", entries }], 1, test)
    const text = "C01: account number wrong; right is account …4445"
    expect(outcome).toEqual({
      standings: ["Accepted"],
      oddities: [[referenceOf(1), "correction"]],
      remarks: [[referenceOf(1), "reason", text]],
      quarantined: [],
    })
    expect(test.lines.join("\n")).not.toContain("1111222")
  })

  it("is nothing of an order if it has another amount, is a copy, disputed, or of nobody", async () => {
    using test = nachaBank(database)
    const entries = [
      { id: idOf(1), cents: 2, addenda: returned("R03") },
      { id: idOf(2), cents: 2, addenda: returned("R24") },
      { id: idOf(3), cents: 3, addenda: returned("R68") },
      { id: "NOBODYATALLHERE", cents: 3, addenda: returned("R03") },
    ]
    expect(await outcomeAfter([{ entries }], 3, test)).toMatchObject({
      standings: ["Accepted", "Accepted", "Accepted"],
      oddities: [
        [referenceOf(1), "amount-differs"],
        [referenceOf(2), "unclear-status"],
        [referenceOf(3), "unclear-status"],
        ["NOBODYATALLHERE", "unknown-reference"],
      ],
    })
  })

  it("for other companies alone, or cut off, is put into quarantine with the place", async () => {
    using test = nachaBank(database)
    const entries = [{ id: idOf(1), cents: 1, addenda: returned("R03") }]
    expect(await outcomeAfter([{ companyId: "9999999999", entries }], 1, test)).toMatchObject({
      standings: ["Accepted"],
      quarantined: [expect.stringContaining("the batch headers: of other companies than ours")],
    })
    using other = nachaBank(database)
    await other.run(sentOrders(other, 1))
    other.deliver("cut.ach", sentFile([{ entries }], today()).slice(0, 94 * 3))
    await other.run(other.looks)
    expect(other.list("quarantine")).toHaveLength(2)
  })

  it("is found by trace numbers only at a bank that keeps them, and where both are named they agree", async () => {
    const entriesFor = (text: string) => {
      const [first, second] = entriesOf(text).map(({ trace }) => trace)
      return [
        { id: "", cents: 1, addenda: returned("R03", first) },
        { id: idOf(2), cents: 2, addenda: returned("R03", first) },
        { id: idOf(3), cents: 3, addenda: returned("R03", second?.replace(/^./, "9")) },
      ]
    }
    const outcomes = []
    for (const keepsTraces of [true, false]) {
      using test = nachaBank(database, { keepsTraces })
      outcomes.push(
        await test.run(
          Effect.gen(function* () {
            yield* sentOrders(test, 3)
            const [text = ""] = test.taken.values()
            test.deliver("returns.ach", sentFile([{ entries: entriesFor(text) }], today()))
            yield* test.looks
            return [yield* standings(test, 3), (yield* oddities(test)).map(([, reason]) => reason)]
          }),
        ),
      )
    }
    expect(outcomes).toEqual([
      [["Returned", "Accepted", "Returned"], ["conflicting-ids"]],
      [["Accepted", "Returned", "Returned"], ["unknown-reference"]],
    ])
  })
})

describe("an order of which nothing comes back", () => {
  /** A file of three orders of that age, of which the bank reported one, and what the calendar makes of it. */
  const aged = async (daysAgo: number, test: FileBankUnderTest, isReported = true) =>
    test.run(
      Effect.gen(function* () {
        yield* sentOrders(test, 3)
        const entry = { id: idOf(1), cents: 1, addenda: returned("R02") }
        test.deliver(
          "returns.ach",
          sentFile([{ entries: isReported ? [entry] : [{ ...entry, id: "NOBODYATALLHERE" }] }], today()),
        )
        yield* test.looks
        yield* made(test, daysAgo)
        yield* calendar(test)
        // Once more: it changes nothing.
        yield* calendar(test)
        return yield* standings(test, 3)
      }),
    )

  it("is settled once the time of returns is over, and its remark says why", async () => {
    using test = nachaBank(database)
    expect(await aged(12, test)).toEqual(["Returned", "Settled", "Settled"])
    expect(
      (await test.run(remarks(test))).filter(([, , text]) => text?.startsWith("no return")),
    ).toHaveLength(2)
  })

  it("is open before", async () => {
    using test = nachaBank(database)
    expect(await aged(1, test)).toEqual(["Returned", "Accepted", "Accepted"])
  })

  it("is open as long as nothing shows that the bank has the file", async () => {
    using test = nachaBank(database)
    expect(await aged(12, test, false)).toEqual(["Accepted", "Accepted", "Accepted"])
  })

  it("is settled where the settings believe in the carrier, and not while the file lies in the outbox", async () => {
    using test = nachaBank(database, { settlesAfter: { proof: "carried" } })
    expect(await aged(12, test, false)).toEqual(["Settled", "Settled", "Settled"])
    using other = nachaBank(database, { settlesAfter: { proof: "carried" } })
    const standing = await other.run(
      Effect.gen(function* () {
        yield* place(other, [1], usOrder)
        yield* writeOutbox(other.bank)
        yield* made(other, 12)
        // Its name has the day.
        const { messages } = yield* messageIds(other)
        const outbox = join(other.bank.folder, "outbox")
        const [name = ""] = other.list("outbox")
        renameSync(join(outbox, name), join(outbox, `USD-ach-${messages[0]}.ach`))
        yield* calendar(other)
        const before = yield* standings(other, 1)
        other.carry()
        yield* calendar(other)
        return [...before, ...(yield* standings(other, 1))]
      }),
    )
    expect(standing).toEqual(["Accepted", "Settled"])
  })

  const aCorrection = () =>
    sentFile([{ entryClass: "COR", entries: [{ id: idOf(1), addenda: changed("C04", "A") }] }], today())

  it("is open while stores or clock are in doubt, a file is not read, or the bank was known to have it for less than that time", async () => {
    using test = nachaBank(database)
    const open = ["Accepted", "Accepted"]
    await test.run(
      Effect.gen(function* () {
        yield* sentOrders(test, 2)
        yield* made(test, 12)
        test.deliver("correction.ach", aCorrection())
        yield* test.looks
        yield* calendar(test)
        expect(yield* standings(test, 2)).toEqual(open)
        yield* made(test, 12)
        const doubt = StoreWatch.of({ ...(yield* StoreWatch), objection: () => "the clock is wrong" })
        const doubted = yield* Effect.flip(Effect.provideService(calendar(test), StoreWatch, doubt))
        test.deliver("unread.ach", "1")
        const unread = yield* Effect.flip(calendar(test))
        yield* test.looks
        const quarantined = yield* Effect.flip(calendar(test))
        expect(
          [doubted, unread, quarantined].map((failure) => "reason" in failure && failure.reason),
        ).toEqual([
          "the clock is wrong",
          "the inbox or the quarantine has files that were not read",
          "the inbox or the quarantine has files that were not read",
        ])
        expect(yield* standings(test, 2)).toEqual(open)
        for (const name of test.list("quarantine")) rmSync(join(test.bank.folder, "quarantine", name))
        yield* calendar(test)
        expect(yield* standings(test, 2)).toEqual(["Settled", "Settled"])
      }),
    )
  })

  it("is settled by the next process if one dies before the batch is noted as told", async () => {
    using test = nachaBank(database)
    const toTell = () =>
      Effect.gen(function* () {
        const found = yield* (yield* FileOrders).find(test.bank.name, referenceOf(2))
        return found?.notEnqueued.map(({ _tag }) => _tag)
      })
    const told = await test.run(
      Effect.gen(function* () {
        yield* sentOrders(test, 2)
        test.deliver("correction.ach", aCorrection())
        yield* test.looks
        yield* made(test, 12)
        const orders = yield* FileOrders
        const mortal = FileOrders.of({ ...orders, markEnqueued: () => Effect.die("killed") })
        yield* Effect.exit(Effect.provideService(calendar(test), FileOrders, mortal))
        const before = yield* toTell()
        yield* calendar(test)
        return [before, yield* toTell(), yield* standings(test, 2)]
      }),
    )
    expect(told).toEqual([["Settled"], [], ["Settled", "Settled"]])
  })

  it("comes back late all the same", async () => {
    using test = nachaBank(database)
    await aged(12, test)
    test.deliver(
      "late.ach",
      sentFile([{ entries: [{ id: idOf(2), cents: 2, addenda: returned("R06") }] }], today(), "B"),
    )
    expect(await test.run(Effect.andThen(test.looks, standings(test, 3)))).toEqual([
      "Returned",
      "Returned",
      "Settled",
    ])
  })

  it("is settled at once by a report of the bank that names it by its identification number", async () => {
    using test = nachaBank(database)
    const answers = await test.run(
      Effect.gen(function* () {
        const messageId = yield* sentOrders(test, 2)
        const status = `<TxInfAndSts><OrgnlEndToEndId>${idOf(2)}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>`
        test.deliver("report.xml", statusFile(messageId, messageId, status))
        yield* test.looks
        return yield* standings(test, 2)
      }),
    )
    expect(answers).toEqual(["Accepted", "Settled"])
  })
})

it.each(["Postgres", "Redis"])(
  "sends nothing again, and knows what comes back, after %s came back older",
  async (store) => {
    using test = nachaBank(database)
    const answers = await test.run(
      Effect.gen(function* () {
        const setBack = yield* store === "Redis" ? rememberLog(test) : rememberOrders(test)
        yield* sentOrders(test, 3)
        yield* setBack
        yield* writeOutbox(test.bank)
        yield* writeOutbox(test.bank)
        test.carry()
        const [text = ""] = test.taken.values()
        const [, , third] = entriesOf(text)
        const entries = [{ id: third?.id ?? "", cents: 3, addenda: returned("R03", third?.trace) }]
        test.deliver("returns.ach", sentFile([{ entries }], today()))
        yield* test.looks
        return yield* standings(test, 3)
      }),
    )
    expect([test.taken.size, answers]).toEqual([1, ["Accepted", "Accepted", "Returned"]])
  },
)

it("is reconciled by the identification numbers in a statement", async () => {
  using test = nachaBank(database)
  const entries = await test.run(
    Effect.gen(function* () {
      yield* sentOrders(test, 2)
      const movements = [idOf(2), "NOBODYATALLHERE"].map((id) =>
        booking({ amount: "0.02", currency: "USD", transactions: [{ ids: { EndToEndId: id } }] }),
      )
      const part = `<Stmt><Id>1</Id><FrToDt><ToDtTm>2026-12-02T23:59:59</ToDtTm></FrToDt>${movements.join("")}</Stmt>`
      const file = accountFile("camt.053").replace("<GrpHdr/>", `<GrpHdr/>${part}`)
      const { statements } = Result.getOrThrow(readBankStatement(file))
      const stated = statements.flatMap(({ entries }) =>
        entries.map((entry) => ({ ...entry, bank: test.bank.name })),
      )
      const [direct, indirect] = [stated.filter((entry) => !isIndirect(entry)), stated.filter(isIndirect)]
      return [...direct, ...(yield* entriesByOrder(indirect))].map(({ reference }) => reference).sort()
    }).pipe(Effect.provide(bookedOrders)),
  )
  expect(entries).toEqual([referenceOf(2), "NOBODYATALLHERE"].sort())
})
