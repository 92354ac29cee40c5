/** Something that production refuses. Secrets are named by whose they are, and never quoted. */
import { Schema } from "effect"

/** Checks by what they look at: the environment, which every process has. */
const ofEnvironment = [
  "weak-secret",
  "known-secret",
  "shared-secret",
  "redis-without-tls",
  "redis-without-password",
  "postgres-without-tls",
  "postgres-without-password",
  "nats-without-tls",
  "nats-without-password",
  "private-webhooks",
  "crash-point",
  "any-certificate",
] as const

/** What only those read who call providers. */
const ofProviders = ["odd-time", "plain-http", "play-host", "without-auth", "public-url"] as const

/** What not even all of those can read: a process is given the secrets that it needs. */
const ofProviderSecrets = [
  "weak-secret-of-provider",
  "known-secret-of-provider",
  "shared-secret-of-provider",
] as const

const Check = Schema.Literals([...ofEnvironment, ...ofProviders, ...ofProviderSecrets])
export type Check = typeof Check.Type

/** All that VOUCH_FOR may name. */
export const checks: ReadonlyArray<Check> = Check.literals

export const isCheck = Schema.is(Check)

/** What a check looks at. */
export const subjectOf = (check: Check): "environment" | "providers" | "provider-secrets" => {
  if (isOfProviderSecrets(check)) return "provider-secrets"
  return isOfProviders(check) ? "providers" : "environment"
}

const isOfProviders = Schema.is(Schema.Literals(ofProviders))
const isOfProviderSecrets = Schema.is(Schema.Literals(ofProviderSecrets))

export const Finding = Schema.Struct({
  /**
   * The stable name of the check, such as `plain-http`; or that nobody can stand for it: a document that cannot be read,
   * a vouch for what is no check.
   */
  check: Schema.Literals([...Check.literals, "providers", "unknown-vouch"]),
  /** What it is about, where there may be several: a provider, a key. */
  of: Schema.optionalKey(Schema.String),
  /** The variable, and where in it. */
  setting: Schema.String,
  found: Schema.String,
  wanted: Schema.String,
})
export type Finding = typeof Finding.Type

/** What VOUCH_FOR calls it: `plain-http:north`, `crash-at`. */
export const nameOf = ({ check, of }: Pick<Finding, "check" | "of">): string =>
  of === undefined ? check : `${check}:${of}`
