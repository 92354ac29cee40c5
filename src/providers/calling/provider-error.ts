import { Schema } from "effect"

/**
 * What went wrong with a call. Only after `not-connected`, `no-credentials` and `not-called` is it certain that the
 * provider has heard nothing of it.
 */
export const FailureKind = Schema.Literals([
  /** It could not be connected to: not a byte was sent. */
  "not-connected",
  /** What proves to it who we are could not be had, from whoever gives that out: not a byte was sent to it. */
  "no-credentials",
  /** We did not call: its breaker is open, or it asked us to pause. */
  "not-called",
  "timed-out",
  "connection-broke",
  "server-error",
  /** It asked us to come back later. */
  "busy",
  /** It does not believe who we are, or that we may (401, 403). It ought not to have done anything: that is no proof. */
  "unauthorized",
  /** It answered in an orderly way, with a status that was not agreed. */
  "refused",
  /** What it answered makes no sense. */
  "nonsense",
])
export type FailureKind = typeof FailureKind.Type

/**
 * A provider (the compliance engine, a bank, the ledger) did not do what it was asked, and the call had no effect that
 * matters: it is made again later. `reason` never holds what was sent.
 */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  provider: Schema.String,
  reason: Schema.String,
  kind: Schema.optionalKey(FailureKind),
  /** The HTTP status, where there was one. */
  status: Schema.optionalKey(Schema.Int),
  /** How long the provider asked us to wait, in milliseconds. */
  retryAfterMs: Schema.optionalKey(Schema.Number),
}) {
  override get message() {
    return `${this.provider}: ${this.reason}`
  }
}
