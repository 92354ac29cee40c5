import { Schema } from "effect"

const names = { postgres: "Postgres", redis: "Redis", nats: "NATS" } as const

/**
 * A store of ours failed in a step, or gave an invalid answer. The step may have been done or not. `reason` is a code
 * (`ECONNREFUSED`, a SQLSTATE, `TIMEOUT`) or a phrase of ours. It never has a server's message, because messages quote
 * values.
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
