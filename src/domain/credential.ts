/**
 * Credentials as the log records them: the name of a key, never the key. The service knows people only by their credentials;
 * names that they type are notes.
 */
import { Schema } from "effect"

/** The short lower-case name of a key or an operator. */
const name = "[a-z0-9][a-z0-9-]{0,62}"

/** `partner:acme/payroll`, one of the partner's keys; or `operator:alice`. */
export const Credential = Schema.String.check(
  Schema.isPattern(new RegExp(`^(partner:${name}/${name}|operator:${name})$`), {
    message: "expected a credential such as partner:acme/payroll or operator:alice",
  }),
)
export type Credential = typeof Credential.Type

const operatorName = new RegExp(`^${name}$`)

/** Whether a text can be the name of an operator, as credentials have it. */
export const isOperatorName = (text: string): boolean => operatorName.test(text)

/** Whether a credential is an operator's. False without one. */
export const isOperator = (credential: Credential | undefined): credential is Credential =>
  credential?.startsWith("operator:") === true

/** The actor of decisions that the batch's own policy makes. */
export const POLICY = "policy"
