/**
 * The content coding of a request body (RFC 9110, 8.4): none, or gzip where a kind of body may be compressed. What is inflated
 * counts as what was sent, so a few bytes cannot become more than the body may have.
 */
import { createGunzip } from "node:zlib"
import { Schema } from "effect"

/** The body has a content coding that is not read here; `accepted` is what is. */
export class UnsupportedCoding extends Schema.TaggedError<UnsupportedCoding>()("UnsupportedCoding", {
  accepted: Schema.Literals(["gzip", "identity"]),
}) {}

/** The body is not what its content coding says. */
export class BrokenCoding extends Schema.TaggedError<BrokenCoding>()("BrokenCoding", {}) {}

/** How a body comes in. */
export type Coding = "identity" | "gzip"

/** Reads `Content-Encoding`; `x-gzip` is another name of gzip. Two codings on each other are none that anybody needs. */
export const codingOf = (
  header: string | undefined,
  mayBeCompressed: boolean,
): Coding | UnsupportedCoding => {
  const coding = (header ?? "").trim().toLowerCase()
  if (coding === "" || coding === "identity") return "identity"
  if (mayBeCompressed && (coding === "gzip" || coding === "x-gzip")) return "gzip"
  return new UnsupportedCoding({ accepted: mayBeCompressed ? "gzip" : "identity" })
}

/** Where the bytes of a body go. */
export interface Sink {
  /** Takes a chunk; false asks to wait for `ready`. */
  readonly take: (chunk: Buffer) => boolean
  /** There are no more chunks. */
  readonly end: () => void
  /** Nobody wants the rest. */
  readonly stop: () => void
}

/** What a sink reports. */
export interface SinkReports {
  readonly keep: (chunk: Buffer) => void
  readonly done: () => void
  readonly broken: () => void
  readonly ready: () => void
}

export const sinkOf = (coding: Coding, reports: SinkReports): Sink =>
  coding === "gzip" ? inflating(reports) : asItIs(reports)

const asItIs = ({ keep, done }: SinkReports): Sink => ({
  take: (chunk) => {
    keep(chunk)
    return true
  },
  end: done,
  stop: () => {},
})

const inflating = ({ keep, done, broken, ready }: SinkReports): Sink => {
  const gunzip = createGunzip().on("data", keep).on("end", done).on("error", broken).on("drain", ready)
  return {
    take: (chunk) => gunzip.write(chunk),
    end: () => gunzip.end(),
    stop: () => gunzip.destroy(),
  }
}
