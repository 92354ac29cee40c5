import type { BatchId } from "../domain/identifiers.ts"

/** Logs that wait to be read for their spans. */
export const LOGS_MAX = 256

/** A log to make spans of: those that had not ended by version `from`. */
export interface ToExport {
  readonly id: BatchId
  readonly from: number
}

/** Logs that wait to be read, in order. A log that waits already is read once for all that was wanted of it. */
export class LogsToRead {
  readonly #from = new Map<BatchId, number>()

  get length(): number {
    return this.#from.size
  }

  /** Takes a log to be read, and gives whether there was room for it. */
  add({ id, from }: ToExport): boolean {
    const waiting = this.#from.get(id)
    if (waiting === undefined && this.#from.size >= LOGS_MAX) return false
    this.#from.set(id, Math.min(from, waiting ?? from))
    return true
  }

  /** The first log, which does not wait any more. */
  take(): ToExport | undefined {
    const [first] = this.#from
    if (first === undefined) return undefined
    const [id, from] = first
    this.#from.delete(id)
    return { id, from }
  }
}
