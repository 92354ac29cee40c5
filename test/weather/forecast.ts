/** The bad weather of a run, and the settings under which the service has to stand it. */
import { banksOfTwins, routesOfTwins } from "../../src/dev/local-providers.ts"
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"
import { fullPace, type Liars, liesOf } from "./liars.ts"

/** When the bank that the seed chooses is down; null where none is. */
export type Outage = { readonly inMs: number; readonly forMs: number } | null

/** Tuned to answers within tens of milliseconds, as real settings are to seconds. */
const policy = {
  timeoutMs: 700,
  concurrency: 32,
  patienceMs: 3_000,
  retries: { attemptsMax: 3, baseMs: 20, capMs: 200, budgetPercent: 20 },
  breaker: { failurePercent: 50, calls: 20, callsMin: 10, openMs: 1_000 },
}

/** What a process may retry at a provider: so many before its calls have earned any, and so many per 100 of them. */
export const retriesAllowed = { first: 10, percent: policy.retries.budgetPercent }

/** What the service is started with, beside where everything is. Schedules keep the shape of the real ones. */
export const settings = {
  CLAIM_MS: "3000",
  SWEEP_MS: "3000",
  CLEARANCE_DELAYS_MS: "800,2000,5000",
  INQUIRY_DELAYS_MS: "300,800,1500,3000,5000,5000,5000,5000,5000",
}

/** More partitions, so that not everything stands still where one has lost its history. */
export const settingsAmongLiars = { ...settings, PARTITIONS: "32" }

/** Payouts in it may go to west, which tells nobody when one of them is returned. */
export const SILENT_CURRENCY = "USD"

const httpBanks = (banks: SandboxUrls["banks"]) => [
  { name: "north", kind: "instant", url: banks.north, policy },
  { name: "south", kind: "instant", url: banks.south, policy },
  { name: "west", kind: "synchronous", url: banks.west, policy },
]

/** The document for PROVIDERS_FILE: who is down or refuses is passed over, and with both down it is south that waits. */
export const providersOf = ({ compliance, ledger, banks }: SandboxUrls) => ({
  version: "weather",
  compliance: { url: compliance, policy },
  ledger: { url: ledger, policy },
  banks: httpBanks(banks),
  routes: [
    { rule: "europe", when: { currency: ["EUR", "GBP"], health: "closed" }, banks: ["north", "south"] },
    { rule: "dollars", when: { currency: [SILENT_CURRENCY], health: "closed" }, banks: ["west", "south"] },
    { rule: "rest", banks: ["south"] },
  ],
})

/** The same with twins of real providers: what they pay goes to them first, and a ledger among them takes the place of ours. */
export const withTwins = <
  Document extends {
    readonly banks: ReadonlyArray<object>
    readonly routes: ReadonlyArray<object | undefined>
  },
>(
  document: Document,
  twins: NonNullable<SandboxUrls["twins"]>,
) => ({
  ...document,
  ...(twins.formance === undefined
    ? {}
    : { ledger: { kind: "formance", url: twins.formance, ledger: "payouts", policy } }),
  banks: [...banksOfTwins(twins).map((bank) => ({ ...bank, policy })), ...document.banks],
  routes: [
    ...routesOfTwins(twins).map(({ when, ...rule }) => ({ ...rule, when: { ...when, health: "closed" } })),
    ...(twins.paypal === undefined
      ? []
      : [{ rule: "wallets-in-any-case", when: { scheme: ["wallet"] }, banks: ["paypal"] }]),
    ...document.routes,
  ],
})

const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
/** An order waits for its file longer than any call may be on its way: a no that comes meanwhile comes in time. */
const clearing = { name: "clearing", kind: "files", debtor, everyMs: 3_500, ordersMax: 40, pollMs: 100 }

/** With a bank of files, and another bank for whatever one refuses: where somebody lies, money can go two ways. */
export const providersAmongLiars = (sandbox: SandboxUrls, clearingFolder: string) => {
  const { banks, routes, ...document } = providersOf(sandbox)
  const [europe, dollars] = routes
  const large = { currency: ["EUR"], minor: { atLeast: "250000" } }
  return {
    ...document,
    banks: [...banks, { ...clearing, folder: clearingFolder }],
    routes: [
      { rule: "large-euros", when: large, banks: ["clearing", "north", "south"] },
      europe,
      dollars,
      { rule: "rest", banks: ["south", "north"] },
    ],
  }
}

/** The weather of each server: every fifth reply lost, every tenth a 5xx, every twentieth a 429, and more. */
export const forecast = (seed: number, outage: Outage, liars: Liars = new Set(), pace = fullPace) => {
  const everywhere = {
    seed,
    latency: { distribution: "lognormal", msMedian: 10, msP99: 300 },
    lostReplies: { cut: 0.1, hang: 0.1 },
    errorsBefore: 0.05,
    errorsAfter: 0.05,
    tooManyRequests: { share: 0.05 },
    silence: 0.01,
    malformed: { share: 0.02 },
  }
  const clockSkewMs = Math.round((chanceOf(seed, "clock") - 0.5) * 120_000)
  const callbacks = { duplicate: 0.1, reordered: 0.1, late: 0.1, lateMs: 1_500, early: 0.1, clockSkewMs }
  const fallen = fallenBank(seed)
  const downOf = (bank: string) =>
    outage !== null && bank === fallen ? { down: { how: "refused", ...outage } } : {}
  const bank = { ...everywhere, inquiryErrors: 0.1 }
  const lies = liesOf(liars, pace)
  return {
    compliance: { ...everywhere, callbacks, lies: lies.compliance },
    ledger: everywhere,
    north: { ...bank, callbacks, lies: lies.north, ...downOf("north") },
    south: { ...bank, callbacks, lies: lies.south, ...downOf("south") },
    west: { ...bank, lies: lies.west, ...downOf("west") },
    adyen: { ...bank, callbacks },
    paypal: everywhere,
    formance: everywhere,
    clearing: { seed, lies: lies.clearing },
  }
}

const fallenBank = (seed: number): string | undefined =>
  ["north", "south", "west"][Math.floor(chanceOf(seed, "outage") * 3)]
