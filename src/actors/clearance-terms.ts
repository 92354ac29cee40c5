import { Effect } from "effect"
import { AppConfig } from "../config.ts"
import type { AnnouncedList, ClearanceTerms } from "../domain/clearance.ts"
import { AnnouncedLists, type SeenLists } from "../streams/announced-lists.ts"
import type { ActorServices } from "./activation.ts"

/** Which clearances are valid: by the settings, and by the lists that the compliance engine announced last. */
export const makeClearanceTerms = Effect.gen(function* () {
  const { clearanceMaxAgeMs: maxAgeMs, clearanceDelaysMs } = (yield* AppConfig).providers
  const retryMs = { min: Math.min(...clearanceDelaysMs), max: Math.max(...clearanceDelaysMs) }
  const { current, seen } = yield* AnnouncedLists
  const termsBy = (lists: AnnouncedList | undefined): ClearanceTerms => ({ maxAgeMs, lists, retryMs })
  const clearanceTerms: ActorServices["clearanceTerms"] = current.pipe(
    Effect.map(termsBy),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.as(
        Effect.logWarning("nothing is paid: the announced lists are not known", { step, reason }),
        "unknown" as const,
      ),
    ),
  )
  let last: { readonly seen: SeenLists; readonly terms: ClearanceTerms } | undefined
  const seenTerms: ActorServices["seenTerms"] = () => {
    const now = seen()
    if (now === undefined) return undefined
    if (last?.seen !== now) last = { seen: now, terms: termsBy(now.lists) }
    return last.terms
  }
  return { clearanceTerms, seenTerms }
})
