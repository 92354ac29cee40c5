/**
 * What may not be read in a log line: account numbers and keys. Fields are masked by their name, and every text is
 * masked where it looks like an IBAN or a long number, so that a careless message does no harm either.
 */
import { Redacted } from "effect"
import { MASK, masked } from "../domain/masking.ts"

const DEPTH_MAX = 6
const ENTRIES_MAX = 50
const TEXT_LENGTH_MAX = 4_096

const secretField =
  /^(iban|bic|account|account[-_]?number|routing[-_]?number|sort[-_]?code|authorization|cookie|.*(secret|key|password|token))$/i

/** The same text with credentials in URLs, IBANs and runs of eight digits or more masked, cut at 4,096 characters. */
export const redactText = (text: string): string =>
  masked(text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text)

/**
 * A copy of any value that is fit for a log line and for `JSON.stringify`: sensitive fields and texts masked, errors
 * with their name, message and fields, bigints as text. Six levels deep and 50 entries wide; what is beyond is left out.
 */
export const redact = (value: unknown, depth = 0): unknown => {
  switch (typeof value) {
    case "string":
      return redactText(value)
    case "bigint":
    case "symbol":
    case "function":
      return redactText(String(value))
    case "object":
      return value === null ? null : redactObject(value, depth)
    default:
      return value
  }
}

const redactObject = (value: object, depth: number): unknown => {
  if (Redacted.isRedacted(value)) return MASK
  if (value instanceof Date) return value.toISOString()
  if (depth === DEPTH_MAX) return "…"
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((entry) => redact(entry, depth + 1))
  const fields =
    value instanceof Error ? Object.assign({ error: value.name, message: value.message }, value) : value
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, ENTRIES_MAX)
      .map(([name, entry]) => [redactText(name), secretField.test(name) ? MASK : redact(entry, depth + 1)]),
  )
}
