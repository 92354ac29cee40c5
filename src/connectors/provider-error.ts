import { Schema } from "effect"

/**
 * A provider (the compliance engine, a bank, the ledger, the instruction register) did not do what it was asked, and
 * the call had no effect that matters: it is made again later. `reason` never holds what was sent.
 */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  provider: Schema.String,
  reason: Schema.String,
  /** How long the provider asked us to wait, in milliseconds. */
  retryAfterMs: Schema.optionalKey(Schema.Number),
}) {
  override get message() {
    return `${this.provider}: ${this.reason}`
  }
}
