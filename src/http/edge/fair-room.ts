/**
 * A limited amount of something, shared so that no owner takes all of it, whatever their number.
 *
 * The reservations of an owner must not exceed what is free (dynamic thresholds of shared-memory switches, Choudhury and
 * Hahne 1998, with a factor of one). One owner alone gets half; k greedy owners get 1/(k+1) each, and the same amount
 * stays free for the next one. This needs no list of owners, and reserves nothing for absent ones.
 */
export class FairRoom {
  readonly #max: number
  readonly #reserved = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /** The amount that nobody has reserved. */
  get free(): number {
    return this.#max - this.#total
  }

  /** Whether an owner may reserve this amount in addition. */
  admits(owner: string, amount: number): boolean {
    return this.#reservedBy(owner) + amount <= this.free
  }

  /** Whether an owner is refused because of its own reservations: a new owner in its place would be admitted. */
  isGreedy(owner: string): boolean {
    const others = this.#reserved.has(owner) ? this.#reserved.size : this.#reserved.size + 1
    return this.#reservedBy(owner) * (others + 1) >= this.#max / 2
  }

  take(owner: string, amount: number): void {
    this.#reserved.set(owner, this.#reservedBy(owner) + amount)
    this.#total += amount
  }

  giveBack(owner: string, amount: number): void {
    const left = this.#reservedBy(owner) - amount
    if (left > 0) this.#reserved.set(owner, left)
    else this.#reserved.delete(owner)
    this.#total -= amount
  }

  #reservedBy(owner: string): number {
    return this.#reserved.get(owner) ?? 0
  }
}
