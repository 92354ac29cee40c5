import { Context, type Effect, Schema } from "effect"
import type { Reconciliation } from "./results.ts"

/** Not all discrepancies were published. The next run publishes only the missing ones. */
export class NotPublished extends Schema.TaggedError<NotPublished>()("NotPublished", {
  step: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `NATS: ${this.step} failed (${this.reason})`
  }
}

/** Notifies the operator's systems of discrepancies. */
export class DiscrepancyNotifier extends Context.Service<
  DiscrepancyNotifier,
  {
    /** Publishes each discrepancy once, also over several runs of a day. */
    readonly notify: (run: Reconciliation) => Effect.Effect<void, NotPublished>
  }
>()("atlaspay/reconciliation/DiscrepancyNotifier") {}
