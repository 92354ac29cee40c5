/**
 * What has to stand in a log before an item is sent to a bank: that it was cleared, by an operator where a person did it,
 * that the batch was approved where that was asked for, under another credential than the one that submitted it, that it
 * has started, and that the item's money is held.
 */
import type { Event } from "./log-story.ts"

export class Permits {
  readonly #cleared = new Set<number>()
  readonly #held = new Set<number>()
  readonly #asked = new Map<number, Event>()
  #needsApproval = false
  #submitter: string | undefined
  #isStarted = false

  hear(event: Event): void {
    const { _tag, item, decision, decisions = [] } = event
    if (_tag === "BatchReceived") {
      this.#needsApproval = event.approval !== undefined
      this.#submitter = event.credential
    }
    if (_tag === "BatchApproved" && event.credential !== undefined && event.credential !== this.#submitter)
      this.#needsApproval = false
    if (_tag === "ExecutionStarted") this.#isStarted = true
    if (_tag === "ItemsScreened" || _tag === "ClearanceWithdrawn")
      for (const { item, decision } of decisions) mark(this.#cleared, item, decision === "approved")
    if (_tag === "ItemReviewed" && item !== undefined)
      mark(this.#cleared, item, decision === "released" && event.credential?.startsWith("operator:") === true)
    if (_tag === "PostingRequested" && event.posting !== undefined) this.#asked.set(event.posting, event)
    if (_tag === "PostingRefused" && event.posting !== undefined) this.#asked.delete(event.posting)
    if (_tag === "PostingBooked" && event.posting !== undefined) this.#book(this.#asked.get(event.posting))
  }

  /** What an item lacks. */
  missing(item: number): ReadonlyArray<string> {
    return [
      ...(this.#cleared.has(item) ? [] : ["cleared"]),
      ...(this.#needsApproval ? ["approved"] : []),
      ...(this.#isStarted ? [] : ["started"]),
      ...(this.#held.has(item) ? [] : ["held in the ledger"]),
    ]
  }

  #book(posting: Event | undefined): void {
    for (const item of posting?.items ?? []) mark(this.#held, Number(item), posting?.kind === "hold")
  }
}

const mark = (items: Set<number>, item: number, isMarked: boolean): void => {
  if (isMarked) items.add(item)
  else items.delete(item)
}
