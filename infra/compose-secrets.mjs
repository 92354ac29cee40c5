/*
 * Makes the files of secrets that infra/compose.yaml mounts, in .atlaspay/compose: `node infra/compose-secrets.mjs`. What is there stays. Runs
 * on any Node from 20 on. Keys are random; those that the sandbox signs with are everybody's.
 */
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const key = () => randomBytes(32).toString("base64url")

/** As src/sandbox/sandbox.ts has them; a test compares. */
const signing = (server) => `whsec_${Buffer.from(`atlaspay-sandbox-${server}-callbacks!`).toString("base64")}`

/** The text of each file. */
export const composeSecrets = () => ({
  REDIS_URL: "redis://redis:6379",
  DATABASE_URL: "postgres://atlaspay:atlaspay@postgres:5432/atlaspay",
  NATS_URL: "nats://nats:4222",
  MASTER_KEYS: `k1=${randomBytes(32).toString("base64")}`,
  API_KEYS: `demo/clerk=${key()},demo/supervisor=${key()}`,
  OPERATOR_KEYS: `olga=${key()},otto=${key()}`,
  PROOF_SIGNING_KEY: `prsk_${randomBytes(32).toString("base64")}`,
  BANK_CALLBACK_SECRET: ["north", "south"].map((bank) => `${bank}=${signing(bank)}`).join(","),
  COMPLIANCE_CALLBACK_SECRET: signing("compliance"),
  LEDGER_CALLBACK_SECRET: signing("ledger"),
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), ".atlaspay/compose")
  // Only its owner gets into the folder. The files are mounted one by one, and read by the user of the image.
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(composeSecrets())) {
    const file = join(folder, name)
    if (!existsSync(file)) writeFileSync(file, text, { mode: 0o444 })
  }
  process.stdout.write(`The keys of the partner demo are in ${join(folder, "API_KEYS")}\n`)
}
