/**
 * A log outside of the service: a file of lines of JSON. The first says which batch it is, how many events follow, and the links of the
 * hash chain at their end; each other line is an event with its version and link. Whatever is missing, moved or changed is found.
 */
import { Result, Schema } from "effect"
import { decodeEvent } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import { BatchId } from "../domain/identifiers.ts"
import { chainStart, linkOf } from "../streams/hash-chain.ts"

const FORMAT = "atlaspay-scrubbed-log"
const VERSION = 1
/** Longer than an event with the most items. */
export const LINE_LENGTH_MAX = 4 * 1024 * 1024

const Header = Schema.Struct({
  format: Schema.Literal(FORMAT),
  version: Schema.Literal(VERSION),
  batch: BatchId,
  events: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  head: Schema.String,
  /** The link at the end of the log that it was made from. It names nobody. */
  originalHead: Schema.String,
  amounts: Schema.Literals(["kept", "replaced"]),
})
export type Header = typeof Header.Type

const Line = Schema.Struct({
  version: Schema.Int,
  hash: Schema.String,
  event: Schema.Record(Schema.String, Schema.Unknown),
})

/** The first line of a file. */
export const headerLine = (header: Omit<Header, "format" | "version">): string =>
  JSON.stringify({ format: FORMAT, version: VERSION, ...header })

/** The line of an event, from its text in the log. */
export const eventLine = (version: number, text: string, hash: string): string =>
  `{"version":${version},"hash":"${hash}","event":${text}}`

/** An event of a file, as the log will have it. */
export interface ImportedEvent {
  readonly version: number
  readonly text: string
  readonly hash: string
  readonly event: BatchEvent
}

/** A file is not a whole export. `line` counts from 1. */
export class InvalidExport extends Schema.TaggedError<InvalidExport>()("InvalidExport", {
  line: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `line ${this.line}: ${this.reason}`
  }
}

const decodeHeader = Schema.decodeUnknownResult(Header)
const decodeLine = Schema.decodeUnknownResult(Line)

/** Reads a file line by line, in order. What is wrong is thrown as {@link InvalidExport}. */
export class ExportReader {
  #header: Header | undefined
  #lines = 0
  #version = 0
  #head = ""

  /** The first line; only once it was read. */
  get header(): Header {
    if (this.#header === undefined) throw this.#invalid(1, "the file is empty")
    return this.#header
  }

  /** Reads the next line. Gives its event; nothing for the first line. */
  read(line: string): ImportedEvent | undefined {
    this.#lines += 1
    const json = jsonOf(line)
    if (this.#header === undefined) {
      const header = decodeHeader(json)
      if (Result.isFailure(header))
        throw this.#invalid(
          1,
          `this is no export of a batch, or one of another release: expected ${FORMAT} ${VERSION}`,
        )
      this.#header = header.success
      this.#head = chainStart(header.success.batch)
      return undefined
    }
    const read = decodeLine(json)
    if (Result.isFailure(read))
      throw this.#invalid(this.#lines, "expected an event with its version and hash")
    return this.#next(read.success)
  }

  #next({ version, hash, event: json }: typeof Line.Type): ImportedEvent {
    const line = this.#lines
    if (version !== this.#version + 1)
      throw this.#invalid(
        line,
        `expected event ${this.#version + 1}, found ${version}: lines are missing or were moved`,
      )
    const text = JSON.stringify(json)
    if (linkOf(this.#head, text) !== hash)
      throw this.#invalid(
        line,
        "its hash does not follow from the line before: the file was changed, or is of another export",
      )
    const event = decodeEvent(text)
    if (Result.isFailure(event)) throw this.#invalid(line, event.failure)
    this.#version = version
    this.#head = hash
    return { version, text, hash, event: event.success }
  }

  /** Checks that nothing is missing at the end. */
  end(): Header {
    const { header } = this
    if (this.#version !== header.events)
      throw this.#invalid(
        this.#lines + 1,
        `the file ends after event ${this.#version} of ${header.events}: it is truncated`,
      )
    if (this.#head !== header.head)
      throw this.#invalid(this.#lines, "the last hash is not that of the first line")
    return header
  }

  #invalid(line: number, reason: string): InvalidExport {
    return new InvalidExport({ line, reason })
  }
}

const jsonOf = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
