/** `Idempotency-Key`: a client's name for a request, so that a repetition does nothing twice. */
import { Schema } from "effect"
import type { Parameter } from "../routing/parameters.ts"

const printableAscii = /^[\x20-\x7e]{1,255}$/
const schema = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(255),
  Schema.isPattern(/^[ -~]+$/),
)
const expected = "1 to 255 printable ASCII characters"

/** The key of a request that needs one. */
export const idempotencyKey: Parameter<string> = {
  schema,
  required: true,
  description:
    "Names the batch permanently: the same key and body get the same answer, with Idempotent-Replayed: true.",
  example: "week-12",
  read: (text = "") => (printableAscii.test(text) ? { value: text } : { expected }),
}

/** The key of a request, if it has one. */
export const optionalIdempotencyKey: Parameter<string | undefined> = {
  schema,
  required: false,
  description:
    "For a day, the batch processes the same key and body on this path once. Repetitions are answered with Idempotent-Replayed: true.",
  example: "cancel-week-12",
  read: (text) => (text === undefined ? { value: text } : idempotencyKey.read(text)),
}
