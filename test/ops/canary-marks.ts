/** What the canary's platform is marked with: people's data and secrets that nothing may write where it does not belong. */
import { randomBytes } from "node:crypto"
import { newApiKey } from "../../src/identity/api-key.ts"

const base64 = (bytes: number) => randomBytes(bytes).toString("base64")
const word = (name: string) => `canary-${name}-${randomBytes(9).toString("hex").replaceAll(/\d/g, "q")}`
const signing = () => `whsec_${base64(32)}`

/** Whom partners pay. */
export const people = {
  account: "DE89370400440532013000",
  "account at the bank that echoes": "GB33BUKB20201555555555",
  "account number": "20201555555555",
  "e-mail address": "kanaria.vogelsang@vogel.example",
  "telephone number": "+4915173219876",
  "PayPal id": "KVANARH7EVQ24",
  name: "Kanaria Vogelsang",
  remittance: "Kanarienfutter Q7 für März",
} as const

export const masterKey = base64(32)
/** What opens something. */
export const secrets = {
  "partner's key": newApiKey().text,
  "other partner's key": word("globex"),
  "operator's key": newApiKey("operator").text,
  "stranger's key": word("stranger"),
  "stranger's token": `eyJhbGciOiJSUzI1NiJ9.${Buffer.from('{"sub":"kanarie"}').toString("base64url")}.${word("signature")}`,
  "master key": masterKey,
  "secret of north": signing(),
  "secret of south": signing(),
  "secret of compliance": signing(),
  "secret of the ledger": signing(),
  "token for north": word("north-token"),
  "token for the collector": word("collector-token"),
  "password of Redis": word("redis"),
  "password of Postgres": word("postgres"),
  "password of NATS": word("nats"),
  "key that signs roots": `prsk_${base64(32)}`,
} as const

/** A secret as it is looked for: without a prefix that is none. */
export const hidden = (secret: string): string =>
  secret.replace(/^(whsec_|prsk_|apo?_[a-z]{16}_|eyJ[^.]*\.)/, "")
