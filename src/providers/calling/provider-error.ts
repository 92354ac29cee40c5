import { Schema } from "effect"

/**
 * Why a call failed. Only after `not-connected`, `no-credentials` and `not-called` is it certain that the provider received
 * nothing.
 */
export const FailureKind = Schema.Literals([
  /** There was no connection: no byte was sent. */
  "not-connected",
  /** Our credentials were unavailable, for example from the token server: no byte was sent to the provider. */
  "no-credentials",
  /** We did not call: its breaker is open, or it asked for a pause. */
  "not-called",
  "timed-out",
  "connection-broke",
  "server-error",
  /** It asked us to try again later. */
  "busy",
  /** It refused our credentials or our permission (401, 403). It should have done nothing, but that is no proof. */
  "unauthorized",
  /** It answered properly, with a status that was not agreed. */
  "refused",
  /** Its answer makes no sense. */
  "nonsense",
])
export type FailureKind = typeof FailureKind.Type

/**
 * A provider (the compliance engine, a bank, the ledger) gave no usable answer, and the call may be made again later. `reason`
 * never contains what was sent.
 */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  provider: Schema.String,
  reason: Schema.String,
  kind: Schema.optionalKey(FailureKind),
  /** The HTTP status, if there was one. */
  status: Schema.optionalKey(Schema.Int),
  /** How long the provider asked us to wait, in milliseconds. */
  retryAfterMs: Schema.optionalKey(Schema.Number),
}) {
  override get message() {
    return `${this.provider}: ${this.reason}`
  }
}
