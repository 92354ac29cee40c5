/**
 * Cuts the transfers out of a pain.001 document that comes in pieces, so that none of it is held but one transfer at a time and
 * what is beside the transfers. It only finds where elements begin and end; each part is read by the reader of XML, which
 * checks that it is well-formed: a document is, if its transfers are and the rest is without them.
 */
import type { FileProblem } from "./file-problem.ts"

const RUN_LENGTH_MAX = 16 * 1024
const TRANSFER_LENGTH_MAX = 64 * 1024
/** All that is not in a transfer is read at once at the end. */
const REST_LENGTH_MAX = 512 * 1024
const DEPTH_MAX = 40
const TRANSFER = ["Document", "CstmrCdtTrfInitn", "PmtInf", "CdtTrfTxInf"]

/** One element `CdtTrfTxInf`. */
export interface CutTransfer {
  readonly xml: string
  /** The line on which it begins, from 1. */
  readonly line: number
  /** The number of its payment (`PmtInf`) in the document, from 0. */
  readonly payment: number
}

export class TransferScanner {
  readonly #onTransfer: (transfer: CutTransfer) => FileProblem | undefined
  /** What is not yet cut. */
  #text = ""
  /** Where the next markup is looked for, and where the open transfer begins; -1 for none. */
  #at = 0
  #from = -1
  readonly #open: Array<string> = []
  #payments = 0
  #line = 1
  readonly #rest: Array<string> = []
  #restLength = 0
  #restLine = 1
  #afterTransfer = false
  /** From which line of the rest on how many lines of the document are missing in it. */
  readonly #missing: Array<{ readonly from: number; readonly lines: number }> = []

  /** Each transfer is given as soon as it ends; what `onTransfer` gives back ends the scan. */
  constructor(onTransfer: (transfer: CutTransfer) => FileProblem | undefined) {
    this.#onTransfer = onTransfer
  }

  /** Takes a piece, and gives what keeps the document from being read. */
  take(piece: string): FileProblem | undefined {
    this.#text += piece
    let problem: FileProblem | undefined
    while (problem === undefined) {
      const end = this.#markupEnd()
      if (end === undefined) break
      problem = typeof end === "number" ? this.#pass(end) : end
    }
    return problem ?? this.#letGo()
  }

  /** The document without its transfers. An unfinished one is left in it, so that it is found not to be well-formed. */
  rest(): string {
    this.#rest.push(this.#text)
    this.#text = ""
    return this.#rest.join("")
  }

  /** The line of the document for a line of the rest. */
  lineOf(lineInRest: number): number {
    return this.#missing.reduce(
      (line, { from, lines }) => (from <= lineInRest ? line + lines : line),
      lineInRest,
    )
  }

  /** The index behind the next markup, or what is wrong with it; `undefined` if it is not there yet. */
  #markupEnd(): number | FileProblem | undefined {
    const text = this.#text
    const begin = text.indexOf("<", this.#at)
    if (begin < 0) {
      if (text.length - this.#at > RUN_LENGTH_MAX && this.#from >= 0) return tooLong
      return undefined
    }
    if (begin - this.#at > RUN_LENGTH_MAX) return tooLong
    // "<![CDATA[" has nine characters.
    if (text[begin + 1] === undefined || (text[begin + 1] === "!" && text.length < begin + 9))
      return undefined
    const isDeclaration = text.startsWith("<!", begin)
    if (isDeclaration && !text.startsWith("<!--", begin) && !text.startsWith("<![CDATA[", begin))
      return { column: "the file", reason: "a document type is not accepted" }
    const end = endOfMarkup(text, begin)
    if ((end ?? text.length) - begin > RUN_LENGTH_MAX) return tooLong
    if (end === undefined) return undefined
    this.#markup = begin
    return end
  }

  /** Where the markup begins whose end was found last. */
  #markup = 0

  #pass(end: number): FileProblem | undefined {
    const tag = this.#text.slice(this.#markup, end)
    this.#at = end
    if (tag[1] === "!" || tag[1] === "?") return undefined
    if (tag[1] === "/") return this.#close(end)
    this.#open.push(localName(tag))
    if (this.#open.length > DEPTH_MAX)
      return { column: "the file", reason: `nested deeper than ${DEPTH_MAX} elements` }
    if (this.#from < 0 && this.#isOpen(3) && this.#open.length === 3) this.#payments += 1
    if (this.#from < 0 && this.#isOpen(4) && this.#open.length === 4) this.#begin()
    return tag.endsWith("/>") ? this.#close(this.#at) : undefined
  }

  #isOpen(depth: number): boolean {
    return TRANSFER.slice(0, depth).every((name, index) => this.#open[index] === name)
  }

  /** A transfer begins: what is before it belongs to the rest. */
  #begin(): void {
    const before = this.#text.slice(0, this.#markup)
    // White space between two transfers is cut out with them.
    if (this.#afterTransfer && before.trim() === "") this.#leaveOut(before)
    else this.#keep(before)
    this.#afterTransfer = false
    this.#text = this.#text.slice(this.#markup)
    this.#at -= this.#markup
    this.#from = 0
  }

  #close(end: number): FileProblem | undefined {
    this.#open.pop()
    if (this.#from < 0 || this.#open.length >= TRANSFER.length) {
      if (this.#open.length < TRANSFER.length - 1) this.#afterTransfer = false
      return undefined
    }
    const xml = this.#text.slice(0, end)
    const found = this.#onTransfer({ xml, line: this.#line, payment: this.#payments - 1 })
    this.#leaveOut(xml)
    this.#text = this.#text.slice(end)
    this.#at = 0
    this.#from = -1
    this.#afterTransfer = true
    return found
  }

  /** Moves to the rest what is known to belong there. */
  #letGo(): FileProblem | undefined {
    if (this.#from >= 0)
      return this.#text.length > TRANSFER_LENGTH_MAX
        ? { line: this.#line, reason: `a transfer of more than ${TRANSFER_LENGTH_MAX} characters` }
        : undefined
    const begin = this.#text.indexOf("<", this.#at)
    const known = this.#text.slice(0, begin < 0 ? this.#text.length : begin)
    if (!this.#afterTransfer || known.trim() !== "") {
      this.#afterTransfer = false
      this.#keep(known)
      this.#text = this.#text.slice(known.length)
      this.#at = 0
    }
    return this.#restLength + this.#text.length > REST_LENGTH_MAX
      ? { column: "the file", reason: `longer than ${REST_LENGTH_MAX} characters beside its transfers` }
      : undefined
  }

  #keep(text: string): void {
    this.#rest.push(text)
    this.#restLength += text.length
    const lines = lineBreaksIn(text)
    this.#restLine += lines
    this.#line += lines
  }

  #leaveOut(text: string): void {
    const lines = lineBreaksIn(text)
    this.#line += lines
    const last = this.#missing.at(-1)
    if (last?.from === this.#restLine)
      this.#missing[this.#missing.length - 1] = { from: last.from, lines: last.lines + lines }
    else if (lines > 0) this.#missing.push({ from: this.#restLine, lines })
  }
}

const tooLong: FileProblem = {
  column: "the file",
  reason: `a tag or a text of more than ${RUN_LENGTH_MAX} characters`,
}

/** The index behind a comment, a literal section, an instruction or a tag; `undefined` if it is not there yet. */
const endOfMarkup = (text: string, begin: number): number | undefined => {
  if (text.startsWith("<!--", begin)) return behind(text, "-->", begin + 4)
  if (text.startsWith("<![", begin)) return behind(text, "]]>", begin)
  if (text[begin + 1] === "?") return behind(text, "?>", begin)
  let quote = ""
  for (let at = begin; at < text.length && at - begin <= RUN_LENGTH_MAX; at += 1) {
    const character = text[at] ?? ""
    if (quote !== "") quote = character === quote ? "" : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === ">") return at + 1
  }
  return undefined
}

const behind = (text: string, end: string, from: number): number | undefined => {
  const at = text.indexOf(end, from)
  return at < 0 ? undefined : at + end.length
}

const localName = (tag: string): string => {
  const [, name = ""] = /^<([^\s/>]*)/.exec(tag) ?? []
  return name.slice(name.indexOf(":") + 1)
}

const lineBreaksIn = (text: string): number => {
  let count = 0
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1
  return count
}
