/** The rejected rows of a file that came in pieces, as a file of the same form for people to mend: the file is read once more. */
import { Effect } from "effect"
import { NdjsonRows } from "./ndjson-rows.ts"
import type { Rejected } from "./payout-reading.ts"
import { type Found, fed, type StreamTerms, sheetRows, type Unreadable } from "./payout-stream.ts"
import { REASON_COLUMN } from "./rejected-cells.ts"
import { reasonOf, rejectsText } from "./rejects-file.ts"
import type { SheetHead } from "./sheet-rows.ts"
import type { RejectedRow } from "./spreadsheet.ts"
import { TextPieces } from "./text-pieces.ts"

/** Its text; `undefined` for a form that has no rows, pain.001: it is right as a whole, or refused as a whole. */
export const rejectsOfStream = (
  pieces: ReadonlyArray<Buffer>,
  terms: StreamTerms,
  rejected: ReadonlyArray<Rejected>,
): Effect.Effect<string | undefined, Unreadable> => {
  const byPlace = new Map(rejected.map((row) => [row.place, row.problems]))
  switch (terms.form) {
    case "csv":
      return rejectedRows(pieces, terms, byPlace)
    case "ndjson":
      return rejectedLines(pieces, byPlace)
    case "xml":
      return Effect.undefined
  }
}

type ByPlace = ReadonlyMap<number, Rejected["problems"]>

const rejectedRows = Effect.fnUntraced(function* (
  pieces: ReadonlyArray<Buffer>,
  { encoding, notation }: StreamTerms,
  byPlace: ByPlace,
) {
  let head: SheetHead | undefined
  const found: Array<RejectedRow> = []
  const rows = sheetRows(notation, {
    onHead: (read) => {
      head = read
    },
    onRow: (row) => {
      const problems = byPlace.get(row.line)
      if (problems !== undefined) found.push({ row, problems })
    },
    onProblem: () => {},
  })
  const text = new TextPieces(encoding, false)
  // The file was read before, so nothing keeps it from being read.
  const take = async (piece: ReturnType<TextPieces["take"]>): Promise<Found> => {
    const problem = typeof piece === "string" ? (piece === "" ? undefined : await rows.take(piece)) : piece
    return problem && [problem]
  }
  const reader = {
    take: (bytes: Buffer) => take(text.take(bytes)),
    end: async (): Promise<Found> => {
      const problems = await take(text.end())
      const problem = problems === undefined ? await rows.end() : undefined
      return problems ?? (problem && [problem])
    },
  }
  yield* fed(pieces, "csv", reader, () => found.length === byPlace.size).pipe(
    Effect.ensuring(Effect.sync(() => rows.stop())),
  )
  return head === undefined ? undefined : rejectsText({ table: head, rejected: found })
})

const rejectedLines = Effect.fnUntraced(function* (pieces: ReadonlyArray<Buffer>, byPlace: ByPlace) {
  const lines: Array<string> = []
  const keep = (line: number, value: unknown, text: Buffer) => {
    const problems = byPlace.get(line)
    if (problems === undefined) return
    const reason = { [REASON_COLUMN]: reasonOf(problems) }
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
    lines.push(
      JSON.stringify(isObject ? { ...value, ...reason } : { text: text.toString("utf8"), ...reason }),
    )
  }
  const rows = new NdjsonRows(keep, (line, _, text) => keep(line, undefined, text))
  const listed = (problem: ReturnType<NdjsonRows["end"]>): Found => problem && [problem]
  const reader = { take: (bytes: Buffer) => listed(rows.take(bytes)), end: () => listed(rows.end()) }
  yield* fed(pieces, "ndjson", reader, () => lines.length === byPlace.size)
  return `${lines.join("\n")}\n`
})
