/** The rows of a file that were left out when its other rows were accepted as a batch. */
import { Schema } from "effect"

/**
 * Which rows a batch does not have, recorded when it is received: whatever the rules are later, these rows of the file are not in it
 * and all others are.
 */
export const RejectedRows = Schema.Struct({
  count: Schema.Int,
  /** Their lines, from 1, as ranges: first and last. */
  lines: Schema.Array(Schema.Tuple([Schema.Int, Schema.Int])),
})
export type RejectedRows = typeof RejectedRows.Type

/** The record of some lines, in ascending order. */
export const rejectedRowsOf = (lines: ReadonlyArray<number>): RejectedRows => {
  const ranges: Array<readonly [number, number]> = []
  for (const line of lines) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === line - 1) ranges[ranges.length - 1] = [last[0], line]
    else ranges.push([line, line])
  }
  return { count: lines.length, lines: ranges }
}

/** The lines of a record, in ascending order. */
export function* linesOf({ lines }: RejectedRows): Generator<number> {
  for (const [from, to] of lines) for (let line = from; line <= to; line += 1) yield line
}
