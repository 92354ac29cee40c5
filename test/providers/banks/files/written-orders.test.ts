/** What an order says of its beneficiary on its way into a file, and what never gets there. */
import { Effect, Result, Schema } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Address } from "../../../../src/domain/beneficiary.ts"
import { uetrOf } from "../../../../src/domain/uetr.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import {
  FileBankSettings,
  fileLimits,
  lacksDebtorAddress,
} from "../../../../src/providers/banks/files/file-bank-settings.ts"
import { files } from "../../../../src/providers/banks/files/files.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { fingerprintOf } from "../../../../src/providers/banks/orders/order-seal.ts"
import { policyOf } from "../../../../src/providers/calling/call-policy.ts"
import { PartnerKeys } from "../../../../src/vault/partner-keys.ts"
import { type OwnDatabase, ownDatabase } from "../../../database.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { schemaProblems } from "../../iso20022/payment-initiation-schema.ts"
import { brokenRules } from "../../iso20022/scheme-rules.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"

let database: OwnDatabase
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const account = { scheme: "iban", iban: canary } as const
const address: Address = { street: "Kanarienvogelgasse", buildingNumber: "7", town: "Köln", country: "DE" }

describe("an address", () => {
  it("is sealed while the order waits, and stands in its file", async () => {
    using test = new FileBankUnderTest(database)
    const order = test.orderOf(1, { beneficiary: { name: "Ada Lovelace", account, address } })
    const rows = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        yield* bank.transfer(order)
        const { query } = yield* Postgres
        const rows = yield* query(
          "look",
          (sql) => sql`select * from file_orders where bank = ${test.bank.name}`,
        )
        yield* writeOutbox(test.bank)
        return rows
      }),
    )
    expect(JSON.stringify(rows)).not.toContain("Kanarienvogelgasse")
    test.carry()
    const [xml = ""] = test.taken.values()
    expect(xml).toContain("<StrtNm>Kanarienvogelgasse</StrtNm>")
    expect(xml).toContain("<TwnNm>Koln</TwnNm>")
    expect(xml).toContain(`<UETR>${uetrOf(order.reference)}</UETR>`)
    expect(brokenRules(xml, "sepa")).toEqual([])
    if (isPublishedDataThere) expect(await schemaProblems([xml])).toEqual([])
    expect(test.lines.join()).not.toContain("Kanarienvogelgasse")
  })

  it("is part of what is ordered: the same reference with another one is another order", async () => {
    using test = new FileBankUnderTest(database)
    const order = test.orderOf(2, { beneficiary: { name: "Ada Lovelace", account, address } })
    const moved = { ...order.beneficiary, address: { ...address, town: "Bonn" } }
    const answers = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        return [
          yield* bank.transfer(order),
          yield* bank.transfer({ ...order }),
          yield* bank.transfer({ ...order, beneficiary: moved }),
        ]
      }),
    )
    expect(answers.map(({ _tag }) => _tag)).toEqual(["Accepted", "Accepted", "Ambiguous"])
  })

  it("that is not there leaves the fingerprint of an order as it was before there were addresses", async () => {
    using test = new FileBankUnderTest(database)
    const order = test.orderOf(3)
    const [print, again] = await test.run(
      Effect.gen(function* () {
        const key = yield* (yield* PartnerKeys).current("acme")
        const bare = fingerprintOf(key, order)
        const { address: _, ...beneficiary } = { ...order.beneficiary, address }
        return [bare, fingerprintOf(key, { ...order, beneficiary })]
      }),
    )
    expect(again).toBe(print)
  })
})

describe("an order that we refuse ourselves", () => {
  it.each([
    ["RR10", { beneficiary: { name: "爱达", account } }],
    ["RR10", { remittance: "五十" }],
    ["BE04", { currency: "USD" }],
    ["AM02", { minor: 100_000_000_000n }],
    ["AG03", { currency: "USD", beneficiary: { name: "Ada", account, address } }],
  ] as const)("with %s is said not to be sent, and is in no file (%#)", async (code, changes) => {
    using test = new FileBankUnderTest(database, code === "AG03" ? { schemes: ["sepa"] } : {})
    const answers = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        const answers = [yield* bank.transfer(test.orderOf(1, changes))]
        yield* bank.transfer(test.orderOf(2))
        yield* writeOutbox(test.bank)
        answers.push(yield* bank.transfer(test.orderOf(1, changes)))
        return answers
      }),
    )
    test.carry()
    const refused = { _tag: "Failed", code, unsent: true }
    expect(answers).toEqual([refused, refused])
    expect(test.ordered).toEqual([test.orderOf(2).reference])
  })

  it("is open after a crash where its code may lead to another bank, and a person reads that it was not sent", async () => {
    using test = new FileBankUnderTest(database, { schemes: ["ach"] })
    const answer = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        yield* bank.transfer(test.orderOf(1))
        return yield* bank.inquire(test.orderOf(1).reference)
      }),
    )
    const reason = "it was refused with the code AG03 before anything of it was sent"
    expect(answer).toMatchObject({ _tag: "Ambiguous", reason })
  })

  it("is not said to be unsent once its bank has shown any sign of it, or it is in a file", async () => {
    using test = new FileBankUnderTest(database)
    const chinese = { beneficiary: { name: "爱达", account } }
    const answers = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        const order = test.orderOf(1, chinese)
        yield* bank.transfer(order)
        yield* (yield* FileOrders).record(test.bank.name, [
          { reference: order.reference, report: { _tag: "Accepted" } },
        ])
        const shown = yield* bank.transfer(order)
        const filed = test.orderOf(2, chinese)
        yield* bank.transfer(filed)
        yield* bank.transfer(test.orderOf(3))
        yield* writeOutbox(test.bank)
        const { query } = yield* Postgres
        yield* query(
          "file it",
          (sql) => sql`
            update file_orders set file = (select max(file) from file_orders where bank = ${test.bank.name})
            where bank = ${test.bank.name} and reference = ${filed.reference}`,
        )
        return [shown, yield* bank.transfer(filed)]
      }),
    )
    for (const answer of answers) expect(answer).not.toHaveProperty("unsent")
  })
})

describe("an order that was accepted when its bank took more", () => {
  /** The same bank, by settings of today that no longer let it be sent euros. */
  const narrowed = (test: FileBankUnderTest) => {
    const { name, ...own } = test.bank
    const policy = policyOf({}, { timeoutMs: 1_000, concurrency: 8 })
    const place = { setting: "PROVIDERS_FILE", path: "banks[0]" } as const
    return files.connect({ name, kind: files.name, policy, own: { ...own, schemes: ["ach"] }, place })
  }

  it("stays accepted, and is never said to be unsent on its bank's own report", async () => {
    using test = new FileBankUnderTest(database)
    const order = test.orderOf(1)
    const [again, reported] = await test.run(
      Effect.gen(function* () {
        yield* (yield* test.port).transfer(order)
        const now = yield* narrowed(test)
        const again = yield* now.transfer(order)
        yield* (yield* FileOrders).record(test.bank.name, [
          { reference: order.reference, report: { _tag: "Failed", code: "AG03" } },
        ])
        return [again, yield* now.transfer(order)]
      }),
    )
    expect(again).toMatchObject({ _tag: "Accepted" })
    expect(reported).not.toHaveProperty("unsent")
  })

  it("is not refused when the store lost it and the log of files has it: the bank may be paying it", async () => {
    using test = new FileBankUnderTest(database)
    const order = test.orderOf(1)
    const [refused, restored] = await test.run(
      Effect.gen(function* () {
        yield* (yield* test.port).transfer(order)
        yield* writeOutbox(test.bank)
        const { query } = yield* Postgres
        for (const table of ["bank_file_log", "file_orders", "bank_files"])
          yield* query("lose", (sql) => sql`delete from ${sql(table)} where bank = ${test.bank.name}`)
        const now = yield* narrowed(test)
        const refused = yield* now.transfer(order)
        yield* writeOutbox(test.bank)
        return [refused, yield* now.inquire(order.reference)]
      }),
    )
    test.carry()
    expect(refused).toMatchObject({ _tag: "Ambiguous" })
    expect(restored).toMatchObject({ _tag: "Accepted" })
    expect(test.ordered).toEqual([order.reference])
  })
})

describe("a bank with a variant", () => {
  it("is sent it, with the partner on whose behalf each order is paid", async () => {
    using test = new FileBankUnderTest(database, {
      variant: { preset: "germany-03", batchBooking: true },
      ultimateDebtors: { acme: { name: "Acme Söhne" } },
    })
    const zoe = { name: "Zoë Müller", account }
    await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        yield* bank.transfer(test.orderOf(1, { beneficiary: zoe, remittance: "RF18 5390 0754 7034" }))
        yield* bank.transfer(test.orderOf(2, { partner: "other" }))
        yield* writeOutbox(test.bank)
      }),
    )
    test.carry()
    const [xml = ""] = test.taken.values()
    expect(xml).toContain("<Nm>Zoe Müller</Nm>")
    expect(xml).toContain("<Ref>RF18539007547034</Ref>")
    expect(xml.match(/<UltmtDbtr>\s*<Nm>Acme Söhne</g)).toHaveLength(1)
    const wanted = { characters: "german", hasUetrs: false, batchBooking: true } as const
    expect(brokenRules(xml, "sepa", wanted)).toEqual([])
    if (isPublishedDataThere) expect(await schemaProblems([xml], "pain.001.001.03")).toEqual([])
  })

  it("is sent nothing that it no longer takes: the file waits, says so without a name, and goes when it fits again", async () => {
    using test = new FileBankUnderTest(database, { variant: "switzerland" })
    const name = "ß".repeat(70)
    const written = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        yield* bank.transfer(test.orderOf(1, { beneficiary: { name, account } }))
        yield* writeOutbox({ ...test.bank, variant: "sepa" })
        const before = test.list("outbox").filter((file) => !file.startsWith("."))
        yield* writeOutbox(test.bank)
        return before
      }),
    )
    test.carry()
    expect(written).toEqual([])
    expect(test.ordered).toEqual([test.orderOf(1).reference])
    expect(test.lines.join()).toContain("1 of its orders were accepted by other settings of the bank")
    expect(test.lines.join()).not.toContain("ßß")
  })
})

describe("the settings of a bank of files", () => {
  const decode = Schema.decodeUnknownResult(FileBankSettings, { onExcessProperty: "error" })
  const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
  const isTaken = (changes: object, own: object = {}) =>
    Result.isSuccess(decode({ folder: "/tmp", debtor: { ...debtor, ...changes }, ...own }))

  it.each([
    [true, {}],
    [true, { name: "Müller & Söhne", address }],
    [false, { name: "爱达" }],
    [false, { name: "ß".repeat(36) }],
    [false, { address: { ...address, street: "長安街" } }],
    [false, { address: { street: "nowhere" } }],
    [true, { organisation: { bic: "ABNANL2A", lei: "529900T8BM49AURSDO55" } }],
    [true, { organisation: { other: { id: "12/345", scheme: "CUST" } } }],
    [false, { organisation: {} }],
    [false, { organisation: { lei: "529900" } }],
    [false, { organisation: { other: { id: "/345" } } }],
    [false, { organisation: { other: { id: "12//345" } } }],
    [false, { organisation: { other: { id: "345/" } } }],
  ])("take a debtor that files can name (%s): %j", (is, changes) => {
    expect(isTaken(changes)).toBe(is)
  })

  it("take a debtor's name that SEPA is too short for where the bank does not pay by SEPA", () => {
    const longer = { name: "x".repeat(71) }
    expect(isTaken(longer)).toBe(false)
    expect(isTaken(longer, { schemes: ["sepa", "ach"] })).toBe(false)
    expect(isTaken(longer, { schemes: ["faster-payments", "cross-border"] })).toBe(true)
    expect(isTaken({ name: "ß".repeat(71) }, { schemes: ["ach"] })).toBe(false)
  })

  it.each([
    [true, {}],
    [false, { debtor: { ...debtor, address } }],
    [false, { schemes: ["ach", "faster-payments"] }],
  ] as const)("lack a debtor's address that payments out of the EEA name (%s): %j", (is, changes) => {
    const own = Result.getOrThrow(decode({ folder: "/tmp", debtor, ...changes }))
    expect(lacksDebtorAddress(own)).toBe(is)
  })

  it("say what the bank can be sent", () => {
    expect(isTaken({}, { schemes: ["sepa"], achClass: "CCD", crossBorder: { characters: "latin" } })).toBe(
      true,
    )
    expect(isTaken({}, { schemes: [] })).toBe(false)
    expect(Object.keys(fileLimits({}))).toEqual(["sepa", "faster-payments", "ach", "cross-border"])
    expect(fileLimits({ schemes: ["sepa"] })).not.toHaveProperty("ach")
    expect(
      fileLimits({ crossBorder: { characters: "latin", address: "optional" } })["cross-border"],
    ).toMatchObject({ characters: "latin", needsAddress: false })
  })
})
