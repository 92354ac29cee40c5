/**
 * Reads JSON from outside within bounds and in slices. It scans the text first, then parses its lists a run of elements at a
 * time, and the rest at once. A text that breaks a bound is never parsed.
 */
import { isUtf8 } from "node:buffer"
import { isProblem, type JsonLimits, type JsonList, type JsonProblem, outlineOf } from "./json-outline.ts"
import type { Span, Step } from "./member-names.ts"

/** The text is not JSON, or breaks a bound. `path` is the place. The text is not quoted. */
export class UnreadableJson {
  readonly path: ReadonlyArray<Step>
  readonly problem: string

  constructor(problem: string, path: ReadonlyArray<Step> = []) {
    this.path = path
    this.problem = problem
  }
}

/** Bounds for a short message, with lists of some hundred elements. */
export const messageLimits: JsonLimits = {
  depthMax: 16,
  tokensMax: 100_000,
  elementsMax: 10_000,
  tokensPerPartMax: 4_096,
  partBytesMax: 64 * 1024,
}

/**
 * Reads a UTF-8 text: an object that may have long lists as fields, or any other small value. A byte-order mark in front of
 * it is skipped (RFC 8259, 8.1).
 */
export function* readJsonText(text: Buffer, limits: JsonLimits): Generator<void, unknown> {
  const bytes = hasMark(text) ? text.subarray(MARK.length) : text
  const outline = yield* outlineOf(bytes, limits)
  if (isProblem(outline)) return unreadable(bytes, outline)
  if (bytes.length <= PARSED_AT_ONCE) {
    const small = parsed(bytes)
    // What is wrong with a text that cannot be read is found part by part.
    if (!(small instanceof UnreadableJson)) return small
  }
  const whole = parsed(beside(bytes, outline.lists))
  if (whole instanceof UnreadableJson || outline.fields === 0) return whole
  const object = Object(whole)
  for (const list of outline.lists) {
    const elements = yield* elementsOf(bytes, list)
    if (elements instanceof UnreadableJson) return elements
    // Not an assignment: a field may be called __proto__.
    Object.defineProperty(object, nameIn(bytes, list.name), { value: elements })
  }
  return object
}

/** Bytes of a text that is parsed in one piece, in about half a millisecond. */
const PARSED_AT_ONCE = 64 * 1024

const MARK = Buffer.from([0xef, 0xbb, 0xbf])

const hasMark = (text: Buffer): boolean => text[0] === MARK[0] && text.subarray(0, MARK.length).equals(MARK)

/** The text without the elements of its lists. */
const beside = (bytes: Buffer, lists: ReadonlyArray<JsonList>): Buffer => {
  if (lists.length === 0) return bytes
  const parts: Array<Buffer> = []
  let from = 0
  for (const list of lists) {
    parts.push(bytes.subarray(from, list.from + 1))
    from = list.to - 1
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

function* elementsOf(
  bytes: Buffer,
  { pieces }: JsonList,
): Generator<void, ReadonlyArray<unknown> | UnreadableJson> {
  const elements: Array<unknown> = []
  for (const { from, to } of pieces) {
    if (elements.length > 0) yield
    const run = parsed(bytes.subarray(from, to), "[", "]")
    if (!Array.isArray(run)) return new UnreadableJson("expected JSON")
    // A comma without an element.
    if (run.length === 0 && pieces.length > 1) return new UnreadableJson("expected JSON")
    for (const element of run) elements.push(element)
  }
  return elements
}

const parsed = (bytes: Buffer, before = "", after = ""): unknown => {
  if (!isUtf8(bytes)) return new UnreadableJson("expected JSON in UTF-8")
  try {
    return JSON.parse(`${before}${bytes.toString("utf8")}${after}`)
  } catch {
    return new UnreadableJson("expected JSON")
  }
}

const unreadable = (bytes: Buffer, { problem, list, path }: JsonProblem): UnreadableJson =>
  new UnreadableJson(problem, path ?? (list === undefined ? [] : [nameIn(bytes, list)]))

/** The name of a field. A name that is not a JSON string is given as it is; parsing the whole refuses it later. */
const nameIn = (bytes: Buffer, { from, to }: Span): string => {
  const name = parsed(bytes.subarray(from, to))
  return typeof name === "string" ? name : bytes.toString("latin1", from, to)
}
