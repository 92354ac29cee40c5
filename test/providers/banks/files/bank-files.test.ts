import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { fileBanks } from "../../../../src/providers/banks/files/bank-files.ts"
import { providerSettings } from "../../../settings.ts"

const nowhere = { url: "http://127.0.0.1:9" }
const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }

/** The names of the banks whose folders these are, or why the service does not start. */
const banksOf = (...folders: ReadonlyArray<string>): Promise<unknown> => {
  const banks = folders.map((folder, at) => ({ name: `bank-${at + 1}`, kind: "files", folder, debtor }))
  const document = { version: "test", compliance: nowhere, ledger: nowhere, banks }
  const path = join(mkdtempSync(join(tmpdir(), "file-banks-")), "providers.json")
  writeFileSync(path, JSON.stringify({ ...document, routes: [{ rule: "all", banks: ["bank-1"] }] }))
  return Effect.runPromise(
    fileBanks.pipe(
      Effect.map((found) => found.map(({ name }) => name)),
      Effect.provide(providerSettings({ PROVIDERS_FILE: path })),
      Effect.catch((error) => Effect.succeed(error.message)),
    ),
  )
}

it("banks that take files have a folder each, however it is spelt: a file is the word of the bank whose folder it is in", async () => {
  expect(await banksOf("/banks/one", "/banks/two")).toEqual(["bank-1", "bank-2"])
  expect(await banksOf("/banks/one", "/banks/two/../one/")).toBe(
    "PROVIDERS_FILE: banks[1].folder: it is already the folder of bank-1",
  )
})
