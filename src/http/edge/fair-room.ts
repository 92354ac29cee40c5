/**
 * A bounded amount of something that owners share so that none takes the others' part, however many they are.
 *
 * An owner may come to hold as much as is free, and no more (the dynamic thresholds of shared-memory switches,
 * Choudhury and Hahne 1998, with a factor of one). One owner alone gets half; k greedy ones get 1/(k+1) each, and the
 * same is left for whoever comes next. There is no list of owners to keep, and nothing is set aside for those who are
 * not there.
 */
export class FairRoom {
  readonly #max: number
  readonly #held = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /** What is not held by anyone. */
  get free(): number {
    return this.#max - this.#total
  }

  /** Whether an owner may have so much more. */
  admits(owner: string, amount: number): boolean {
    return this.#heldBy(owner) + amount <= this.free
  }

  /** Whether an owner is refused for what it holds itself: others in its place would be let in. */
  isGreedy(owner: string): boolean {
    const others = this.#held.has(owner) ? this.#held.size : this.#held.size + 1
    return this.#heldBy(owner) * (others + 1) >= this.#max / 2
  }

  take(owner: string, amount: number): void {
    this.#held.set(owner, this.#heldBy(owner) + amount)
    this.#total += amount
  }

  giveBack(owner: string, amount: number): void {
    const left = this.#heldBy(owner) - amount
    if (left > 0) this.#held.set(owner, left)
    else this.#held.delete(owner)
    this.#total -= amount
  }

  #heldBy(owner: string): number {
    return this.#held.get(owner) ?? 0
  }
}
