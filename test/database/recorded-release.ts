/** What a release left behind, recorded once by `record.ts`, and the way to put it into servers and folders. */
import { cpSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Redis } from "ioredis"
import postgres from "postgres"
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"
import { masterKeys } from "../settings.ts"
import { type StoredKey, writeKeys } from "./stored-keys.ts"

/** The batches of the recording, by what became of them. */
export const batchNames = [
  "settled",
  "mixed",
  "approved",
  "held",
  "awaiting-approval",
  "scheduled",
  "cancelled",
  "without-funds",
  "parked",
  "in-file",
  "crashed",
  "order-waits",
  "slow",
  "queued-1",
  "queued-2",
  "queued-3",
  "queued-4",
  "queued-5",
  "queued-6",
] as const
export type BatchName = (typeof batchNames)[number]

/** What has to be the same while a release is recorded and while another one goes on. */
export const recordedSettings = {
  STREAM_PREFIX: "rel",
  PARTITIONS: "4",
  MASTER_KEYS: masterKeys,
  PARTNER_SHARE: "1",
  APPROVAL_ABOVE: "EUR=100000.00,GBP=100000.00,JPY=10000000,USD=9000000.00,CHF=100000.00",
  PROVIDER_TIMEOUT_MS: "1000",
  INQUIRY_DELAYS_MS: "1000,1000,2000,5000,10000,20000,60000",
  CLAIM_MS: "1500",
  SWEEP_MS: "2000",
  EXECUTE_AHEAD_MS_MAX: "3000000000000",
} as const

/** The providers' document: a bank of each kind, and none for Swiss francs. */
export const providersDocument = ({ compliance, ledger, banks }: SandboxUrls, folder: string) => ({
  version: "recorded",
  compliance: { url: compliance },
  ledger: { url: ledger },
  banks: [
    { name: "north", kind: "instant", url: banks.north },
    { name: "south", kind: "instant", url: banks.south },
    { name: "west", kind: "synchronous", url: banks.west },
    {
      name: "clearing",
      kind: "files",
      folder,
      debtor: { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } },
      everyMs: 500,
      pollMs: 50,
    },
  ],
  routes: [
    { rule: "large-euros", when: { currency: ["EUR"], minor: { atLeast: "100000" } }, banks: ["clearing"] },
    { rule: "euros", when: { currency: ["EUR"] }, banks: ["north", "south"] },
    { rule: "pounds", when: { currency: ["GBP"] }, banks: ["west"] },
    { rule: "others", when: { currency: ["JPY", "USD"] }, banks: ["south"] },
  ],
})

const recording = new URL("fixtures/release-937959c/", import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, recording), "utf8")

export const batches: Readonly<Record<BatchName, string>> = JSON.parse(read("batches.json"))

/** Gives an empty database the tables of the release, and their rows. */
export const restoreDatabase = async (url: string): Promise<void> => {
  // The dump names every table with its schema, and leaves the session without a search path.
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(read("postgres.sql"))
  } finally {
    await sql.end()
  }
}

/** Puts the release's keys into a Redis, under the prefix of the recording. */
export const restoreKeys = async (redis: Redis): Promise<void> => {
  const stored = read("redis.jsonl")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): StoredKey => JSON.parse(line))
  await writeKeys(redis, recordedSettings.STREAM_PREFIX, stored)
}

/** Puts the banks' journals and the folder of files where the sandbox, and the service, look for them. */
export const restoreFolders = (sandbox: string, clearing: string): void => {
  cpSync(fileURLToPath(new URL("sandbox/", recording)), sandbox, { recursive: true })
  cpSync(fileURLToPath(new URL("clearing/", recording)), clearing, { recursive: true })
}
