/** The bank that takes files, as its client sees it: two folders and its books. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { expect, it } from "vitest"
import { readBankStatement } from "../../src/providers/iso20022/bank-statement.ts"
import { startSandbox } from "../../src/sandbox/sandbox.ts"
import { eventually } from "../platform-under-test.ts"

const transfer = (reference: string, name: string) =>
  `<CdtTrfTxInf><PmtId><EndToEndId>${reference}</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">1.50</InstdAmt></Amt>
   <Cdtr><Nm>${name}</Nm></Cdtr><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct></CdtTrfTxInf>`

const orders = (...transfers: ReadonlyArray<string>) =>
  `<Document><CstmrCdtTrfInitn><GrpHdr><MsgId>M1</MsgId><NbOfTxs>${transfers.length}</NbOfTxs></GrpHdr>
   <PmtInf><DbtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></DbtrAcct>${transfers.join("")}</PmtInf>
   </CstmrCdtTrfInitn></Document>`

interface Books {
  readonly counts: { readonly payments: number }
  readonly paidTwice: number
  readonly settled: Readonly<Record<string, string>>
  readonly returned: Readonly<Record<string, string>>
  readonly outstanding: number
}

const opened = async (data?: string) => {
  const clearingFolder = data ?? mkdtempSync(join(tmpdir(), "clearing-"))
  const sandbox = await startSandbox({ clearingFolder, data, paymentDelayMs: 20, returnAfterMs: 40 })
  const url = sandbox.urls.banks.clearing ?? ""
  const answers = (kind: string) =>
    readdirSync(join(clearingFolder, "inbox"))
      .filter((name) => name.endsWith(`.${kind}.xml`) && !name.startsWith("."))
      .map((name) => readFileSync(join(clearingFolder, "inbox", name), "utf8"))
  return {
    answers,
    order: (name: string, content: string) => writeFileSync(join(clearingFolder, "outbox", name), content),
    books: async () => (await (await fetch(`${url}/books`)).json()) as Books,
    endDay: () => fetch(`${url}/end-of-day`, { method: "POST" }),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
}

it("accepts, refuses, pays, gives back, and ends its day with a statement", async () => {
  await using bank = await opened()
  bank.order(
    "a.xml",
    orders(transfer("R1", "Ada Lovelace"), transfer("R2", "Clara Closed"), transfer("R3", "Ralf Returned")),
  )
  await eventually("all is paid and given back", async () => {
    const { counts, outstanding } = await bank.books()
    return counts.payments === 2 && outstanding === 0
  })
  const reports = bank.answers("pain.002").join("\n")
  expect(reports).toContain("<OrgnlMsgId>M1<")
  expect(reports).toMatch(/R2<\/OrgnlEndToEndId><TxSts>RJCT<\/TxSts><StsRsnInf><Rsn><Cd>AC04</)
  expect(reports).toMatch(/R1<\/OrgnlEndToEndId><TxSts>ACSP</)
  expect(reports).toMatch(/R1<\/OrgnlEndToEndId><TxSts>ACSC</)
  expect(bank.answers("camt.054").join()).toMatch(/R3<.*MS03/s)
  expect(await bank.books()).toMatchObject({
    settled: { EUR: "1.50" },
    returned: { EUR: "1.50" },
    paidTwice: 0,
  })

  await bank.endDay()
  const [statement = ""] = bank.answers("camt.053")
  const { statements, unread } = Result.getOrThrow(readBankStatement(statement))
  expect([statements.length, unread]).toEqual([1, []])
  expect(statements[0]).toMatchObject({
    unread: [],
    account: "NL91ABNA0417164300",
    currency: "EUR",
    entries: [
      { reference: "R1", kind: "debit", minor: 150n },
      { reference: "R3", kind: "debit", minor: 150n },
      { reference: "R3", kind: "credit", minor: 150n },
    ],
  })
})

it("states a booking once, also when it was started anew, and a day without any", async () => {
  const data = mkdtempSync(join(tmpdir(), "clearing-"))
  const stated: string[][] = []
  const lastStated = (bank: Awaited<ReturnType<typeof opened>>) => {
    const references = bank
      .answers("camt.053")
      .flatMap((file) => Result.getOrThrow(readBankStatement(file)).statements)
      .map(({ entries }) => entries.map(({ reference }) => reference))
    stated.push(references.flat().sort())
  }
  {
    await using bank = await opened(data)
    await bank.endDay()
    lastStated(bank)
    bank.order("a.xml", orders(transfer("R1", "Ada Lovelace")))
    await eventually("it is paid", async () => (await bank.books()).counts.payments === 1)
    await bank.endDay()
    lastStated(bank)
  }
  await using bank = await opened(data)
  bank.order("b.xml", orders(transfer("R2", "Ada Lovelace")).replace("M1", "M2"))
  await eventually("it is paid", async () => (await bank.books()).counts.payments === 2)
  await bank.endDay()
  lastStated(bank)
  expect(stated).toEqual([[], ["R1"], ["R1", "R2"]])
  expect(bank.answers("camt.053")).toHaveLength(3)
})

it("pays a file that comes twice two times, and says so", async () => {
  await using bank = await opened()
  for (const times of [1, 2]) {
    bank.order("a.xml", orders(transfer("R1", "Ada Lovelace")))
    await eventually("it is paid", async () => (await bank.books()).counts.payments === times)
  }
  expect(await bank.books()).toMatchObject({ paidTwice: 1 })
})

it("goes on with a journal from when it refused for lack of funds what it had accepted", async () => {
  const data = mkdtempSync(join(tmpdir(), "clearing-"))
  const order = (name: string) => ({
    reference: name.slice(0, 3),
    amount: { currency: "EUR", value: "1.50" },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })
  const at = new Date(0).toISOString()
  const ordered = (name: string, index: number) => {
    const key = `M1#1#${index}`
    return { type: "ordered", at, key, fingerprint: "", transferId: `clearing-${key}`, order: order(name) }
  }
  const journal = [
    ordered("Ivo Insufficient", 0),
    ordered("Ivo Insufficient", 1),
    ordered("Ada Lovelace", 2),
    { type: "rejected", at, transferId: "clearing-M1#1#0", code: "AM04" },
  ]
  writeFileSync(join(data, "clearing.jsonl"), journal.map((entry) => `${JSON.stringify(entry)}\n`).join(""))
  await using bank = await opened(data)
  await eventually("all is done", async () => (await bank.books()).outstanding === 0)
  expect(await bank.books()).toMatchObject({ counts: { transfers: 3, payments: 1 }, paidTwice: 0 })
})

it("goes on where it was, and tells all again", async () => {
  const data = mkdtempSync(join(tmpdir(), "clearing-"))
  {
    await using bank = await opened(data)
    bank.order("a.xml", orders(transfer("R1", "Ada Lovelace")))
    await eventually("it is paid", async () => (await bank.books()).counts.payments === 1)
  }
  await using bank = await opened(data)
  expect(bank.answers("pain.002").filter((report) => report.includes("ACSC"))).toHaveLength(2)
  expect(await bank.books()).toMatchObject({ counts: { payments: 1, transfers: 1 }, paidTwice: 0 })
})
