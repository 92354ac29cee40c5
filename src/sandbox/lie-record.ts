/** More lies than this are counted but not listed. */
const listedMax = 100_000

/** A false report that was sent. */
export interface RecordedLie {
  readonly kind: string
  /** The reference, file or item that it is about. */
  readonly about: string
  readonly at: string
  readonly code?: string
  /** The bank in whose name it was sent, if it was not the sender's own. */
  readonly as?: string
  /** The transfers of the file, if it is about a file. */
  readonly references?: readonly string[]
}

/** The false reports of a server, which its own books contradict, since it started. */
export class LieRecord {
  readonly #counts: Record<string, number> = {}
  readonly #lies: RecordedLie[] = []

  note(lie: Omit<RecordedLie, "at">): void {
    this.#counts[lie.kind] = (this.#counts[lie.kind] ?? 0) + 1
    if (this.#lies.length < listedMax) this.#lies.push({ ...lie, at: new Date().toISOString() })
  }

  /** The answer to `GET /sandbox/lies`. */
  show() {
    return { told: this.#counts, lies: this.#lies }
  }
}
