/** Which traces are recorded from their beginning. The answer follows from the trace's id, so that all processes give the same one. */
import type { BatchId } from "../domain/identifiers.ts"
import type { Trace } from "../domain/trace.ts"
import { ownTraceIdOf } from "./span.ts"

/** Random digits are at the end of an id (W3C Trace Context, level 2), as many of them as a number holds exactly. */
const DIGITS = 13
const BELOW = 16 ** DIGITS

/** Whether a trace is among so many per hundred. */
export const isSampled = (traceId: string, percent: number): boolean =>
  Number.parseInt(traceId.slice(-DIGITS), 16) * 100 < percent * BELOW

/** What a process knows of the trace of a batch. */
export interface BatchTrace {
  readonly id: string
  /** The caller's span; `undefined` if the partner named none. */
  readonly parentId: string | undefined
  /** Whether its spans are exported as they end. Those of another trace are exported only if the batch is slow or in trouble. */
  readonly isRecorded: boolean
}

/** The trace of a batch by what its log says of it. `percent` of the traces that partners did not name are recorded. */
export const batchTrace = (batch: BatchId, trace: Trace | undefined, percent: number): BatchTrace => {
  if (trace !== undefined) return { id: trace.id, parentId: trace.parent, isRecorded: trace.sampled }
  const id = ownTraceIdOf(batch)
  return { id, parentId: undefined, isRecorded: isSampled(id, percent) }
}

/** Batches whose own traces are remembered. */
const REMEMBERED_MAX = 4_096

/**
 * The traces of batches by what their logs say, as {@link batchTrace} gives them. Each call, append and event of a batch asks for its
 * trace, whose id is a hash.
 */
export class KnownTraces {
  readonly #percent: number
  readonly #own = new Map<BatchId, BatchTrace>()

  /** `percent` of the traces that partners did not name are recorded. */
  constructor(percent: number) {
    this.#percent = percent
  }

  of(batch: BatchId, trace: Trace | undefined): BatchTrace {
    if (trace !== undefined) return batchTrace(batch, trace, this.#percent)
    const known = this.#own.get(batch)
    if (known !== undefined) return known
    const own = batchTrace(batch, undefined, this.#percent)
    const [oldest] = this.#own.size >= REMEMBERED_MAX ? this.#own.keys() : []
    if (oldest !== undefined) this.#own.delete(oldest)
    this.#own.set(batch, own)
    return own
  }
}

/** So many a second, and as many at once after a pause. */
export class Allowance {
  readonly #perSecond: number
  #left: number
  #at: number

  /** `now` is in epoch milliseconds. */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
    this.#at = now
  }

  /** Takes one, if one is left. A clock that was set back gives none. */
  take(now: number): boolean {
    const since = Math.max(0, now - this.#at)
    this.#left = Math.min(this.#perSecond, this.#left + (since * this.#perSecond) / 1_000)
    this.#at = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
