/** Checks keys and secrets: finds public examples, secrets that can be guessed, and secrets that two parties share. */
import { hash } from "node:crypto"
import { Redacted } from "effect"
import type { Check, Finding } from "./finding.ts"
import { knownExamples } from "./known-examples.ts"
import { bitsOf, KEY_BITS_MIN, patternIn } from "./strength.ts"

/** A key or secret with the name of its owner: `partner/acme`. Names are unique. VOUCH_FOR uses them. */
export interface NamedSecret {
  readonly name: string
  readonly setting: string
  readonly secret: Redacted.Redacted<string>
  /** The provider that shares it with us, if one does. */
  readonly party?: string
}

/** What authenticates us to a provider: a key that is presented, or one that signs requests. */
export interface ProviderSecret extends NamedSecret {
  readonly party: string
  readonly use: "presented" | "signs"
}

/** A finding about a single secret. */
interface SecretFinding extends Finding {
  readonly check: "known-secret" | "weak-secret"
}

/** Standard Webhooks: a secret has 24 to 64 bytes. */
const CALLBACK_SECRET_BYTES_MIN = 24

/** "acme=key,globex=key" by name, as `<role>/acme`; a second key of the same name is `<role>/acme/2`, and an entry that has no name `<role>/entry-3`. */
export const keysOf = (
  role: string,
  setting: string,
  text: Redacted.Redacted<string>,
): ReadonlyArray<NamedSecret> => {
  const pairs = Redacted.value(text).split(",")
  return namedApart(
    pairs.map((pair, index) => {
      const [owner = "", ...rest] = pair.trim().split("=")
      const key = rest.join("=")
      // An operator's name is followed by what the operator may do. Without a key behind it, the name may be the key: as base64 it ends with "=".
      const [name] = /[^=]/.test(key) ? owner.split(":") : [`entry-${index + 1}`]
      return { name: `${role}/${name}`, setting, secret: Redacted.make(key) }
    }),
  )
}

/** Numbers the secrets of the same owner, so that names are unique. */
export const namedApart = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<NamedSecret> => {
  const seen = new Map<string, number>()
  return secrets.map((secret) => {
    const nth = (seen.get(secret.name) ?? 0) + 1
    seen.set(secret.name, nth)
    return nth === 1 ? secret : { ...secret, name: `${secret.name}/${nth}` }
  })
}

/** Findings about keys that callers present. */
export const callerKeyFindings = (keys: ReadonlyArray<NamedSecret>): ReadonlyArray<SecretFinding> =>
  keys.flatMap((key) => judged(key, weakKey(Redacted.value(key.secret)), "a key of 128 random bits or more"))

const weakKey = (key: string): string | undefined => {
  const bits = Math.floor(bitsOf(key))
  return bits < KEY_BITS_MIN ? `a key of some ${bits} bits` : undefined
}

/** Findings about secrets that sign callbacks: `whsec_` and base64. */
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

/** Findings about master keys: 32 bytes in base64. */
export const masterKeyFindings = (keys: ReadonlyArray<NamedSecret>): ReadonlyArray<Finding> =>
  keys.flatMap((key) =>
    judged(key, patternIn(Buffer.from(Redacted.value(key.secret), "base64")), "openssl rand -base64 32"),
  )

/** Findings about the key that signs roots of the proof tree: `prsk_` and 32 bytes in base64. */
export const proofKeyFindings = (keys: ReadonlyArray<NamedSecret>): ReadonlyArray<Finding> =>
  keys.flatMap((key) => {
    const seed = Buffer.from(Redacted.value(key.secret).replace(/^prsk_/, ""), "base64")
    return judged(key, patternIn(seed), "a key of `atlaspay proof key`")
  })

/** Findings about the password in a store's URL. It is only compared with public examples. */
export const passwordFindings = (password: NamedSecret): ReadonlyArray<Finding> =>
  judged(password, undefined, "a password of its own")

/** Findings about secrets that several parties share: each could impersonate the other. */
export const sharedSecretFindings = (secrets: ReadonlyArray<NamedSecret>): ReadonlyArray<Finding> =>
  sameSecrets(secrets).map((same) => sharedBy("shared-secret", same))

/**
 * Findings about secrets that a provider shares with somebody else. A provider that gets our secret could present it to
 * another provider, or impersonate another owner of it. It may only be the same as the secret of the provider's own
 * callbacks. Findings are pairs, because processes have different secrets: so a finding has the same name for VOUCH_FOR
 * in all processes.
 */
export const sharedWithProviderFindings = (
  ofProviders: ReadonlyArray<ProviderSecret>,
  others: ReadonlyArray<NamedSecret>,
): ReadonlyArray<Finding> => {
  const called = new Set<NamedSecret>(ofProviders)
  // Providers' secrets come last, so in every pair with one of them, the second is a provider's.
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

/**
 * Normalizes secrets that have several spellings: with `whsec_`, in another alphabet, with padding (RFC 4648, 3.2 and 5).
 */
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

/** Whether it is a public example, also in another spelling: nobody who looks for examples stops at the first. */
const isKnown = (secret: string): boolean =>
  spellingsOf(secret).some((spelling) => knownExamples.has(hash("sha256", spelling, "base64url")))

const prefix = /^(whsec_|prsk_)/

/** The secret as it is, without its prefix and with that of callback secrets, and what it is in base64, hexadecimal or percent-encoding. */
const spellingsOf = (secret: string): ReadonlyArray<string> => {
  const bare = secret.trim().replace(prefix, "")
  const decoded = [
    ...(/^[\w+/-]+={0,2}$/.test(bare) ? [Buffer.from(bare, "base64").toString("utf8")] : []),
    ...(/^([0-9a-f]{2})+$/i.test(bare) ? [Buffer.from(bare, "hex").toString("utf8")] : []),
    ...(/%[0-9a-f]{2}/i.test(bare) ? [percentDecoded(bare)] : []),
  ].map((text) => text.trim())
  const standard = bare.replaceAll("-", "+").replaceAll("_", "/")
  const own = [secret, bare, bare.toLowerCase(), standard, ...decoded]
  return [...own, ...[bare, standard].map((text) => `whsec_${text}`)]
}

const percentDecoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
