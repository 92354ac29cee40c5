import { Schema } from "effect"

const names = { postgres: "Postgres", redis: "Redis", nats: "NATS" } as const

/**
 * A store of ours did not do a step, or answered what it should not: the step may have been done or not. `reason` is a code
 * (`ECONNREFUSED`, a SQLSTATE, `TIMEOUT`) or words of ours; what servers say in prose is left out, because it quotes values.
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  store: Schema.Literals(["postgres", "redis", "nats"]),
  step: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${names[this.store]}: ${this.step} failed (${this.reason})`
  }
}
