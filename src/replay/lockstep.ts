/**
 * Folds one log by two codes in step, and finds the first event after which their states or plans differ.
 *
 * After each event, what either code touched is compared, and all of the batch that is not kept by item. Everything is compared after
 * each event of a small batch, from time to time in a large one, and at the end. Whatever is found later than one event after the last
 * look at the whole may be older: then the log is folded again with everything compared, so that the event named is the first one.
 */
import { Effect, Result } from "effect"
import type { Batch } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { Comparison, type Difference } from "./difference.ts"
import { type DomainCode, ourCode, UnusableCode } from "./domain-code.ts"
import { Planner } from "./planning.ts"
import { type StoredLogs, visitWritten, type WrittenEvent } from "./stored-logs.ts"
import { unwatched, type WatchedMap, watchMaps } from "./touched.ts"

/** What differs first in a batch. */
export interface Found {
  readonly batch: BatchId
  readonly version: number
  readonly type: string
  /** The event's time, in epoch milliseconds; 0 if our code cannot read the event. */
  readonly at: number
  /** `decoding` and `folding`: one of the codes refuses the event. */
  readonly what: "state" | "plan" | "decoding" | "folding" | "planning"
  readonly difference: Difference
  /** Only for a batch that is too large to be searched again: the first difference is after this version. */
  readonly after?: number
}

/** Items that are compared in all when a log is folded again to find the first event exactly. */
const SEARCHED_MAX = 20_000_000

/** A batch up to this many items is compared as a whole after each event. */
const SMALL_ITEMS_MAX = 24
/** A larger one is, after as many events as it has items, but not more often than this. */
const WHOLE_EVERY_MIN = 64
/** A batch up to this many items is planned after each event; a larger one after the last event of each moment. */
const PLANNED_EACH_ITEMS_MAX = 1_000

/**
 * Compares a log by our code and another one. Gives the first difference, or none, and how many events were read. Fails with
 * {@link UnusableCode} if the other code cannot begin a batch, or makes states that cannot be compared.
 */
export const compareLog = Effect.fnUntraced(function* (
  logs: Pick<StoredLogs["Service"], "entries">,
  batch: BatchId,
  theirs: DomainCode,
) {
  const { lockstep: once, version } = yield* folded(logs, batch, theirs, Number.POSITIVE_INFINITY)
  const { found, equalUntil: after, items } = once
  if (found === undefined || found.version - after <= 1) return { found, events: version }
  if (items * (found.version - after) > SEARCHED_MAX) return { found: { ...found, after }, events: version }
  const { lockstep: again } = yield* folded(logs, batch, theirs, after)
  return { found: again.found ?? found, events: version }
})

const folded = Effect.fnUntraced(function* (
  logs: Pick<StoredLogs["Service"], "entries">,
  batch: BatchId,
  theirs: DomainCode,
  wholeFrom: number,
) {
  const usable = <A>(run: () => A) =>
    Effect.try({ try: run, catch: (error) => new UnusableCode({ reason: messageOf(error) }) })
  const lockstep = yield* usable(() => new Lockstep(batch, theirs, wholeFrom))
  const { version } = yield* visitWritten(logs, batch, (written) => lockstep.take(written))
  yield* usable(() => lockstep.end())
  return { lockstep, version }
})

/** One of the two folds. */
class Side {
  readonly code: DomainCode
  readonly batch: Batch
  readonly maps: ReadonlyMap<string, WatchedMap<unknown, unknown>>
  readonly planner: Planner

  constructor(code: DomainCode) {
    this.code = code
    this.batch = code.emptyBatch()
    this.maps = watchMaps(this.batch)
    this.planner = new Planner(code)
  }
}

/** Two folds of a log, to which its events are given in order. */
export class Lockstep {
  found: Found | undefined
  /** The last version at which the whole was compared. */
  wholeUntil = 0
  /** The last version at which the plans were compared. */
  plannedUntil = 0
  readonly #id: BatchId
  readonly #ours = new Side(ourCode)
  readonly #theirs: Side
  readonly #comparison = new Comparison()
  readonly #banks = new Set<string>()
  readonly #wholeFrom: number
  #lists: { readonly version: string; readonly since: number } | undefined
  #version = 0
  #event: BatchEvent | undefined
  #isPlanned = true

  /** After version `wholeFrom`, everything is compared after each event. */
  constructor(id: BatchId, theirs: DomainCode, wholeFrom: number) {
    this.#id = id
    this.#theirs = new Side(theirs)
    this.#wholeFrom = wholeFrom
  }

  get items(): number {
    return this.#ours.batch.items.size
  }

  /** The last version at which all was compared: the first difference comes after it. */
  get equalUntil(): number {
    return Math.min(this.wholeUntil, this.plannedUntil)
  }

  /** Folds the next event. Returns whether to go on. Throws if both codes refuse the event: then the log is not legal. */
  take(written: WrittenEvent): boolean {
    const [mine, other] = [ourCode.decodeEvent(written.text), decodedBy(this.#theirs.code, written.text)]
    const event = Result.isSuccess(mine) ? mine.success : undefined
    if (!this.#isPlanned && event?.at !== this.#event?.at) this.#comparePlans()
    if (this.found !== undefined) return false
    this.#version = written.version
    this.#event = event
    if (Result.isFailure(mine) || Result.isFailure(other)) {
      if (Result.isFailure(mine) && Result.isFailure(other)) throw new Error(mine.failure)
      return this.#differs("decoding", { path: "", ours: said(mine), theirs: said(other) })
    }
    this.#note(mine.success)
    const [ours, theirs] = [evolved(this.#ours, mine.success), evolved(this.#theirs, other.success)]
    if (ours !== undefined || theirs !== undefined) {
      if (ours !== undefined && theirs !== undefined) throw new Error(ours)
      return this.#differs("folding", { path: "", ours: ours ?? "folded", theirs: theirs ?? "folded" })
    }
    this.#compareStates()
    this.#isPlanned = false
    const isSmall = this.#ours.batch.items.size <= PLANNED_EACH_ITEMS_MAX
    if (isSmall || this.#version > this.#wholeFrom) this.#comparePlans()
    return this.found === undefined
  }

  /** Compares what is left to compare after the last event. */
  end(): void {
    if (this.found !== undefined || this.#event === undefined) return
    this.#compareWhole()
    if (!this.#isPlanned) this.#comparePlans()
  }

  #note(event: BatchEvent): void {
    if ("listVersion" in event) {
      if (this.#lists?.version !== event.listVersion)
        this.#lists = { version: event.listVersion, since: event.at }
    }
    if (event._tag === "TransfersRequested") for (const { bank } of event.transfers) this.#banks.add(bank)
  }

  #compareStates(): void {
    const items = this.#ours.batch.items.size
    const since = this.#version - this.wholeUntil
    const isWhole =
      items <= SMALL_ITEMS_MAX || this.#version > this.#wholeFrom || since >= Math.max(items, WHOLE_EVERY_MIN)
    const touched = touchedIn(this.#ours).union(touchedIn(this.#theirs))
    const difference = this.#find(isWhole && since <= 1 ? "all" : { touched })
    if (difference !== undefined) this.#differs("state", difference)
    else if (isWhole && since > 1) this.#compareWhole()
    else if (isWhole) this.wholeUntil = this.#version
    for (const { maps } of [this.#ours, this.#theirs]) for (const map of maps.values()) map.forget()
  }

  #compareWhole(): void {
    const difference = this.#find("all")
    if (difference === undefined) {
      this.wholeUntil = this.#version
      return
    }
    this.#differs("state", difference)
  }

  #find(scope: "all" | { readonly touched: ReadonlySet<unknown> }): Difference | undefined {
    return this.#unwatched(() => this.#comparison.find(this.#ours.batch, this.#theirs.batch, scope))
  }

  #comparePlans(): void {
    this.#isPlanned = true
    const now = this.#event?.at
    if (now === undefined || this.found !== undefined) return
    const planned = ({ planner, batch }: Side) =>
      Result.try({ try: () => planner.plans(batch, now, this.#lists, this.#banks), catch: messageOf })
    const [ours, theirs] = this.#unwatched(() => [planned(this.#ours), planned(this.#theirs)])
    if (Result.isFailure(ours) || Result.isFailure(theirs)) {
      if (said(ours) === said(theirs)) this.plannedUntil = this.#version
      else this.#differs("planning", { path: "", ours: said(ours), theirs: said(theirs) })
      return
    }
    const difference = new Comparison().find(ours.success, theirs.success, "all")
    if (difference === undefined) this.plannedUntil = this.#version
    else this.#differs("plan", difference)
  }

  #unwatched<A>(run: () => A): A {
    return unwatched([...this.#ours.maps.values(), ...this.#theirs.maps.values()], run)
  }

  #differs(what: Found["what"], difference: Difference): false {
    const { _tag: type = "?", at = 0 } = this.#event ?? {}
    this.found = { batch: this.#id, version: this.#version, type, at, what, difference }
    return false
  }
}

/** The items that a fold touched since the last event. */
const touchedIn = ({ maps }: Side): ReadonlySet<unknown> => maps.get("items")?.touched ?? new Set()

const decodedBy = ({ decodeEvent }: DomainCode, text: string): ReturnType<typeof decodeEvent> => {
  try {
    return decodeEvent(text)
  } catch (error) {
    return Result.fail(messageOf(error))
  }
}

/** Folds an event. Gives why it is refused, if it is. */
const evolved = ({ code, batch }: Side, event: BatchEvent): string | undefined => {
  try {
    code.evolve(batch, event)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const said = (result: Result.Result<unknown, string>): string =>
  Result.isFailure(result) ? result.failure : "read"
