/** What the streams do about a name that may be archived: they ask the archive before they take it for a new one. */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry, Exists, Reserved } from "./event-store.ts"
import type { LogArchive } from "./log-archive.ts"
import { readFirstEvent } from "./stream-entry.ts"

/**
 * The archive has to be asked for a name first. `unlinks` says what was unlinked until now: who repeats the step with it has asked,
 * unless more was unlinked since. `now` is in epoch milliseconds by the store's clock.
 */
export interface Ask {
  readonly _tag: "Ask"
  readonly unlinks: string
  readonly now: number
}

/** Each time something else was unlinked between question and step. */
const ASKED_MAX = 10

/** Does a step that may take a name for a new one, once the archive was asked for it where that is needed. */
export const askingArchive = Effect.fnUntraced(function* <A extends { readonly _tag: string }, E>(
  archive: LogArchive["Service"],
  name: BatchId,
  step: (askedAt: string) => Effect.Effect<A | Ask, E>,
): Effect.fn.Return<Exclude<A, Ask> | Exists | Reserved, E | StoreUnavailable | CorruptEntry> {
  let askedAt = ""
  for (let asked = 0; asked < ASKED_MAX; asked += 1) {
    const answer = yield* step(askedAt)
    if (!isAsk(answer)) return answer as Exclude<A, Ask>
    const [first] = yield* archive.entries(name, 0, 1)
    if (first !== undefined)
      return { _tag: "Exists", first: yield* readFirstEvent(name, first[1][1] ?? "") } satisfies Exists
    // The batch of a key in quotes is archived. As good as a reservation that was made now.
    if ((yield* archive.reservedFor(name)) !== undefined)
      return { _tag: "Reserved", at: answer.now, now: answer.now } satisfies Reserved
    askedAt = answer.unlinks
  }
  return yield* new StoreUnavailable({
    store: "redis",
    step: "open",
    reason: "other logs were unlinked each time the archive was asked",
  })
})

const isAsk = (answer: { readonly _tag: string }): answer is Ask => answer._tag === "Ask"
