/** What a run draws: it follows from the seed, and from the number of the request alone. */
import { chanceOf } from "../../src/sandbox/dice.ts"
import { fc } from "../property.ts"

export class Chance {
  readonly #parts: ReadonlyArray<string | number>
  #drawn = 0

  constructor(...parts: ReadonlyArray<string | number>) {
    this.#parts = parts
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    this.#drawn += 1
    return Math.floor(chanceOf(...this.#parts, this.#drawn) * limit)
  }

  isTrue(share: number): boolean {
    return this.below(1_000_000) < share * 1_000_000
  }

  /** One of a list, which must not be empty. */
  pick<A>(list: ReadonlyArray<A>): A {
    if (list.length === 0) throw new Error("there is nothing to pick from")
    return list[this.below(list.length)] as A
  }

  digits(count: number): string {
    return Array.from({ length: count }, () => this.below(10)).join("")
  }

  /** An example of fast-check. */
  draw<A>(arbitrary: fc.Arbitrary<A>): A {
    // The seed of the run is that of its command line, not PROPERTY_SEED.
    const parameters = { numRuns: 1, seed: this.below(2 ** 31) }
    return fc.sample(arbitrary, parameters)[0] as A
  }
}
