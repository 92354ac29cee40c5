/** More lies than this are counted and not listed. */
const listedMax = 100_000

/** A lie as it was told. */
export interface ToldLie {
  readonly kind: string
  /** The reference, file or item that it is about. */
  readonly about: string
  readonly at: string
  readonly code?: string
  /** In whose name, where that is not the liar's. */
  readonly as?: string
  /** The transfers that it is about, where it is about a file. */
  readonly references?: readonly string[]
}

/** What a server said against its own books, since it started. */
export class LieRecord {
  readonly #told: Record<string, number> = {}
  readonly #lies: ToldLie[] = []

  note(lie: Omit<ToldLie, "at">): void {
    this.#told[lie.kind] = (this.#told[lie.kind] ?? 0) + 1
    if (this.#lies.length < listedMax) this.#lies.push({ ...lie, at: new Date().toISOString() })
  }

  /** The answer to `GET /sandbox/lies`. */
  show() {
    return { told: this.#told, lies: this.#lies }
  }
}
