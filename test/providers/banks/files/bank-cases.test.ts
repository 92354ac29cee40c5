/** Files as banks really send them: each changes what it says of our orders, and what has no effect is counted. */
import { existsSync, readFileSync } from "node:fs"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { booking, oddities, ordered, remarks, standings } from "./reported-orders.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const [first, second] = [referenceOf(1), referenceOf(2)]

const folder = ["../shared/cases/bank", "../../shared/cases/bank"].find((path) => existsSync(path))

/** What the orders become after a file for which their message id and references are known. */
const outcomeOf = async (
  fileOf: (messageId: string) => string | Uint8Array,
  orders = euros(1_000n, 1_100n),
) => {
  using test = new FileBankUnderTest(database)
  return await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      test.deliver("file.xml", fileOf(about))
      yield* test.looks
      return {
        standings: yield* standings(test, orders.length),
        oddities: (yield* oddities(test)).map(([reference = "", reason = ""]) => [
          reference.replace(about, "MSGID"),
          reason,
        ]),
        remarks: yield* remarks(test),
        quarantined: test.list("quarantine").length,
      }
    }),
  )
}

const euros = (...minors: ReadonlyArray<bigint>) => minors.map((minor) => ({ currency: "EUR", minor }))

describe.skipIf(folder === undefined)("a file that failed once is read:", () => {
  const caseOf = (name: string) => (about: string) =>
    Buffer.from(
      readFileSync(`${folder}/${name}`, "latin1")
        .replaceAll("@MSGID@", about)
        .replaceAll("@REF1@", first)
        .replaceAll("@REF2@", second),
      "latin1",
    )
  const fine = { oddities: [], remarks: [], quarantined: 0 }
  const both = { ...fine, standings: ["Settled", "Settled"] }

  it.each([
    [
      "b01-pain002-iso-8859-1.xml",
      {
        ...fine,
        standings: ["Failed", "Accepted"],
        remarks: [[first, "reason", "AC04: Kontonummer ungültig"]],
      },
    ],
    ["b03-pain002-NOTPROVIDED-InstrId.xml", { ...fine, standings: ["Failed", "Accepted"] }],
    ["b04-camt054-InstrId-only.xml", both],
    ["b05-camt054-PmtInfId-only.xml", both],
    [
      "b06-camt054-stranger-batch-without-amounts.xml",
      { ...both, oddities: ["SALARY1", "SALARY2"].map((id) => [id, "unknown-reference"]) },
    ],
    ["b09-camt053-two-statements.xml", both],
    [
      "b12-pain002-proprietary-words.xml",
      {
        ...fine,
        standings: ["Failed", "Accepted"],
        remarks: [[first, "reason", "Z-991 Konto gesperrt"]],
      },
    ],
    [
      "b14-pain002-RJCT-of-foreign-PmtInfId.xml",
      { ...fine, standings: ["Accepted", "Accepted"], oddities: [["BANK-PMT-1", "unknown-payment"]] },
    ],
    ["b16-pain002-german-namespace.xml", both],
  ])("%s", async (name, expected) => {
    expect(await outcomeOf(caseOf(name))).toEqual(expected)
  })

  it("b10-camt054-fx-InstdAmt-JPY.xml", async () => {
    const yen = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(caseOf("b10-camt054-fx-InstdAmt-JPY.xml"), yen)).toEqual({
      ...fine,
      standings: ["Settled"],
      remarks: [[first, "rate", "7.50 EUR for 1200 JPY"]],
    })
  })
})

describe("an entry that cannot be read", () => {
  const good = booking({ amount: "10.00", transactions: [{ ids: { EndToEndId: first }, amount: "10.00" }] })
  const bad = booking({ amount: "1,00", transactions: [{ ids: { EndToEndId: second } }] })
  it.each(["camt.052", "camt.053", "camt.054"])("takes no other one with it in a %s", async (kind) => {
    const file = () => accountFile(kind, [good, bad], [bad.replace(second, "STRANGER")])
    expect(await outcomeOf(file)).toEqual({
      standings: ["Settled", "Accepted"],
      oddities: [
        [second, "unreadable-entry"],
        [expect.stringMatching(/ 2 Ntry 1$/), "unreadable-entry"],
      ],
      remarks: [],
      quarantined: 0,
    })
  })
})

const contents: Readonly<Record<string, readonly [string, string]>> = {
  "camt.052": ["BkToCstmrAcctRpt", "Rpt"],
  "camt.053": ["BkToCstmrStmt", "Stmt"],
  "camt.054": ["BkToCstmrDbtCdtNtfctn", "Ntfctn"],
}

const accountFile = (kind: string, ...parts: ReadonlyArray<ReadonlyArray<string>>) => {
  const [content, part] = contents[kind] ?? []
  const inner = parts.map((entries) => `<${part}><Id>1</Id>${entries.join("")}</${part}>`)
  return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${kind}.001.08"><${content}><GrpHdr/>${inner.join("")}</${content}></Document>`
}
