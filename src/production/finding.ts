/** A setting that production refuses. A secret is named by its owner, and never quoted. */
import { Schema } from "effect"

/** Checks of the environment, which every process has. */
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
  "otlp-without-tls",
  "private-webhooks",
  "crash-point",
  "any-certificate",
  "no-proofs",
  "open-secret-file",
] as const

/** Checks of the providers' document, which only processes that call providers read. */
const ofProviders = ["odd-time", "plain-http", "play-host", "without-auth", "public-url"] as const

/** Checks of providers' secrets. A process has only the secrets that it needs, so it may be unable to make them all. */
const ofProviderSecrets = [
  "weak-secret-of-provider",
  "known-secret-of-provider",
  "shared-secret-of-provider",
] as const

const Check = Schema.Literals([...ofEnvironment, ...ofProviders, ...ofProviderSecrets])
export type Check = typeof Check.Type

/** All checks that VOUCH_FOR may name. */
export const checks: ReadonlyArray<Check> = Check.literals

export const isCheck = Schema.is(Check)

/** The subject of a check. */
export const subjectOf = (check: Check): "environment" | "providers" | "provider-secrets" => {
  if (isOfProviderSecrets(check)) return "provider-secrets"
  return isOfProviders(check) ? "providers" : "environment"
}

const isOfProviders = Schema.is(Schema.Literals(ofProviders))
const isOfProviderSecrets = Schema.is(Schema.Literals(ofProviderSecrets))

export const Finding = Schema.Struct({
  /**
   * The stable name of the check, such as `plain-http`. Nobody can vouch for the last two: a document that cannot be
   * read, and a name in VOUCH_FOR that is not a check.
   */
  check: Schema.Literals([...Check.literals, "providers", "unknown-vouch"]),
  /** The provider or key that it is about, if there may be several. */
  of: Schema.optionalKey(Schema.String),
  /** The variable, and the place in it. */
  setting: Schema.String,
  found: Schema.String,
  wanted: Schema.String,
})
export type Finding = typeof Finding.Type

/** Its name in VOUCH_FOR: `plain-http:north`, `crash-point`. */
export const nameOf = ({ check, of }: Pick<Finding, "check" | "of">): string =>
  of === undefined ? check : `${check}:${of}`
