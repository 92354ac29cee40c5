/** Keys and secrets: those that everybody knows, those that can be guessed, and those that two parties have. */
import { hash } from "node:crypto"
import { Redacted } from "effect"
import type { Check, Finding } from "./finding.ts"
import { knownExamples } from "./known-examples.ts"
import { bitsOf, KEY_BITS_MIN, patternIn } from "./strength.ts"

/** A key or secret, and whose it is: `partner/acme`. Names are unique, and part of what VOUCH_FOR says. */
export interface NamedSecret {
  readonly name: string
  readonly setting: string
  readonly secret: Redacted.Redacted<string>
  /** The provider that has it, of one that a provider and we have. */
  readonly party?: string
}

/** What we prove ourselves with to a provider: a key that is presented, or one that requests are signed with. */
export interface ProviderSecret extends NamedSecret {
  readonly party: string
  readonly use: "presented" | "signs"
}

/** What is said of one secret alone. */
interface SecretFinding extends Finding {
  readonly check: "known-secret" | "weak-secret"
}

/** Standard Webhooks: a secret has between 24 and 64 bytes. */
const CALLBACK_SECRET_BYTES_MIN = 24

/** "acme=key,globex=key" by name, as `<role>/acme`; a second key of the same name is `<role>/acme/2`. */
export const keysOf = (
  role: string,
  setting: string,
  text: Redacted.Redacted<string>,
): ReadonlyArray<NamedSecret> => {
  const pairs = Redacted.value(text).split(",")
  return namedApart(
    pairs.map((pair) => {
      const [owner = "", ...rest] = pair.trim().split("=")
      // What an operator may do with the key stands behind its name.
      const [name] = owner.split(":")
      return { name: `${role}/${name}`, setting, secret: Redacted.make(rest.join("=")) }
    }),
  )
}

/** Several of one owner are told apart by their number. */
export const namedApart = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<NamedSecret> => {
  const seen = new Map<string, number>()
  return secrets.map((secret) => {
    const nth = (seen.get(secret.name) ?? 0) + 1
    seen.set(secret.name, nth)
    return nth === 1 ? secret : { ...secret, name: `${secret.name}/${nth}` }
  })
}

/** Keys that callers present. */
export const callerKeyFindings = (keys: ReadonlyArray<NamedSecret>): ReadonlyArray<SecretFinding> =>
  keys.flatMap((key) => judged(key, weakKey(Redacted.value(key.secret)), "a key of 128 random bits or more"))

const weakKey = (key: string): string | undefined => {
  const bits = Math.floor(bitsOf(key))
  return bits < KEY_BITS_MIN ? `a key of some ${bits} bits` : undefined
}

/** Secrets that callbacks are signed with: `whsec_` and base64. */
export const callbackSecretFindings = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<SecretFinding> =>
  secrets.flatMap((secret) =>
    judged(secret, weakCallbackSecret(Redacted.value(secret.secret)), "24 to 64 random bytes in base64"),
  )

const weakCallbackSecret = (secret: string): string | undefined => {
  const bytes = Buffer.from(secret.replace(/^whsec_/, ""), "base64")
  return bytes.length < CALLBACK_SECRET_BYTES_MIN ? `a secret of ${bytes.length} bytes` : patternIn(bytes)
}

export const providerSecretFindings = (secrets: ReadonlyArray<ProviderSecret>): ReadonlyArray<Finding> =>
  secrets
    .flatMap((secret) =>
      secret.use === "signs" ? callbackSecretFindings([secret]) : callerKeyFindings([secret]),
    )
    .map((finding) => ({ ...finding, check: `${finding.check}-of-provider` as const }))

/** Keys that wrap keys: 32 bytes in base64. */
export const masterKeyFindings = (keys: ReadonlyArray<NamedSecret>): ReadonlyArray<Finding> =>
  keys.flatMap((key) =>
    judged(key, patternIn(Buffer.from(Redacted.value(key.secret), "base64")), "openssl rand -base64 32"),
  )

/** A password in the address of a server: it is only compared with those that everybody knows. */
export const passwordFindings = (password: NamedSecret): ReadonlyArray<Finding> =>
  judged(password, undefined, "a password of its own")

/** Whoever has another's secret can speak for it. */
export const sharedSecretFindings = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<Finding> =>
  sameSecrets(secrets).map((same) => sharedBy("shared-secret", same))

/**
 * Whoever is shown our secret can show it to another provider, or speak for whoever else has it. Only what it signs with
 * itself may be the same. Found in pairs, because processes have different ones of them: what is vouched for has the same
 * name in all.
 */
export const sharedWithProviderFindings = (
  ofProviders: ReadonlyArray<ProviderSecret>,
  others: ReadonlyArray<NamedSecret>,
): ReadonlyArray<Finding> => {
  const called = new Set<NamedSecret>(ofProviders)
  // Those of providers come last, so in a pair with one of them it is the second.
  return sameSecrets([...others, ...ofProviders]).flatMap((same) =>
    same.flatMap((one, at) =>
      same
        .slice(at + 1)
        .filter((other) => called.has(other) && one.party !== other.party)
        .map((other) => sharedBy("shared-secret-of-provider", [one, other])),
    ),
  )
}

const sameSecrets = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<ReadonlyArray<NamedSecret>> =>
  [...Map.groupBy(secrets, ({ secret }) => spelled(Redacted.value(secret))).values()].filter(
    (same) => same.length > 1,
  )

/** One spelling for bytes that have several: `whsec_` before them, another alphabet, padding (RFC 4648, 3.2 and 5). */
const spelled = (secret: string): string =>
  secret
    .replace(/^whsec_/, "")
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/=+$/, "")

const sharedBy = (check: Check, same: ReadonlyArray<NamedSecret>): Finding => ({
  check,
  of: same.map(({ name }) => name).join("+"),
  setting: [...new Set(same.map(({ setting }) => setting))].join(", "),
  found: "one secret for all of them",
  wanted: "a secret for each",
})

const judged = (
  { name, setting, secret }: NamedSecret,
  weakness: string | undefined,
  wanted: string,
): ReadonlyArray<SecretFinding> => {
  if (isKnown(Redacted.value(secret)))
    return [{ check: "known-secret", of: name, setting, found: "an example that everybody knows", wanted }]
  return weakness === undefined ? [] : [{ check: "weak-secret", of: name, setting, found: weakness, wanted }]
}

const isKnown = (secret: string): boolean => knownExamples.has(hash("sha256", secret, "base64url"))
