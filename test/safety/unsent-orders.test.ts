/** A payout that its first bank cannot be sent is paid once, by the next: what we refuse ourselves never went anywhere. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { uetrOf } from "../../src/domain/uetr.ts"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { brokenRules } from "../providers/iso20022/scheme-rules.ts"

const iban = (iban: string) => ({ scheme: "iban", iban })
const german = iban("DE89370400440532013000")
const address = { street: "Unter den Linden", buildingNumber: "7", town: "Köln", country: "DE" }
const payout = (reference: string, beneficiary: object, more: object = {}) => ({
  reference,
  amount: { currency: "EUR", value: "1.00" },
  beneficiary: { name: "Ada Lovelace", account: german, ...beneficiary },
  ...more,
})

interface ShownItem {
  readonly item: number
  readonly bank: string
  readonly attempt: number
  readonly state: string
  readonly transferReference: string
  readonly uetr: string
}

it("goes past a bank by what is seen of it, and on to the next by what is sealed", {
  timeout: 90_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "clearing-"))
  await using platform = await PlatformUnderTest.open({}, { clearingFolder: folder })
  const { COMPLIANCE_URL: compliance, LEDGER_URL: ledger } = platform.environment
  const debtor = { name: "Atlas Marketplace", account: iban("NL91ABNA0417164300"), address }
  const document = {
    version: "test",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [
      { name: "clearing", kind: "files", folder, debtor, everyMs: 300, pollMs: 50 },
      { name: "north", kind: "instant", url: platform.sandbox.banks.north },
    ],
    routes: [{ rule: "all", banks: ["clearing", "north"] }],
  }
  const providers = join(folder, "providers.json")
  writeFileSync(providers, JSON.stringify(document))
  await platform.start({ PROVIDERS_FILE: providers })
  const id = await platform.submit("unsent", {
    items: [
      payout("written", { address }),
      payout("seen", { name: "爱达" }),
      payout("abroad", { account: iban("TR330006100519786457841326") }),
      payout("sealed", { address: { ...address, street: "長安街" } }),
      payout("respelled", { name: "Ελένη" }, { remittance: "Invoice #4711 – 50 €" }),
    ],
  })
  expect((await platform.closed(id)).state).toBe("settled")

  const items = async () =>
    (await platform.get<{ readonly items: ReadonlyArray<ShownItem> }>(`/payout-batches/${id}/items`)).items
  await eventually("all are shown as settled", async () =>
    (await items()).every(({ state }) => state === "settled"),
  )
  const shown = await items()
  expect(shown.map(({ bank, attempt }) => [bank, attempt])).toEqual([
    ["clearing", 1],
    ["north", 1],
    ["north", 1],
    ["north", 2],
    ["clearing", 1],
  ])
  for (const { transferReference, uetr } of shown) expect(uetr).toBe(uetrOf(transferReference))

  const books = await platform.books()
  const paid = books.flatMap(({ transfers }) => transfers)
  expect(paid.map(({ reference, payments }) => [reference, payments]).sort()).toEqual(
    shown.map(({ transferReference }) => [transferReference, 1]).sort(),
  )
  expect(books.map(({ paidTwice }) => paidTwice).every((count) => count === 0)).toBe(true)
  const files = readdirSync(join(folder, "taken")).map((name) =>
    readFileSync(join(folder, "taken", name), "utf8"),
  )
  const written = files.join()
  for (const file of files) expect(brokenRules(file, "sepa")).toEqual([])
  expect([...written.matchAll(/<EndToEndId>/g)]).toHaveLength(2)
  expect(written).toContain("<Nm>Eleni</Nm>")
  expect(written).toContain("<Ustrd>Invoice .4711 - 50 E</Ustrd>")
  expect(written).toContain("<TwnNm>Koln</TwnNm>")
})
