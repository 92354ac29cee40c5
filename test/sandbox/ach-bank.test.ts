/** The bank that takes files, when they are files of Nacha: what it makes of magic names, and that both sides read each other. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { expect, it } from "vitest"
import { transferReference } from "../../src/domain/identifiers.ts"
import { readBankMessage } from "../../src/providers/iso20022/bank-message.ts"
import { individualIdOf } from "../../src/providers/nacha/individual-id.ts"
import { writeNachaFile } from "../../src/providers/nacha/nacha-file.ts"
import { readAchOrders } from "../../src/sandbox/ach-orders.ts"
import { startSandbox } from "../../src/sandbox/sandbox.ts"
import { batchId } from "../domain/batch-story.ts"
import { eventually } from "../platform-under-test.ts"
import { nacha } from "../providers/nacha/return-files.ts"

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const idOf = (item: number) => individualIdOf(referenceOf(item))

const fileOf = (...names: ReadonlyArray<string>): string =>
  writeNachaFile({
    settings: nacha,
    day: "2026-12-02",
    madeAt: Date.parse("2026-12-02T17:00:00Z"),
    sequence: 1,
    name: "ach-2026-12-02-1",
    entryClass: "PPD",
    transfers: names.map((name, index) => ({
      reference: referenceOf(index + 1),
      currency: "USD",
      minor: 150n,
      details: {
        name,
        account: {
          scheme: "aba",
          routingNumber: "021000021",
          accountNumber: "123456789",
          accountType: "checking",
        },
      },
    })),
  })

interface Books {
  readonly outstanding: number
  readonly settled: Readonly<Record<string, string>>
  readonly returned: Readonly<Record<string, string>>
  readonly transfers: ReadonlyArray<{ readonly reference: string; readonly status: string }>
}

it("pays credits, gives back what the other bank returns, and passes on what it corrects", async () => {
  const clearingFolder = mkdtempSync(join(tmpdir(), "clearing-"))
  const sandbox = await startSandbox({ clearingFolder, paymentDelayMs: 20, returnAfterMs: 40 })
  const books = async () => (await (await fetch(`${sandbox.urls.banks.clearing}/books`)).json()) as Books
  const inbox = () => readdirSync(join(clearingFolder, "inbox")).filter((name) => !name.startsWith("."))
  const content = (name: string) => readFileSync(join(clearingFolder, "inbox", name))
  try {
    const names = ["Ada Lovelace", "Clara Closed", "Ralf Returned", "Ivo Insufficient", "Clive Close"]
    writeFileSync(join(clearingFolder, "outbox", "USD-ach-2026-12-02-1.ach"), fileOf(...names))
    await eventually("all is done", async () => {
      const { outstanding, transfers } = await books()
      return outstanding === 0 && transfers.length === 5
    })
    const { transfers, settled, returned } = await books()
    const statuses = new Map(transfers.map(({ reference, status }) => [reference, status]))
    expect(names.map((_, index) => statuses.get(idOf(index + 1)))).toEqual([
      "settled",
      "returned",
      "returned",
      "rejected",
      "settled",
    ])
    expect([settled, returned]).toEqual([{ USD: "3.00" }, { USD: "3.00" }])
    const files = inbox()
      .filter((name) => name.endsWith(".ach"))
      .map((name) => Result.getOrThrow(readBankMessage(content(name))))
    const told = files.flatMap((file) => ("companies" in file ? file.named : []))
    expect(files.every((file) => "companies" in file && file.companies[0] === nacha.companyId)).toBe(true)
    expect(
      told
        .map(({ reference, status }) => [reference, status._tag, "code" in status && status.code])
        .toSorted(),
    ).toEqual(
      [
        [idOf(2), "Returned", "R02"],
        [idOf(3), "Returned", "R23"],
        [idOf(5), "Corrected", false],
      ].toSorted(),
    )
    const reports = inbox()
      .filter((name) => name.endsWith(".pain.002.xml"))
      .map((name) => String(content(name)))
    expect(reports.join("")).toContain(`${idOf(4)}</OrgnlEndToEndId><TxSts>RJCT</TxSts>`)
    expect(reports.join("")).toContain(`${idOf(1)}</OrgnlEndToEndId><TxSts>ACSC</TxSts>`)
  } finally {
    await sandbox.close()
  }
})

it("takes no file whose controls do not agree with it", () => {
  const text = fileOf("Ada Lovelace", "Ada Byron")
  const lines = text.split("\n")
  expect(readAchOrders("a.ach", text)?.orders).toHaveLength(2)
  const changed = [
    lines.toSpliced(2, 1).join("\n"),
    text.replace("0000000150", "0000000151"),
    text.replace("5220", "5200"),
    text.replace("PPD", "WEB"),
    text.replace("622", "627"),
    lines.slice(0, 4).join("\n"),
    text.slice(1),
    "",
  ]
  expect(changed.map((other) => readAchOrders("a.ach", other))).toEqual(changed.map(() => undefined))
})
