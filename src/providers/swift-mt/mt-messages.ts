/**
 * The messages of a file in SWIFT's form, with their fields. The blocks of a FIN message around the fields may be there or not. A message
 * ends with a line of a hyphen, the end of its block, the first field (:20:) of the next one, or the file.
 */
import { UnreadableFile } from "../iso20022/unreadable-file.ts"

export interface MtField {
  /** Such as "61" or "60F". */
  readonly tag: string
  /** Its lines, the first without the tag. */
  readonly lines: ReadonlyArray<string>
  /** The number of its first line in the file, from 1. */
  readonly line: number
}

export interface MtMessage {
  readonly fields: ReadonlyArray<MtField>
  /** The number of its first line in the file, from 1. */
  readonly line: number
  /** Its block was opened and not closed: the rest of it is missing. */
  readonly isCut: boolean
}

/** A field of free text has six lines of 65 characters by the standard; banks write more, or one long line. */
const LINE_LENGTH_MAX = 4_096
const FIELD_LINES_MAX = 100
const LINES_MAX = 1_000_000
/** Lines between two messages, which banks write before each. */
const HEADER_LINES_MAX = 8

const fieldStart = /^:([0-9]{2}[A-Z]?):(.*)$/
/** Blocks 1 to 3 before the fields, and block 5 of the message before, may be on the line that opens block 4. */
const blockStart = /^(?:-\})?(?:\{[1-35]:(?:[^{}]|\{[^{}]*\})*\})*\{4:(.*)$/
const blocksBefore = /^(?:\{[1-35]:(?:[^{}]|\{[^{}]*\})*\})+$/
/**
 * The end of a block, or the line of a hyphen alone. Some banks write `-XXX` in its place: `XXX` is the branch code of a BIC that names no
 * branch (ISO 9362).
 */
const messageEnd = /^-(?:\}.*|XXX)?$/s
/** Some banks begin each message with its type. */
const typeLine = /^:[0-9]{3}:$/

/** Throws an `UnreadableFile` with the line for text that belongs to no field, and for a file without messages. */
export const mtMessagesIn = (text: string): ReadonlyArray<MtMessage> => {
  const reading = new Reading()
  for (const [index, line] of linesOf(text).entries()) reading.take(line, index + 1)
  return reading.end()
}

const linesOf = (text: string): ReadonlyArray<string> => {
  const lines = text.split("\n", LINES_MAX + 1)
  return lines.length > LINES_MAX ? refused("the file", `more than ${LINES_MAX} lines`) : lines
}

/** What is read so far, line by line. */
class Reading {
  readonly #messages: Array<MtMessage> = []
  #fields: Array<{ tag: string; lines: Array<string>; line: number }> = []
  #isInBlock = false
  /** After the end of a message, and before its first field. */
  #isBetween = true
  #headers = 0

  take(written: string, at: number): void {
    if (written.length > LINE_LENGTH_MAX) refused(`line ${at}`, `longer than ${LINE_LENGTH_MAX} characters`)
    const block = blockStart.exec(written)
    if (block !== null) {
      this.#close(written.startsWith("-"))
      this.#isInBlock = true
    }
    const line = block?.[1] ?? written
    const [, tag, first = ""] = fieldStart.exec(line) ?? []
    if (line.trim() === "" || blocksBefore.test(line)) return
    if (messageEnd.test(line.trimEnd())) this.#close(true)
    else if (typeLine.test(line.trimEnd())) this.#close()
    else if (tag !== undefined) this.#open(tag, first, at)
    else this.#goOn(line, at)
  }

  #open(tag: string, first: string, at: number): void {
    if (tag === "20") {
      const isInBlock = this.#isInBlock
      if (this.#fields.length > 0) this.#close()
      else this.#isInBlock = isInBlock
      this.#isBetween = false
      this.#headers = 0
    }
    if (this.#isBetween) refused(`line ${at}`, `field ${tag} is in no message`)
    this.#fields.push({ tag, lines: [first], line: at })
  }

  /** A line without a tag goes on with the field before it, or is a header before a message. */
  #goOn(line: string, at: number): void {
    const field = this.#fields.at(-1)
    if (field === undefined || this.#isBetween) {
      this.#headers += 1
      if (this.#headers > HEADER_LINES_MAX) refused(`line ${at}`, "is in no field")
      return
    }
    field.lines.push(line)
    if (field.lines.length > FIELD_LINES_MAX)
      refused(`line ${at}`, `field ${field.tag} has more than ${FIELD_LINES_MAX} lines`)
  }

  /** Ends the message that is open, if there is one. */
  #close(hasEnd = false): void {
    const [first] = this.#fields
    if (first !== undefined)
      this.#messages.push({ fields: this.#fields, line: first.line, isCut: this.#isInBlock && !hasEnd })
    this.#fields = []
    this.#isInBlock = false
    this.#isBetween = true
  }

  end(): ReadonlyArray<MtMessage> {
    this.#close()
    return this.#messages.length === 0 ? refused("the file", "no message with a field 20") : this.#messages
  }
}

const refused = (place: string, problem: string): never => {
  throw new UnreadableFile({ place, problem })
}
