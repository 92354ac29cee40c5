/**
 * Callbacks that were heard a moment ago, so that a sender's repetition does not fill a mailbox. One that is forgotten,
 * by this process or in another, is heard again and changes nothing: the batch knows what it was told.
 */
import { hash } from "node:crypto"

export class HeardCallbacks {
  readonly #heard = new Map<string, number>()
  readonly #forMs: number
  readonly #max: number

  /** Remembers for so many milliseconds, and at most so many. */
  constructor(forMs: number, max: number) {
    this.#forMs = forMs
    this.#max = max
  }

  /** Whether this very body came under this id. */
  has(id: string, body: Buffer, now: number): boolean {
    return now < (this.#heard.get(keyOf(id, body)) ?? 0)
  }

  add(id: string, body: Buffer, now: number): void {
    const key = keyOf(id, body)
    this.#heard.delete(key)
    this.#heard.set(key, now + this.#forMs)
    // The first entry is the oldest: all are kept equally long.
    for (const [oldest, until] of this.#heard) {
      if (until > now && this.#heard.size <= this.#max) break
      this.#heard.delete(oldest)
    }
  }
}

const keyOf = (id: string, body: Buffer): string => `${id} ${hash("sha256", body, "hex")}`
