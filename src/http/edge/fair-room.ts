/**
 * A bounded amount of something that owners share so that none takes the others' part, however many they are.
 *
 * An owner may reserve as much as is free, and no more (the dynamic thresholds of shared-memory switches,
 * Choudhury and Hahne 1998, with a factor of one). One owner alone gets half; k greedy ones get 1/(k+1) each, and the
 * same is left for whoever comes next. There is no list of owners to keep, and nothing is set aside for those who are
 * not there.
 */
export class FairRoom {
  readonly #max: number
  readonly #reserved = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /** What nobody has reserved. */
  get free(): number {
    return this.#max - this.#total
  }

  /** Whether an owner may have so much more. */
  admits(owner: string, amount: number): boolean {
    return this.#reservedBy(owner) + amount <= this.free
  }

  /** Whether an owner is refused for what it has reserved itself: others in its place would be let in. */
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
