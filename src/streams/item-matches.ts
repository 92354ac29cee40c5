/** What the compliance engine found about an item, from the log of its batch: neither folds nor read models keep it. */
import { Effect } from "effect"
import type { ClearanceDecision } from "../domain/clearance-answers.ts"
import type { RecordedEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { ListMatch } from "../domain/list-match.ts"
import { beginningOf, visitLog } from "./event-range.ts"
import { EventStore } from "./event-store.ts"

/** Decisions that are shown: the latest. */
const DECISIONS_MAX = 100

/** A decision with what it is based on. `at` is in epoch milliseconds. */
export interface MatchedDecision extends Pick<ClearanceDecision, "decision" | "cause" | "reason"> {
  readonly at: number
  readonly listVersion: string
  readonly matches: ReadonlyArray<ListMatch>
}

export interface ItemMatches {
  readonly batchIsThere: boolean
  readonly itemIsThere: boolean
  /** The oldest first. */
  readonly decisions: ReadonlyArray<MatchedDecision>
}

/** Reads the log of a batch for the decisions about an item that say what was found. */
export const matchesOf = Effect.fn("matchesOf")(function* (batch: BatchId, item: number) {
  const found = new FoundMatches(item)
  yield* visitLog(yield* EventStore, batch, beginningOf(batch), (recorded) => found.add(recorded))
  return found
})

/** What the events of a log, one after the other, say of an item. */
export class FoundMatches implements ItemMatches {
  batchIsThere = false
  itemIsThere = false
  readonly decisions: Array<MatchedDecision> = []
  readonly #item: number

  constructor(item: number) {
    this.#item = item
  }

  /** Takes the next event. */
  add({ event }: Pick<RecordedEvent, "event">): void {
    this.batchIsThere = true
    if (event._tag === "ItemsReceived")
      this.itemIsThere ||= event.items.some(({ item }) => item === this.#item)
    if (event._tag !== "ItemsScreened" && event._tag !== "ClearanceWithdrawn") return
    const { at, listVersion } = event
    for (const { item, matches, decision, cause, reason } of event.decisions) {
      if (item !== this.#item || matches === undefined) continue
      const named = { ...(cause === undefined ? {} : { cause }), ...(reason === undefined ? {} : { reason }) }
      this.decisions.push({ at, decision, ...named, listVersion, matches })
      if (this.decisions.length > DECISIONS_MAX) this.decisions.shift()
    }
  }
}
