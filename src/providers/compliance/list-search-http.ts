/** The channel to an engine that searches lists. */
import { Clock, Effect } from "effect"
import { ProviderChannels } from "../calling/channel.ts"
import { providerOf } from "../calling/provider-access-http.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"
import { type Answers, callProvider, type ProviderCall } from "../calling/provider-http.ts"
import type { ProviderEntry } from "../calling/provider-kind.ts"
import { nonsense } from "./list-search.ts"

/** Asks the engine once. `problemOf` says what is wrong with an answer that has the agreed shape, given the time (epoch milliseconds). */
export type AskLists = <A>(
  call: ProviderCall,
  answers: Answers<A>,
  problemOf: (answer: A, now: number) => string | undefined,
) => Effect.Effect<A, ProviderUnavailable>

/** Opens the channel to an engine. Each question goes through it alone, so that limits, retries and the breaker are about questions. */
export const openListSearch = Effect.fnUntraced(function* (engine: ProviderEntry<unknown>) {
  const provider = yield* providerOf(engine)
  const channel = yield* (yield* ProviderChannels).open(
    { name: engine.name, kind: "compliance" },
    engine.policy,
  )
  const ask: AskLists = (call, answers, problemOf) => {
    const attempt = Effect.gen(function* () {
      const answer = yield* callProvider(provider, call, answers)
      const problem = problemOf(answer, yield* Clock.currentTimeMillis)
      return problem === undefined ? answer : yield* nonsense(engine.name, call.step, problem)
    })
    return channel.call(
      { step: call.step, repeatable: true, patienceMs: 0, outcomeOf: () => "Answered" },
      attempt,
    )
  }
  return ask
})
