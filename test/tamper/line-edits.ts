/** Edits of a log as a list of texts and hashes, wherever it is kept: what somebody might do who can write there. */
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart, linkOf } from "../../src/streams/hash-chain.ts"
import type { Chance } from "../fuzz/chance.ts"

/** An event as it is kept: its version, text and hash, and the id of the append that it begins. */
export interface Line {
  readonly version: number
  readonly text: string
  readonly hash: string
  readonly command?: string | undefined
}

export const lineEdits = [
  "byte changed",
  "field changed",
  "emptied",
  "hash changed",
  "deleted",
  "deleted, leaving a gap",
  "reordered",
  "duplicated",
  "inserted",
  "transplanted",
  "truncated",
] as const
export type LineEdit = (typeof lineEdits)[number]

/** Whether the hashes are computed again: not, that of the edited event, or those of all after it too. */
export const careful = ["as it was", "own hash", "rechained"] as const
export type Care = (typeof careful)[number]

/** The log after an edit, and the versions that it touched. */
export interface EditedLines {
  readonly lines: ReadonlyArray<Line>
  readonly from: number
  readonly to: number
}

/** Edits a log. `other` is the log of another batch. Gives nothing if the edit would change nothing. */
export const editLines = (
  edit: LineEdit,
  care: Care,
  chance: Chance,
  id: BatchId,
  lines: ReadonlyArray<Line>,
  other: ReadonlyArray<Line>,
): EditedLines | undefined => {
  const at = chance.below(lines.length)
  const line = lines[at]
  if (line === undefined) return undefined
  const { version } = line
  const changed = (text: string) => (text === line.text ? undefined : withText(id, lines, at, text, care))
  switch (edit) {
    case "byte changed":
      return changed(flipped(line.text, chance))
    case "field changed":
      return changed(withOtherField(line.text, chance))
    case "emptied":
      return changed(chance.pick(["", "{}", "null"]))
    case "transplanted": {
      const { text } = chance.pick(other)
      return changed(text)
    }
    case "hash changed":
      return {
        lines: lines.with(at, { ...line, hash: flipped(line.hash, chance) }),
        from: version,
        to: version,
      }
    case "deleted":
      return placed(id, lines.toSpliced(at, 1), at, care, version, lines.length)
    case "deleted, leaving a gap":
      // That of the last one would be a cut.
      return at === lines.length - 1
        ? undefined
        : { lines: lines.toSpliced(at, 1), from: version, to: version }
    case "reordered": {
      const with_ = chance.below(lines.length)
      const second = lines[with_]
      if (second === undefined || second.text === line.text) return undefined
      const first = Math.min(at, with_)
      return placed(
        id,
        lines.with(at, second).with(with_, line),
        first,
        care,
        first + 1,
        Math.max(at, with_) + 1,
      )
    }
    case "duplicated":
      return placed(id, lines.toSpliced(at, 0, line), at, care, version, lines.length + 1)
    case "inserted": {
      const { text } = chance.pick(other)
      return placed(
        id,
        lines.toSpliced(at, 0, { ...line, text: flipped(text, chance) }),
        at,
        care,
        version,
        lines.length + 1,
      )
    }
    case "truncated":
      return { lines: lines.slice(0, at), from: version, to: lines.length }
  }
}

const withText = (
  id: BatchId,
  lines: ReadonlyArray<Line>,
  at: number,
  text: string,
  care: Care,
): EditedLines => {
  const line = lines[at] as Line
  const edited = lines.with(at, { ...line, text })
  return placed(id, edited, at, care, line.version, line.version)
}

/** Numbers lines again without gaps, and computes hashes with so much care from a place on. */
const placed = (
  id: BatchId,
  lines: ReadonlyArray<Line>,
  at: number,
  care: Care,
  from: number,
  to: number,
): EditedLines => {
  let previous = lines[at - 1]?.hash ?? chainStart(id)
  const edited = lines.map((line, index) => {
    const version = index + 1
    if (index < at || care === "as it was" || (care === "own hash" && index > at)) return { ...line, version }
    previous = linkOf(previous, line.text)
    return { ...line, version, hash: previous }
  })
  return { lines: edited, from, to }
}

/** A text with another character in one place. A line feed would be no text of a log. */
const flipped = (text: string, chance: Chance): string => {
  if (text.length === 0) return "x"
  const at = chance.below(text.length)
  const now = text[at]
  const other = chance.pick(
    'abcdefghijklmnopqrstuvwxyz0123456789 ,:{}"'.split("").filter((one) => one !== now),
  )
  return text.slice(0, at) + other + text.slice(at + 1)
}

/** An event of the same form that says something else: another number, another text, or a field less. */
const withOtherField = (text: string, chance: Chance): string => {
  const event: unknown = JSON.parse(text)
  const leaves: Array<() => void> = []
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      const holder = value as Record<string, unknown>
      const other = otherValue(inner, chance)
      if (other !== undefined)
        leaves.push(() => {
          holder[key] = other
        })
      if (!Array.isArray(value))
        leaves.push(() => {
          delete holder[key]
        })
      visit(inner)
    }
  }
  visit(event)
  if (leaves.length > 0) chance.pick(leaves)()
  return JSON.stringify(event)
}

const otherValue = (value: unknown, chance: Chance): unknown => {
  if (typeof value === "number") return value + 1 + chance.below(9)
  if (typeof value === "string") return value === "1" ? "2" : `${value}1`
  return typeof value === "boolean" ? !value : undefined
}
