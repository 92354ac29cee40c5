/** Larger than any version of a log. */
export const VERSION_MAX = 1_000_000_000
