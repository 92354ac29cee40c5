/** What a person said to the service about an item, noted before it was said. */
export interface PersonsWord {
  readonly batch: string
  readonly item: number
  readonly word: "released" | "rejected" | "cancelled"
  /**
   * When it was sure that it counts: acknowledged, and of a cancellation that it did not come too late. Milliseconds
   * since 1970; Infinity while nobody can tell.
   */
  knownAt: number
}
