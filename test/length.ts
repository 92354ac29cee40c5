/** How long the tests run whose proof grows with their length. */

/** Whether the full length is asked for, as by `npm run test:long`. */
export const isLong = process.env.TEST_LENGTH === "long"

/** The full length in a long run, and in every other run the shortened one. */
export const lengthOf = <A>(lengths: { readonly full: A; readonly short: A }): A =>
  isLong ? lengths.full : lengths.short
