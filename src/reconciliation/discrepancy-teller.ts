import { Context, type Effect, Schema } from "effect"
import type { Reconciliation } from "./results.ts"

/** Not all discrepancies were told; those that were are not told again. */
export class NotTold extends Schema.TaggedError<NotTold>()("NotTold", {
  step: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `NATS: ${this.step} failed (${this.reason})`
  }
}

/** Tells the operator's systems of discrepancies. */
export class DiscrepancyTeller extends Context.Service<
  DiscrepancyTeller,
  {
    /** Tells each discrepancy once, also over several runs of a day. */
    readonly tell: (run: Reconciliation) => Effect.Effect<void, NotTold>
  }
>()("atlaspay/reconciliation/DiscrepancyTeller") {}
