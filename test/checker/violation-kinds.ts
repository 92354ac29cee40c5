/** How many violations there are of each kind: what they say without the names and numbers of this one. */
export const kindsOf = (violations: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const kinds = [...Map.groupBy(violations, kindOf)].map(([kind, all]) => [kind, all.length] as const)
  return Object.fromEntries(kinds.toSorted(([, a], [, b]) => b - a))
}

const kindOf = (violation: string): string =>
  violation
    .replaceAll(/pb_[a-z2-7]+( item \d+)?( \d+-\d+)?/g, "…")
    .replaceAll(/[A-Z2-7]{22}-\d+-\d+/g, "…")
    // Where and when it was sent.
    .replaceAll(/, \w+ took … at .*?times\)/g, "")
    .replaceAll(/(more than once): .*/g, "$1")
    .replaceAll(/\d{2}:\d{2}:\d{2}\.\d{3}|\d+/g, "#")
    .replaceAll(/settled \w{3} #|returned \w{3} #/g, "paid")
    .replaceAll(/(paid,)+paid/g, "paid more than once")
