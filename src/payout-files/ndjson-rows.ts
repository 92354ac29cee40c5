/** Items of a batch as newline-delimited JSON (application/x-ndjson): one item of `POST /payout-batches` on each line. */
import type { JsonLimits } from "../parsing/json-outline.ts"
import { readJsonText, UnreadableJson } from "../parsing/json-text.ts"
import { atOnce } from "../parsing/turns.ts"
import { type FileProblem, shownColumn } from "./file-problem.ts"
import { ROWS_MAX } from "./table.ts"

const LINE_BYTES_MAX = 64 * 1024
/** Lines with and without content. */
const LINES_MAX = 2 * ROWS_MAX
const LINE_FEED = 0x0a

const limits: JsonLimits = {
  depthMax: 16,
  tokensMax: 4_096,
  elementsMax: 1_024,
  tokensPerPartMax: 4_096,
  partBytesMax: LINE_BYTES_MAX,
}

/** Reads lines that come in pieces, in UTF-8, and gives the value of each. Empty lines are left out. */
export class NdjsonRows {
  readonly #onRow: (line: number, value: unknown, text: Buffer) => void
  readonly #onProblem: (line: number, problem: FileProblem, text: Buffer) => void
  #begun: Buffer = Buffer.alloc(0)
  #line = 0
  #rows = 0

  constructor(
    onRow: (line: number, value: unknown, text: Buffer) => void,
    onProblem: (line: number, problem: FileProblem, text: Buffer) => void,
  ) {
    this.#onRow = onRow
    this.#onProblem = onProblem
  }

  /** Takes a piece, and gives what keeps the rest from being read. */
  take(piece: Buffer): FileProblem | undefined {
    let from = 0
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, from)) {
      const rest = piece.subarray(from, end)
      const problem = this.#add(this.#begun.length === 0 ? rest : Buffer.concat([this.#begun, rest]))
      if (problem !== undefined) return problem
      this.#begun = Buffer.alloc(0)
      from = end + 1
    }
    this.#begun = Buffer.concat([this.#begun, piece.subarray(from)])
    return this.#begun.length > LINE_BYTES_MAX ? tooLong(this.#line + 1) : undefined
  }

  end(): FileProblem | undefined {
    return this.#add(this.#begun)
  }

  #add(text: Buffer): FileProblem | undefined {
    this.#line += 1
    if (text.length > LINE_BYTES_MAX) return tooLong(this.#line)
    if (this.#line > LINES_MAX)
      return { reason: `more than ${LINES_MAX} lines with the empty ones; delete those` }
    if (isBlank(text)) return undefined
    this.#rows += 1
    if (this.#rows > ROWS_MAX) return { reason: `more than ${ROWS_MAX} items` }
    const value = atOnce(readJsonText(text, limits))
    if (value instanceof UnreadableJson)
      this.#onProblem(this.#line, { column: columnOf(value.path), reason: value.problem }, text)
    else this.#onRow(this.#line, value, text)
    return undefined
  }
}

/** Names of members come from the file, and may be account numbers. */
const columnOf = (path: UnreadableJson["path"]): string | undefined =>
  path.length === 0 ? undefined : shownColumn(path.join("."))

const tooLong = (line: number): FileProblem => ({ line, reason: `longer than ${LINE_BYTES_MAX} bytes` })

/** White space of JSON (RFC 8259, 2). */
const isBlank = (text: Buffer): boolean =>
  text.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LINE_FEED)
