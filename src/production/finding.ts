/** Something that production refuses. Secrets are named by whose they are, and never quoted. */
import { Schema } from "effect"

export const Finding = Schema.Struct({
  /** The stable name of the check, such as `plain-http`. */
  check: Schema.String,
  /** What it is about, where there may be several: a provider, a key. */
  of: Schema.optionalKey(Schema.String),
  /** The variable, and where in it. */
  setting: Schema.String,
  found: Schema.String,
  wanted: Schema.String,
})
export type Finding = typeof Finding.Type

/** What VOUCH_FOR calls it: `plain-http:north`, `crash-at`. */
export const nameOf = ({ check, of }: Finding): string => (of === undefined ? check : `${check}:${of}`)
