/**
 * An array in the text format of Postgres. Ids, bank names and hashes contain no character that needs quoting. The driver's
 * own encoding of arrays takes longer than the insert.
 */
export const arrayOf = <A>(rows: ReadonlyArray<A>, column: (row: A) => string | number): string =>
  `{${rows.map(column).join(",")}}`
