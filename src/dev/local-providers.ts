/** The providers' file of a local platform: one bank of each kind, and ordered rules. */
import { resolve } from "node:path"
import { clearingFolder } from "./clearing-files.ts"
import { openDataFolder, writePrivately } from "./data-folder.ts"
import type { LocalSandboxUrls } from "./local-sandbox.ts"

/** Shorter than the default of a quarter of an hour, for a demo. */
const haste = { everyMs: 1_000, pollMs: 100 }

const debtor = {
  name: "Atlas Marketplace",
  account: { scheme: "iban", iban: "NL91ABNA0417164300", bic: "ABNANL2A" },
  address: {
    street: "Herengracht",
    buildingNumber: "1",
    postcode: "1015 BA",
    town: "Amsterdam",
    country: "NL",
  },
}

/** The first rule that applies names the banks: the first one pays, the others if it cannot. */
const routes = [
  {
    rule: "large-euros",
    when: { currency: ["EUR"], minor: { atLeast: "100000" } },
    banks: ["clearing", "north"],
  },
  { rule: "euros", when: { currency: ["EUR"] }, banks: ["north", "south"] },
  {
    rule: "small-pounds",
    when: { currency: ["GBP"], minor: { atMost: "100000" } },
    banks: ["west", "south"],
  },
  { rule: "dollars-by-ach", when: { scheme: ["ach"] }, banks: ["clearing", "south"] },
  { rule: "rest", banks: ["south", "north"] },
]

/** The document as an operator writes it, with the names of the settings. */
const documentOf = (folder: string, { compliance, ledger, banks }: LocalSandboxUrls) => ({
  version: "local-1",
  compliance: { url: compliance },
  ledger: { url: ledger },
  banks: [
    { name: "north", kind: "instant", url: banks.north },
    { name: "south", kind: "instant", url: banks.south },
    { name: "west", kind: "synchronous", url: banks.west },
    { name: "clearing", kind: "files", folder, debtor, ...haste },
  ],
  routes,
})

/** Writes the providers' file of a data folder, and returns its path. */
export const writeLocalProviders = (dataDir: string, sandbox: LocalSandboxUrls): string => {
  const file = resolve(dataDir, "providers.json")
  const document = documentOf(clearingFolder(dataDir), sandbox)
  openDataFolder(dataDir)
  writePrivately(file, `${JSON.stringify(document, null, 2)}\n`)
  return file
}
