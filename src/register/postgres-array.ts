/**
 * An array as Postgres writes it. Ids, banks' names and hashes have no character in them that would need quoting, and the
 * driver's own way of writing arrays takes longer than the insert.
 */
export const arrayOf = <A>(rows: ReadonlyArray<A>, column: (row: A) => string | number): string =>
  `{${rows.map(column).join(",")}}`
