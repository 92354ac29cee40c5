/** The texts of settings with secrets. A problem never shows a part of the text. */
import { Schema } from "effect"
import { Webhook } from "standardwebhooks"

/** Ids of letters, digits and hyphens; keys of 32 bytes, for AES-256. */
export const masterKeyPair = /^([A-Za-z0-9-]{1,32})=([A-Za-z0-9+/]{43}=)$/

/** Master keys by id, each once. */
export const MasterKeysText = Schema.String.check(
  Schema.makeFilter((text: string) => {
    const ids = text.split(",").map((pair) => masterKeyPair.exec(pair.trim())?.[1])
    return (
      (!ids.includes(undefined) && new Set(ids).size === ids.length) ||
      "expected master keys such as k2=<base64 of 32 bytes>,k1=…, each id once"
    )
  }),
)

/** Whether a secret can verify callbacks: it is complete base64, and the library accepts it. */
const isUsableSecret = (secret: string): boolean => {
  const [, base64 = ""] = /^whsec_(.+)$/.exec(secret) ?? []
  if (base64 === "" || Buffer.from(base64, "base64").toString("base64") !== base64) return false
  try {
    return new Webhook(secret) !== undefined
  } catch {
    return false
  }
}

/** A secret that can verify callbacks. */
export const CallbackSecretText = Schema.String.check(
  Schema.makeFilter((text: string) => isUsableSecret(text) || "expected whsec_ and base64"),
)

const bankSecret = /^(?:[a-z0-9-]{1,32}=)?(whsec_.+)$/

/** Secrets by bank, or one for all. */
export const BankSecretsText = Schema.String.check(
  Schema.makeFilter((text: string) => {
    const secrets = text.split(",")
    const forAll = secrets.length === 1 && text.startsWith("whsec_")
    const isGood = secrets.every(
      (one) => isUsableSecret(bankSecret.exec(one.trim())?.[1] ?? "") && (forAll || one.includes("=whsec_")),
    )
    return isGood || "expected whsec_…, or north=whsec_…,south=whsec_…"
  }),
)

/** The private key of signed roots: the seed of an Ed25519 key. */
export const ProofKeyText = Schema.String.check(
  Schema.makeFilter((text: string) => {
    const [, base64 = ""] = /^prsk_(.+)$/.exec(text) ?? []
    const seed = Buffer.from(base64, "base64")
    return (
      (seed.length === 32 && seed.toString("base64") === base64) ||
      "expected prsk_ and 32 bytes in base64, as `atlaspay proof key` makes them"
    )
  }),
)
