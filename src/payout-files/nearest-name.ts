/** Names that people misspell: which known one a name is nearest to. */

/** Longer names are compared by their beginning. */
const LENGTH_MAX = 64

/**
 * The candidate that a misspelt name most likely stands for, or `undefined` where none is near: at most a third of its
 * letters are wrong. Case, spaces, hyphens and underscores do not count: `Sort Code` is `sort_code`.
 */
export const nearestName = (name: string, candidates: ReadonlyArray<string>): string | undefined => {
  const wanted = letters(name)
  const [nearest] = candidates
    .map((candidate) => ({ candidate, distance: editDistance(wanted, letters(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.floor(letters(candidate).length / 3))
    .sort((a, b) => a.distance - b.distance)
  return wanted === "" ? undefined : nearest?.candidate
}

const letters = (name: string): string =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "")
    .slice(0, LENGTH_MAX)

/**
 * How many letters have to be inserted, deleted, replaced or swapped with their neighbour to make one text of another
 * (optimal string alignment: F. J. Damerau, 1964; V. I. Levenshtein, 1966).
 */
export const editDistance = (from: string, to: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}
