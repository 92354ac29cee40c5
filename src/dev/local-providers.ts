/** The providers' file of a local platform: one bank of each kind, and ordered rules. */
import { resolve } from "node:path"
import { bankSchemes } from "../domain/scheme.ts"
import { clearingFolder } from "./clearing-files.ts"
import { openDataFolder, writePrivately } from "./data-folder.ts"
import { type LocalSandboxUrls, twinCredentials } from "./local-sandbox.ts"

type TwinUrls = Readonly<Record<string, string | undefined>>

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

/** The sandbox's own banks, one of each kind. */
const ownBanks = (folder: string, { north, south, west }: LocalSandboxUrls["banks"]) => [
  { name: "north", kind: "instant", url: north },
  { name: "south", kind: "instant", url: south },
  { name: "west", kind: "synchronous", url: west },
  { name: "clearing", kind: "files", folder, debtor, ...haste },
]

/** The entries of the twins, as an operator writes them for the real providers, but for the address. */
const adyen = (url: string) => ({
  name: "adyen",
  kind: "adyen",
  url,
  auth: { kind: "header", name: "X-API-Key", value: { env: "SANDBOX_ADYEN_API_KEY" } },
  balanceAccount: "BA3227C223222B5CTBLR8BWJB",
})

const paypal = (url: string) => ({
  name: "paypal",
  kind: "paypal",
  url,
  auth: {
    kind: "oauth2",
    tokenUrl: `${url}/oauth/token`,
    clientId: twinCredentials.SANDBOX_PAYPAL_CLIENT_ID,
    clientSecret: { env: "SANDBOX_PAYPAL_CLIENT_SECRET" },
  },
  ...haste,
})

/** The entries of the twins that are banks. */
export const banksOfTwins = ({ adyen: adyenUrl, paypal: paypalUrl }: TwinUrls) => [
  ...(adyenUrl === undefined ? [] : [adyen(adyenUrl)]),
  ...(paypalUrl === undefined ? [] : [paypal(paypalUrl)]),
]

/** What the twins can pay goes through them, and the rest as without them. */
export const routesOfTwins = (twins: TwinUrls) => [
  ...(twins.paypal === undefined
    ? []
    : [{ rule: "wallets", when: { scheme: ["wallet"] }, banks: ["paypal"] }]),
  ...(twins.adyen === undefined
    ? []
    : [{ rule: "accounts", when: { scheme: bankSchemes }, banks: ["adyen", "south"] }]),
]

const thresholds = { review: 0.8, reject: 0.95 }
/** What an engine searches. */
const searched = { watchman: { lists: ["us_ofac", "us_csl"] }, yente: { dataset: "sanctions" } } as const

/** The document as an operator writes it, with the names of the settings. */
const documentOf = (folder: string, { compliance, ledger, banks, twins = {} }: LocalSandboxUrls) => {
  const { watchman, yente, formance } = twins
  const [engine, kind] =
    watchman === undefined ? ([yente, "yente"] as const) : ([watchman, "watchman"] as const)
  return {
    version: Object.keys(twins).length === 0 ? "local-1" : `local-1-${Object.keys(twins).join("-")}`,
    compliance:
      engine === undefined ? { url: compliance } : { kind, url: engine, thresholds, ...searched[kind] },
    ledger: formance === undefined ? { url: ledger } : { kind: "formance", url: formance, ledger: "payouts" },
    banks: [...banksOfTwins(twins), ...ownBanks(folder, banks)],
    routes: [...routesOfTwins(twins), ...routes],
  }
}

/** Writes the providers' file of a data folder, and returns its path. */
export const writeLocalProviders = (dataDir: string, sandbox: LocalSandboxUrls): string => {
  const file = resolve(dataDir, "providers.json")
  const document = documentOf(clearingFolder(dataDir), sandbox)
  openDataFolder(dataDir)
  writePrivately(file, `${JSON.stringify(document, null, 2)}\n`)
  return file
}
