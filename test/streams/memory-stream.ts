import { isBefore } from "../../src/streams/feed-position.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"

/** A Redis Stream in memory. Ids are "<ms>-<sequence>" and grow strictly, also when the clock steps back. */
export class MemoryStream {
  #ms = 0
  #sequence = 0
  #entries: Array<StreamEntry> = []

  get length(): number {
    return this.#entries.length
  }

  /** The id of the last entry that there ever was; "0-0" before the first. */
  get lastId(): string {
    return `${this.#ms}-${this.#sequence}`
  }

  /** Adds an entry at `now` (epoch milliseconds); gives its id. */
  add(now: number, fields: ReadonlyArray<string>): string {
    this.#sequence = now > this.#ms ? 0 : this.#sequence + 1
    this.#ms = Math.max(now, this.#ms)
    this.#entries.push([this.lastId, fields])
    return this.lastId
  }

  /** Entries from a position on, in order, at most `limit`. */
  from(position: string, limit: number): ReadonlyArray<StreamEntry> {
    const first = this.#entries.findLastIndex(([id]) => isBefore(id, position)) + 1
    return this.#entries.slice(first, first + limit)
  }

  /** Takes the first entries out of the stream, at most `limit`. */
  shift(limit: number): ReadonlyArray<StreamEntry> {
    return this.#entries.splice(0, limit)
  }

  delete(ids: ReadonlyArray<string>): void {
    this.#entries = this.#entries.filter(([id]) => !ids.includes(id))
  }

  deleteBefore(position: string): void {
    this.#entries = this.#entries.filter(([id]) => !isBefore(id, position))
  }
}
