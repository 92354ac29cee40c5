import { masked, withoutWalletIds } from "../domain/masking.ts"

/** What is wrong with a file, and where; lines, items and names of columns as a person counts and reads them. */
export interface FileProblem {
  readonly line?: number | undefined
  readonly item?: number | undefined
  readonly column?: string | undefined
  readonly reason: string
}

/** ", line 3, amount": the place of a problem, to follow the name of its file. */
export const placeOf = ({ line, item, column }: FileProblem): string =>
  [
    ...(line === undefined ? [] : [`, line ${line}`]),
    ...(item === undefined ? [] : [`, item ${item}`]),
    ...(column === undefined ? [] : [`, ${column}`]),
  ].join("")

/** A name from the header of a file, as problems show it: a row of accounts may stand where the header should. */
export const shownColumn = (name: string): string => masked(withoutWalletIds(name))
