/** The bad weather of a run, and the settings under which the service has to stand it. */
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"

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

/** Payouts in it may go to west, which tells nobody when one of them is returned. */
export const SILENT_CURRENCY = "USD"

/** The document for PROVIDERS_FILE: who is down or refuses is passed over, and with both down it is south that waits. */
export const providersOf = ({ compliance, ledger, banks }: SandboxUrls) => ({
  version: "weather",
  compliance: { url: compliance, policy },
  ledger: { url: ledger, policy },
  banks: [
    { name: "north", kind: "instant", url: banks.north, policy },
    { name: "south", kind: "instant", url: banks.south, policy },
    { name: "west", kind: "synchronous", url: banks.west, policy },
  ],
  routes: [
    { rule: "europe", when: { currency: ["EUR", "GBP"], health: "closed" }, banks: ["north", "south"] },
    { rule: "dollars", when: { currency: [SILENT_CURRENCY], health: "closed" }, banks: ["west", "south"] },
    { rule: "rest", banks: ["south"] },
  ],
})

/** The weather of each server: every fifth reply lost, every tenth a 5xx, every twentieth a 429, and more. */
export const forecast = (seed: number, outage: Outage) => {
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
  return {
    compliance: { ...everywhere, callbacks },
    ledger: everywhere,
    north: { ...bank, callbacks, ...downOf("north") },
    south: { ...bank, callbacks, ...downOf("south") },
    west: { ...bank, ...downOf("west") },
  }
}

const fallenBank = (seed: number): string | undefined =>
  ["north", "south", "west"][Math.floor(chanceOf(seed, "outage") * 3)]
