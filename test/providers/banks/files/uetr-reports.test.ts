/** A bank may name an order by its UETR alone, in reports and in statements. */
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { uetrOf } from "../../../../src/domain/uetr.ts"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
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
const uetr = (item: number) => uetrOf(referenceOf(item)) ?? ""
const [first, second] = [referenceOf(1), referenceOf(2)]
/** It has digits that would be masked in another text. */
const strangers = "12345678-0000-4000-8000-123456789012"
const orders = [1_000n, 1_100n].map((minor) => ({ currency: "EUR", minor }))

/** What becomes of two orders after files that know their message id, one after the other. */
const outcomeOf = async (...files: ReadonlyArray<(messageId: string) => string>) => {
  using test = new FileBankUnderTest(database)
  return await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      for (const [index, fileOf] of files.entries()) {
        test.deliver(`${index}.xml`, fileOf(about))
        yield* test.looks
      }
      return {
        standings: yield* standings(test, 2),
        oddities: (yield* oddities(test)).map(([reference = "", reason = ""]) => [
          reference.replace(about, "MSGID"),
          reason,
        ]),
        quarantined: test.list("quarantine"),
      }
    }),
  )
}

const debit = (ids: Readonly<Record<string, string>>, amount = "10.00", more = "") =>
  booking({ amount, transactions: [{ ids, amount }], more })
const status = (ids: string, code: string) => `<TxInfAndSts>${ids}<TxSts>${code}</TxSts></TxInfAndSts>`
const original = (id: string) => `<OrgnlUETR>${id}</OrgnlUETR>`
const fine = { oddities: [], quarantined: [] }

describe("a UETR alone", () => {
  it.each(["camt.052", "camt.053", "camt.054"])("finds its order in a %s, in any case", async (kind) => {
    const file = () => accountFile(kind, [debit({ UETR: uetr(1).toUpperCase() })])
    expect(await outcomeOf(file)).toEqual({ ...fine, standings: ["Settled", "Accepted"] })
  })

  it("finds its order in a status report, also in one that names another message", async () => {
    const own = `${status(original(uetr(1)), "ACSC")}${status(original(uetr(2).toUpperCase()), "ACSP")}`
    expect(await outcomeOf((about) => statusFile(about, about, own))).toEqual({
      ...fine,
      standings: ["Settled", "Accepted"],
    })
    expect(await outcomeOf(() => statusFile("BANKS-OWN", "BANKS-OWN", own))).toEqual({
      ...fine,
      standings: ["Settled", "Accepted"],
      oddities: [["BANKS-OWN", "unknown-file"]],
    })
  })

  it("finds its order beside placeholders and ids of others, and among transfers in one sum", async () => {
    const beside = debit({ EndToEndId: "NOTPROVIDED", TxId: "BANKS-OWN", UETR: uetr(1) })
    expect(await outcomeOf(() => accountFile("camt.054", [beside]))).toEqual({
      ...fine,
      standings: ["Settled", "Accepted"],
    })
    const transactions = [{ ids: { UETR: uetr(1) } }, { ids: { EndToEndId: second } }]
    const sum = booking({ amount: "21.00", transactions })
    expect(await outcomeOf(() => accountFile("camt.054", [sum]))).toEqual({
      ...fine,
      standings: ["Settled", "Settled"],
    })
  })

  it("teaches the bank's own id", async () => {
    expect(
      await outcomeOf(
        (about) =>
          statusFile(about, about, status(`${original(uetr(1))}<AcctSvcrRef>BANK-7</AcctSvcrRef>`, "ACSP")),
        () => accountFile("camt.054", [debit({ AcctSvcrRef: "BANK-7" })]),
      ),
    ).toEqual({ ...fine, standings: ["Settled", "Accepted"] })
  })

  it("of nobody's changes nothing, and is counted as it is written", async () => {
    expect(await outcomeOf(() => accountFile("camt.054", [debit({ UETR: strangers })]))).toEqual({
      ...fine,
      standings: ["Accepted", "Accepted"],
      oddities: [[strangers, "unknown-reference"]],
    })
    expect(
      await outcomeOf((about) => statusFile(about, about, status(original(strangers), "ACSC"))),
    ).toMatchObject({ standings: ["Accepted", "Accepted"], oddities: [[strangers, "unknown-reference"]] })
  })

  it("of a reference that ends like that of an order, and is another one, is a stranger's", async () => {
    const other = uetrOf(`AB${first.slice(2)}`) ?? ""
    expect(await outcomeOf(() => accountFile("camt.054", [debit({ UETR: other })]))).toEqual({
      ...fine,
      standings: ["Accepted", "Accepted"],
      oddities: [[other, "unknown-reference"]],
    })
  })
})

describe("a UETR beside other ids", () => {
  const untouched = ["Accepted", "Accepted"]
  it("of the same order is that order's, of another order a contradiction", async () => {
    expect(
      await outcomeOf(() => accountFile("camt.054", [debit({ EndToEndId: first, UETR: uetr(1) })])),
    ).toEqual({ ...fine, standings: ["Settled", "Accepted"] })
    expect(
      await outcomeOf(() => accountFile("camt.054", [debit({ EndToEndId: first, UETR: uetr(2) })])),
    ).toEqual({ ...fine, standings: untouched, oddities: [[first, "conflicting-ids"]] })
    const ids = `<OrgnlEndToEndId>${first}</OrgnlEndToEndId>${original(uetr(2))}`
    expect(await outcomeOf((about) => statusFile(about, about, status(ids, "RJCT")))).toEqual({
      ...fine,
      standings: untouched,
      oddities: [[first, "conflicting-ids"]],
    })
  })

  it("beside a reference of ours that never went to this bank is a contradiction", async () => {
    const elsewhere = referenceOf(7)
    for (const ids of [
      { EndToEndId: elsewhere, UETR: uetr(1) },
      { EndToEndId: first, InstrId: elsewhere },
    ])
      expect(await outcomeOf(() => accountFile("camt.054", [debit(ids)]))).toEqual({
        ...fine,
        standings: untouched,
        oddities: [[ids.EndToEndId, "conflicting-ids"]],
      })
  })

  it("of nobody's keeps an order from being found by the bank's own id, or by its file's", async () => {
    const teach = (about: string) =>
      statusFile(
        about,
        about,
        status(`<OrgnlEndToEndId>${first}</OrgnlEndToEndId><AcctSvcrRef>BANK-7</AcctSvcrRef>`, "ACSP"),
      )
    // Another entry has the bank's id alone, so that it is looked up.
    const charge = debit({ AcctSvcrRef: "BANK-7" }, "0.35")
    expect(
      await outcomeOf(teach, () =>
        accountFile("camt.054", [debit({ AcctSvcrRef: "BANK-7", UETR: strangers }), charge]),
      ),
    ).toEqual({
      ...fine,
      standings: untouched,
      oddities: [
        [strangers, "unknown-reference"],
        [first, "amount-differs"],
      ],
    })
    expect(
      await outcomeOf((about) =>
        accountFile("camt.053", [debit({ PmtInfId: about, UETR: strangers }, "21.00")]),
      ),
    ).toEqual({ ...fine, standings: untouched, oddities: [[strangers, "unknown-reference"]] })
  })

  it("that says of one order what another id denies changes nothing", async () => {
    const statuses = `${status(`<OrgnlEndToEndId>${first}</OrgnlEndToEndId>`, "ACSC")}${status(original(uetr(1)), "RJCT")}`
    expect(await outcomeOf((about) => statusFile(about, about, statuses))).toEqual({
      ...fine,
      standings: untouched,
      oddities: [[first, "contradictory"]],
    })
    const twice = `${status(original(uetr(1)), "ACSC")}${status(original(uetr(1)), "RJCT")}`
    expect((await outcomeOf((about) => statusFile(about, about, twice))).quarantined).toHaveLength(2)
  })
})

it("counts a part that cannot be read under the order whose UETR is in it", async () => {
  const bad = debit({ UETR: uetr(2) }).replace("DBIT", "BOTH")
  expect(await outcomeOf(() => accountFile("camt.054", [debit({ UETR: uetr(1) }), bad]))).toEqual({
    ...fine,
    standings: ["Settled", "Accepted"],
    oddities: [[second, "unreadable-entry"]],
  })
})

it("changes nothing in the files of a bank to which the order never went", async () => {
  using test = new FileBankUnderTest(database)
  using other = new FileBankUnderTest(database)
  const [answers, odd] = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, orders)
      other.deliver("a.xml", accountFile("camt.054", [debit({ UETR: uetr(1) })]))
      yield* other.looks
      return [yield* standings(test, 2), yield* oddities(other)] as const
    }),
  )
  expect(answers).toEqual(["Accepted", "Accepted"])
  expect(odd).toEqual([[uetr(1), "unknown-reference"]])
})

describe("a statement that is reconciled", () => {
  const entriesIn = async (...entries: ReadonlyArray<string>) => {
    using test = new FileBankUnderTest(database)
    return await test.run(
      Effect.gen(function* () {
        yield* ordered(test, orders)
        const made = accountFile("camt.053", entries).replace(
          "<GrpHdr/>",
          "<GrpHdr><CreDtTm>2026-11-26T23:00:00</CreDtTm></GrpHdr>",
        )
        const { statements } = Result.getOrThrow(readBankStatement(made))
        const found = statements.flatMap(({ entries }) =>
          entries.map((entry) => ({ ...entry, bank: test.bank.name })),
        )
        const known = yield* entriesByOrder(found.filter(isIndirect))
        return [...found.filter((entry) => !isIndirect(entry)), ...known].map(
          ({ reference, minor, unclear }) => [reference, Number(minor), unclear?.about],
        )
      }).pipe(Effect.provide(bookedOrders)),
    )
  }

  it("has an entry under the order of its UETR, alone and in one sum", async () => {
    expect(await entriesIn(debit({ UETR: uetr(1).toUpperCase() }))).toEqual([[first, 1_000, undefined]])
    const beside = debit({ EndToEndId: "BANKS-OWN", UETR: uetr(1) })
    expect(await entriesIn(beside)).toEqual([[first, 1_000, undefined]])
    const transactions = [{ ids: { UETR: uetr(1) } }, { ids: { EndToEndId: second } }]
    expect(await entriesIn(booking({ amount: "21.00", transactions }))).toEqual([
      [first, 1_000, undefined],
      [second, 1_100, undefined],
    ])
  })

  it("has an entry with ids of two orders under neither", async () => {
    expect(await entriesIn(debit({ EndToEndId: first, UETR: uetr(2) }))).toEqual([
      ["", 1_000, `${first} ${uetr(2)}`],
    ])
    expect(await entriesIn(debit({ EndToEndId: first, InstrId: second }))).toEqual([
      ["", 1_000, `${first} ${second}`],
    ])
  })

  it("has an entry under our reference beside the UETR of the same order, or of nobody's", async () => {
    for (const own of [uetr(1), strangers])
      expect(await entriesIn(debit({ EndToEndId: first, UETR: own }))).toEqual([[first, 1_000, undefined]])
    expect(await entriesIn(debit({ UETR: strangers }))).toEqual([["", 1_000, undefined]])
  })
})
