/**
 * What somebody proved to be by, as the log keeps it: the name of a key, never the key. People are credentials to the
 * service; the names that they type are notes.
 */
import { Schema } from "effect"

/** Of a key or an operator: a short lower-case name. */
const name = "[a-z0-9][a-z0-9-]{0,62}"

/** `partner:acme/payroll`, one of the partner's keys; or `operator:alice`. */
export const Credential = Schema.String.check(
  Schema.isPattern(new RegExp(`^(partner:${name}/${name}|operator:${name})$`), {
    message: "expected a credential such as partner:acme/payroll or operator:alice",
  }),
)
export type Credential = typeof Credential.Type

export const isOperator = (credential: Credential | undefined): credential is Credential =>
  credential?.startsWith("operator:") === true

/** Who acts when nobody does: the batch's own policy. */
export const POLICY = "policy"
