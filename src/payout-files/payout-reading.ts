/** Drafts of payouts as they come, one by one: those that can be paid become items, the others are rejected with all reasons. */
import { Result } from "effect"
import { CurrenciesInUse, type IntakeRules } from "../http/payout-batches/intake-rules.ts"
import {
  BatchReading,
  type BatchRequest,
  type RequestedItem,
} from "../http/payout-batches/payout-batch-request.ts"
import type { FileProblem } from "./file-problem.ts"
import { ownReferences } from "./item-references.ts"
import type { DraftItem } from "./payout-rows.ts"

/** The most rows that are found to be rejected; then reading ends. */
export const REJECTED_MAX = 10_000

/** Drafts that are checked before others get their turn. */
const CHECKED_AT_ONCE = 250

/** A row or transfer that cannot be paid. */
export interface Rejected {
  /** The line, or the number of the transfer, from 1. */
  readonly place: number
  readonly problems: ReadonlyArray<FileProblem>
}

/** How a kind of file names what is in it. */
export interface Naming {
  readonly placeName: "line" | "item"
  /** The file's name for a field of an item. */
  readonly columnOf: (field: string | undefined) => string | undefined
  /** Whether several items may have this reference: then each gets one of its own. */
  readonly mayBeShared: (reference: string) => boolean
}

/** What was read of a file. */
export interface ReadPayouts extends Pick<BatchRequest, "totals" | "modulusFailures"> {
  readonly items: ReadonlyArray<RequestedItem>
  /** The place of each item in the file. */
  readonly places: ReadonlyArray<number>
}

export class PayoutReading {
  readonly rejected: Array<Rejected> = []
  readonly #reading: BatchReading
  /** The place of each draft, and of each item. */
  readonly #drafted: Array<number> = []
  readonly #places: Array<number> = []
  readonly #deferred: Array<{ readonly place: number; readonly draft: DraftItem }> = []
  /** Rows that could not even be drafted. */
  #undrafted = 0
  #naming: Naming

  /** `executeAt` as the terms have it (RFC 3339), `now` in epoch milliseconds: currencies have to be in use then. */
  constructor(rules: IntakeRules, naming: Naming, now: number, executeAt: unknown) {
    this.#naming = naming
    this.#reading = new BatchReading(
      rules,
      new CurrenciesInUse(now, executeAt),
      (index) => `${naming.placeName} ${this.#drafted[index]}`,
    )
  }

  get isFull(): boolean {
    return this.rejected.length >= REJECTED_MAX
  }

  /** Rows, of whatever kind. */
  get count(): number {
    return this.#drafted.length + this.#deferred.length + this.#undrafted
  }

  /** How the file names things may be known only once its header was read. */
  set naming(naming: Naming) {
    this.#naming = naming
  }

  add(place: number, draft: Result.Result<DraftItem, FileProblem>): void {
    if (this.isFull) return
    if (Result.isFailure(draft)) this.reject(place, [draft.failure])
    else if (this.#naming.mayBeShared(draft.success.reference))
      this.#deferred.push({ place, draft: draft.success })
    else this.read(place, draft.success)
  }

  /** Reads an item in the API's own form. */
  read(place: number, draft: unknown): void {
    const reading = this.#reading
    const index = this.#drafted.push(place) - 1
    const before = reading.items.length
    reading.add(index, draft, before + 1)
    if (reading.problems.length === 0) {
      this.#places.push(place)
      return
    }
    // A row that has problems is no item, also where it could be read: its reference is another one's.
    if (reading.items.length > before) reading.withdraw()
    const problems = reading.problems.splice(0)
    this.#reject(
      place,
      problems.map(({ field, detail }) => ({ column: this.#naming.columnOf(field), reason: detail })),
    )
  }

  /** A row that is no draft. */
  reject(place: number, problems: ReadonlyArray<FileProblem>): void {
    this.#undrafted += 1
    this.#reject(place, problems)
  }

  #reject(place: number, problems: ReadonlyArray<FileProblem>): void {
    const { placeName } = this.#naming
    this.rejected.push({
      place,
      problems: problems.map(({ column, reason }) => ({ [placeName]: place, column, reason })),
    })
  }

  /** There are no more drafts. Gives those their references that share one. */
  *end(): Generator<void, void> {
    const drafts = this.#deferred.map(({ draft }) => draft)
    const named = yield* ownReferences(drafts, (reference) => this.#reading.hasReference(reference))
    for (const [index, draft] of named.entries()) {
      if (this.isFull) return
      if (index > 0 && index % CHECKED_AT_ONCE === 0) yield
      this.read(this.#deferred[index]?.place ?? 0, draft)
    }
    this.#deferred.length = 0
    this.rejected.sort((a, b) => a.place - b.place)
  }

  get payouts(): ReadPayouts {
    const { items, modulusFailures } = this.#reading
    return { items, modulusFailures, totals: this.#reading.totals(), places: this.#places }
  }
}
