/** A register of decisions that is gone with its layer, and may be told to be away. */
import { Effect, Layer } from "effect"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { DecisionRegister, type RegisteredDecision } from "../../src/register/decision-register.ts"
import type { LogTail } from "../../src/register/log-tail.ts"

export class DecisionsInMemory {
  readonly kept = new Map<string, RegisteredDecision & { readonly digest: string }>()
  readonly tails: Array<LogTail> = []
  isAway = false
  /** It goes away once a decision is kept. */
  isGoing = false

  readonly layer = Layer.succeed(DecisionRegister, {
    keep: (decision, takenOn) =>
      this.#whileThere(() => {
        const key = `${decision.batch} ${decision.id}`
        const before = this.kept.get(key) ?? decision
        this.kept.set(key, before)
        if (takenOn !== undefined) this.tails.push(takenOn)
        this.isAway = this.isGoing
        return before.digest === decision.digest ? "kept" : "differs"
      }),
    drop: (batch, id) => this.#whileThere(() => void this.kept.delete(`${batch} ${id}`)),
    answered: () => Effect.void,
    acceptLoss: () => Effect.void,
    overdue: () => Effect.succeed([]),
    decided: () => Effect.succeed([]),
    recall: () => Effect.void,
  })

  #whileThere<A>(step: () => A): Effect.Effect<A, StoreUnavailable> {
    return Effect.suspend(() =>
      this.isAway
        ? Effect.fail(
            new StoreUnavailable({ store: "postgres", step: "keep a decision", reason: "ECONNREFUSED" }),
          )
        : Effect.sync(step),
    )
  }
}
