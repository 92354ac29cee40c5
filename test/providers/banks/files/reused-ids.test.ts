/** A bank may use its own id of an order again, for another payment of the same amount. */
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { addDays, utcDay } from "../../../../src/domain/business-days.ts"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { readBankStatement } from "../../../../src/providers/iso20022/bank-statement.ts"
import { entriesByOrder, isIndirect } from "../../../../src/reconciliation/booked-entries.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { accountFile, booking, oddities, ordered, standings, statusFile } from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const [first, second] = [referenceOf(1), referenceOf(2)]
const orders = [1_000n, 1_100n].map((minor) => ({ currency: "EUR", minor }))
const today = utcDay(Date.now())
const on = (days: number) => `<BookgDt><Dt>${addDays(today, days)}</Dt></BookgDt>`

/** The bank names both orders by their references and by ids of its own. */
const teaching = (about: string) =>
  statusFile(
    about,
    about,
    ...[first, second].map(
      (reference, index) =>
        `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>ACSP</TxSts><AcctSvcrRef>BANK-${index + 1}</AcctSvcrRef></TxInfAndSts>`,
    ),
  )

/** What becomes of the orders after the bank named their ids and sent these files. */
const outcomeOf = async (...files: ReadonlyArray<(about: string) => string>) => {
  using test = new FileBankUnderTest(database)
  return await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      for (const [index, fileOf] of [teaching, ...files].entries()) {
        test.deliver(`${index}.xml`, fileOf(about))
        yield* test.looks
      }
      return { standings: yield* standings(test, 2), oddities: yield* oddities(test) }
    }),
  )
}

const ofBank = (more = "", ids: Readonly<Record<string, string>> = {}, kind: "DBIT" | "CRDT" = "DBIT") =>
  booking({ amount: "10.00", kind, more, transactions: [{ ids: { AcctSvcrRef: "BANK-1", ...ids } }] })
const back = "<RvslInd>true</RvslInd>"
const settled = { standings: ["Settled", "Accepted"], oddities: [] }
const returned = { standings: ["Returned", "Accepted"], oddities: [] }
const reused = { standings: ["Accepted", "Accepted"], oddities: [["BANK-1", "reused-id"]] }
const iban = (number: string) => (xml: string) =>
  xml.replace("<Id>1</Id>", `<Id>1</Id><Acct><Id><IBAN>${number}</IBAN></Id></Acct>`)

describe.each(["camt.052", "camt.053", "camt.054"])("an entry of a %s under the bank's id alone", (kind) => {
  const one = (...entries: ReadonlyArray<string>) => outcomeOf(() => accountFile(kind, entries))

  it("counts on the days on which the bank may pay the order, and on none without a date", async () => {
    for (const more of ["", on(-1), on(0), on(10)]) expect(await one(ofBank(more))).toEqual(settled)
  })

  it("does not count before the order's file was made, or long after", async () => {
    for (const more of [on(-2), on(-365), on(20)]) expect(await one(ofBank(more))).toEqual(reused)
    expect(await one(ofBank(on(-2) + back, {}, "CRDT"))).toEqual(reused)
  })

  it("counts long after where money comes back", async () => {
    expect(await one(ofBank(on(20) + back, {}, "CRDT"))).toEqual(returned)
  })

  it("counts on the account that the bank pays from, and on no other IBAN", async () => {
    const at = (number: string) => outcomeOf(() => iban(number)(accountFile(kind, [ofBank()])))
    expect(await at("NL91 ABNA 0417 1643 00")).toEqual(settled)
    expect(await at("DE89370400440532013000")).toEqual(reused)
    const among = (number: string) =>
      outcomeOf(() =>
        iban(number)(accountFile(kind, [ofBank()])).replace(/<IBAN>(.*)<\/IBAN>/, "<Othr><Id>$1</Id></Othr>"),
      )
    expect(await among("DE89370400440532013000")).toEqual(reused)
    expect(await among("0417164300")).toEqual(settled)
  })

  it("comes back on the account that the bank pays from, and on no other IBAN, whatever names it", async () => {
    const transactions = [{ ids: { EndToEndId: first } }]
    const came = booking({ amount: "10.00", kind: "CRDT", more: back, transactions })
    const at = (number: string) => outcomeOf(() => iban(number)(accountFile(kind, [came])))
    expect(await at("NL91 ABNA 0417 1643 00")).toEqual(returned)
    const elsewhere = { standings: ["Accepted", "Accepted"], oddities: [[first, "unclear-status"]] }
    expect(await at("DE89370400440532013000")).toEqual(elsewhere)
    const sum = booking({
      amount: "21.00",
      kind: "CRDT",
      more: back,
      transactions: [first, second].map((id) => ({ ids: { EndToEndId: id } })),
    })
    expect(await outcomeOf(() => iban("DE89370400440532013000")(accountFile(kind, [sum])))).toEqual({
      standings: ["Accepted", "Accepted"],
      oddities: [
        [first, "unclear-status"],
        [second, "unclear-status"],
      ],
    })
  })

  it("counts with the id of the order's payment, and with that of no other one", async () => {
    expect(await outcomeOf((about) => accountFile(kind, [ofBank("", { PmtInfId: about })]))).toEqual(settled)
    expect(await one(ofBank("", { MsgId: "BANKS-OWN" }))).toEqual(settled)
    expect(await one(ofBank("", { PmtInfId: "STRANGERS" }))).toEqual(reused)
  })

  it("does not count beside another entry with the same id and amount", async () => {
    expect(await one(ofBank(), ofBank(on(0)))).toEqual(reused)
    expect(await one(ofBank("", { EndToEndId: first }), ofBank())).toEqual({
      standings: ["Settled", "Accepted"],
      oddities: [["BANK-1", "reused-id"]],
    })
    const charge = booking({ amount: "0.35", more: "<AcctSvcrRef>BANK-1</AcctSvcrRef>" })
    expect(await one(ofBank(), charge)).toEqual({ ...settled, oddities: [[first, "amount-differs"]] })
    expect(await outcomeOf(() => accountFile(kind, [ofBank()], [ofBank()]))).toEqual(settled)
  })
})

it("does not count if its file gave it to somebody else's transfer, too", async () => {
  const transactions = [first, "SALARY"].map((id) => ({
    ids: { EndToEndId: id, AcctSvcrRef: "BANK-9" },
    amount: "10.00",
  }))
  const both = accountFile("camt.054", [booking({ amount: "20.00", transactions })])
  const later = booking({
    amount: "10.00",
    kind: "CRDT",
    more: back,
    transactions: [{ ids: { AcctSvcrRef: "BANK-9" } }],
  })
  expect(
    await outcomeOf(
      () => both,
      () => accountFile("camt.054", [later]),
    ),
  ).toEqual({
    standings: ["Settled", "Accepted"],
    oddities: [
      ["BANK-9", "unknown-reference"],
      ["SALARY", "unknown-reference"],
    ],
  })
})

it("does not count among transfers in one sum on another account", async () => {
  const transactions = ["BANK-1", "BANK-2"].map((id) => ({ ids: { AcctSvcrRef: id } }))
  const sum = accountFile("camt.054", [booking({ amount: "21.00", transactions })])
  expect((await outcomeOf(() => sum)).standings).toEqual(["Settled", "Settled"])
  expect(await outcomeOf(() => iban("DE89370400440532013000")(sum))).toEqual({
    standings: ["Accepted", "Accepted"],
    oddities: ["BANK-1", "BANK-2"].map((id) => [id, "reused-id"]),
  })
})

it("is the sum of the other file that it names, where the bank used its id again for that", async () => {
  using test = new FileBankUnderTest(database)
  const answers = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      test.deliver("a.xml", teaching(about))
      yield* test.looks
      const { transfer } = yield* test.port
      yield* transfer(test.orderOf(3, { minor: 1_000n }))
      yield* writeOutbox(test.bank)
      test.carry()
      const [name = ""] = [...test.taken.keys()].slice(-1)
      const later = name.replace(/\.pain.*/, "")
      test.deliver("b.xml", accountFile("camt.053", [ofBank("", { PmtInfId: later })]))
      yield* test.looks
      return yield* standings(test, 3)
    }),
  )
  expect(answers).toEqual(["Accepted", "Accepted", "Settled"])
})

describe("a statement that is reconciled", () => {
  const entriesIn = async (day: string, entriesOf: (about: string) => ReadonlyArray<string>) => {
    using test = new FileBankUnderTest(database)
    return await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, orders)
        test.deliver("a.xml", teaching(about))
        yield* test.looks
        const made = accountFile("camt.053", entriesOf(about)).replace(
          "<GrpHdr/>",
          `<GrpHdr><CreDtTm>${day}T23:00:00</CreDtTm></GrpHdr>`,
        )
        const { statements } = Result.getOrThrow(readBankStatement(made))
        const entries = statements.flatMap(({ entries }) =>
          entries.map((entry) => ({ ...entry, bank: test.bank.name })),
        )
        const found = yield* entriesByOrder(entries.filter(isIndirect))
        return found.map(({ reference, unclear }) => unclear?.about ?? reference)
      }).pipe(Effect.provide(bookedOrders)),
    )
  }

  it("has an entry under the order that had the id, unless the time is another one", async () => {
    expect(await entriesIn(today, () => [ofBank()])).toEqual([first])
    expect(await entriesIn(addDays(today, -3), () => [ofBank()])).toEqual([`BANK-1 ${first}`])
    expect(await entriesIn(addDays(today, 30), () => [ofBank()])).toEqual([`BANK-1 ${first}`])
  })

  it("has an entry with the id of somebody else's payment, or beside one alike, under no order", async () => {
    expect(await entriesIn(today, (about) => [ofBank("", { PmtInfId: about })])).toEqual([first])
    expect(await entriesIn(today, () => [ofBank("", { PmtInfId: "STRANGERS" })])).toEqual([`BANK-1 ${first}`])
    const both = [`BANK-1 ${first}`, `BANK-1 ${first}`]
    expect(await entriesIn(today, () => [ofBank(), ofBank(on(0))])).toEqual(both)
  })
})

it("is forgotten 400 days after it was seen last", async () => {
  using test = new FileBankUnderTest(database)
  const known = await test.run(
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const about = yield* ordered(test, orders)
      test.deliver("a.xml", teaching(about))
      yield* test.looks
      const age = (id: string, days: number) =>
        query(
          "age",
          (sql) => sql`
            update bank_servicer_references set seen_at = now() - make_interval(days => ${days})
            where bank = ${test.bank.name} and servicer_reference = ${id}`,
        )
      const left = query(
        "read",
        (sql) => sql<Array<{ readonly id: string }>>`
          select servicer_reference as id from bank_servicer_references where bank = ${test.bank.name} order by id`,
      )
      yield* age("BANK-1", 401)
      yield* age("BANK-2", 399)
      test.deliver("b.xml", accountFile("camt.054", [booking({ amount: "3.50" })]))
      yield* test.looks
      const after = yield* left
      yield* age("BANK-2", 401)
      // The same ids in another file count from now.
      test.deliver("c.xml", `${teaching(about)}<!-- again -->`)
      yield* test.looks
      test.deliver("d.xml", accountFile("camt.054", [booking({ amount: "3.60" })]))
      yield* test.looks
      return [after, yield* left].map((rows) => rows.map(({ id }) => id))
    }),
  )
  expect(known).toEqual([["BANK-2"], ["BANK-1", "BANK-2"]])
})
