/**
 * What has to stand in a log before an item is sent to a bank: that it was cleared, by an operator where a person did it,
 * that the batch was approved where that was asked for, under another credential than the one that submitted it, that it
 * has started, and that the item's money is held.
 */
import type { Event, Named } from "./logged-event.ts"

export class Permits {
  /** What was found against each item and no reviewer has released. */
  readonly #open = new Map<number, Set<string>>()
  /** The clearance that each item waits for, and those whose last one was answered. */
  readonly #asked = new Map<number, number>()
  readonly #answered = new Set<number>()
  readonly #held = new Set<number>()
  readonly #postings = new Map<number, Event>()
  #needsApproval = false
  #submitter: string | undefined
  #isStarted = false

  hear(event: Event): void {
    const { _tag } = event
    if (_tag === "BatchReceived") {
      this.#needsApproval = event.approval !== undefined
      this.#submitter = event.credential
    }
    if (_tag === "BatchApproved" && event.credential !== undefined && event.credential !== this.#submitter)
      this.#needsApproval = false
    if (_tag === "ExecutionStarted") this.#isStarted = true
    if (_tag === "ScreeningRequested") this.#ask(event)
    if (_tag === "ItemsScreened" || _tag === "ClearanceWithdrawn") this.#screen(event)
    if (_tag === "ItemReviewed") this.#review(event)
    if (_tag === "PostingRequested" && event.posting !== undefined) this.#postings.set(event.posting, event)
    if (_tag === "PostingRefused" && event.posting !== undefined) this.#postings.delete(event.posting)
    if (_tag === "PostingBooked" && event.posting !== undefined) this.#book(this.#postings.get(event.posting))
  }

  /** An item that is asked about again is not cleared before it is answered again. */
  #ask({ items = [], clearance = 0 }: Event): void {
    for (const item of items) {
      this.#asked.set(Number(item), clearance)
      this.#answered.delete(Number(item))
    }
  }

  #screen({ decisions = [], clearance, listVersion }: Event): void {
    for (const { item, decision, released, cause, reason } of decisions) {
      const asked = this.#asked.get(item)
      if (asked === undefined || asked === clearance) this.#answered.add(item)
      if (decision === "approved" || released === true) continue
      const open = this.#open.get(item) ?? new Set()
      this.#open.set(item, open.add(keyOf({ cause, reason, listVersion })))
    }
  }

  /** Whoever rejects an item is believed; who releases it has to be an operator. */
  #review({ item = 0, decision, findings, credential }: Event): void {
    const open = this.#open.get(item)
    if (decision === "rejected") this.#open.set(item, new Set(["by a reviewer"]))
    else if (credential?.startsWith("operator:") !== true) return
    else if (findings === undefined) open?.clear()
    else for (const finding of findings) open?.delete(keyOf(finding))
  }

  /** What an item lacks. */
  missing(item: number): ReadonlyArray<string> {
    return [
      ...(this.#answered.has(item) && (this.#open.get(item)?.size ?? 0) === 0 ? [] : ["cleared"]),
      ...(this.#needsApproval ? ["approved"] : []),
      ...(this.#isStarted ? [] : ["started"]),
      ...(this.#held.has(item) ? [] : ["held in the ledger"]),
    ]
  }

  #book(posting: Event | undefined): void {
    for (const item of posting?.items ?? []) mark(this.#held, Number(item), posting?.kind === "hold")
  }
}

const keyOf = ({ cause = "sanctions", listVersion, reason }: Named): string =>
  JSON.stringify([cause, listVersion, reason])

const mark = (items: Set<number>, item: number, isMarked: boolean): void => {
  if (isMarked) items.add(item)
  else items.delete(item)
}
