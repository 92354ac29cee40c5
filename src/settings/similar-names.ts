/** Finds variables that look like a misspelt setting: nothing would read them, and nobody would notice. */

/** Shorter names are like too many others. */
const LENGTH_MIN = 7
/** From this length on, two slips are still nearer to our name than chance. */
const TWO_SLIPS_LENGTH_MIN = 10
/** An environment has some hundred variables. */
const NAMES_MAX = 5_000

export interface Misspelt {
  readonly given: string
  /** The setting that it may be meant for. */
  readonly like: string
}

/** The names that are none of ours, and differ from one of ours by a letter or two that were left out, added, replaced or swapped. */
export const misspeltNames = (
  given: Iterable<string>,
  ours: ReadonlyArray<string>,
): ReadonlyArray<Misspelt> => {
  const known = new Set(ours)
  return [...given].slice(0, NAMES_MAX).flatMap((name) => {
    if (known.has(name) || name.length < LENGTH_MIN) return []
    const slipsMax = name.length < TWO_SLIPS_LENGTH_MIN ? 1 : 2
    const near = ours
      .filter((own) => own.length >= LENGTH_MIN && Math.abs(own.length - name.length) <= slipsMax)
      .map((own) => ({ own, slips: slipsBetween(name.toUpperCase(), own) }))
      .filter(({ slips }) => slips <= slipsMax)
      .sort((a, b) => a.slips - b.slips)
    return near[0] === undefined ? [] : [{ given: name, like: near[0].own }]
  })
}

/** The least number of letters left out, added or replaced, or of neighbours swapped (optimal string alignment). */
const slipsBetween = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const now = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      now.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (now[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    before = last
    last = now
  }
  return last[b.length] ?? 0
}
