/** What marks a file of rejected rows. */
import { columnKey, type Row } from "./table.ts"

/** The column behind all others that says why a row was refused. A file that has it is one of ours. */
export const REASON_COLUMN = "reject_reason"

export const isRejected = ({ cells }: Row): boolean =>
  cells.some((name) => columnKey(name) === columnKey(REASON_COLUMN))
