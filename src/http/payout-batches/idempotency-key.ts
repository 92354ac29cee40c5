/** `Idempotency-Key`: a client's name for a request, so that a repetition does nothing twice. */
import { Schema } from "effect"
import type { Parameter } from "../routing/parameters.ts"
import { unquotedKey } from "./batch-identity.ts"

/**
 * A key, as it names a request. A quoted one is written as a structured string (RFC 9651, 3.3.3), as the draft of the header
 * wants it, and names the same request as the text in it: `"week-12"` and `week-12` are one key.
 */
export interface IdempotencyKey {
  readonly key: string
  /** The header as it was written, if it was quoted. */
  readonly quoted?: string
}

/**
 * Both ways to write a key, that of the request first. Things are named by the key as it was written: during a rolling deploy the
 * previous release does so, and a request that is repeated there would otherwise be another one. Acts look for what the other way
 * names; batches reserve it (batch-name.ts). Only one text if a quoted form would be too long.
 */
export const waysOf = ({
  key,
  quoted,
}: IdempotencyKey): readonly [written: string, other: string | undefined] => {
  if (quoted !== undefined) return [quoted, key]
  const other = `"${key.replace(/["\\]/g, "\\$&")}"`
  return [key, printableAscii.test(other) ? other : undefined]
}

const printableAscii = /^[\x20-\x7e]{1,255}$/
const schema = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(255),
  Schema.isPattern(/^[ -~]+$/),
)
const expected = '1 to 255 printable ASCII characters, as they are or as a quoted string ("week-12")'

/**
 * The key of the batch that a draft becomes. It has a character that no header of a request may have, so no partner can use it for
 * another batch.
 */
export const keyOfDraft = (draft: string): IdempotencyKey => ({ key: `draft → ${draft}` })

/** The key of a request that needs one. */
export const idempotencyKey: Parameter<IdempotencyKey> = {
  schema,
  required: true,
  description:
    "Names the batch permanently: the same key and body get the same answer, with Idempotent-Replayed: true. It may be quoted.",
  example: "week-12",
  read: (text = "") => {
    if (!printableAscii.test(text)) return { expected }
    if (!text.startsWith('"')) return { value: { key: text } }
    const key = unquotedKey(text)
    return key === undefined ? { expected } : { value: { key, quoted: text } }
  },
}

/** The key of a request, if it has one. */
export const optionalIdempotencyKey: Parameter<IdempotencyKey | undefined> = {
  schema,
  required: false,
  description:
    "For a day, the batch processes the same key and body on this path once. Repetitions are answered with Idempotent-Replayed: true.",
  example: "cancel-week-12",
  read: (text) => (text === undefined ? { value: text } : idempotencyKey.read(text)),
}
