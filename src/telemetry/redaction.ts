/**
 * Removes account numbers and keys from log lines. Fields are masked by their name. In every text, IBANs and long numbers
 * are masked, so that a careless message does no harm either.
 */
import { Redacted } from "effect"
import { MASK, masked, withoutCredentials, withoutWallets } from "../domain/masking.ts"

const DEPTH_MAX = 6
const ENTRIES_MAX = 50
const TEXT_LENGTH_MAX = 4_096
/** The longest text that one mask stands for, of those that have an end. */
const SECRET_LENGTH_MAX = 256

/** Whom somebody pays and with what words, what opens something, and what errors of Redis and Postgres repeat of a command or a row. */
const secretField =
  /^(iban|bic|account|account[-_]?number|e[-_]?mail|phone|paypal[-_]?id|receiver|street|(address[-_]?)?line[-_]?[12]|address[-_]?lines|postal[-_]?address|routing[-_]?number|sort[-_]?code|beneficiary|(beneficiary|account|holder|payee)[-_]?name|remittance|authorization|cookie|args|parameters|detail|.*(secret|key|password|token))$/i

/** What is cut is masked with the text that follows: half of an account number or a key looks like neither. */
const cutAfter = (mask: (text: string) => string, text: string): string =>
  text.length > TEXT_LENGTH_MAX
    ? `${mask(text.slice(0, TEXT_LENGTH_MAX + SECRET_LENGTH_MAX)).slice(0, TEXT_LENGTH_MAX)}…`
    : mask(text)

/** Masks credentials in URLs, IBANs and runs of eight or more digits in a text, and cuts it at 4,096 characters. */
export const redactText = (text: string): string => cutAfter(masked, text)

/** A UUID in its usual form that is not part of a longer token. */
const uuid = /(?<![\w-])([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])/i

/**
 * {@link redactText} for a log line. It keeps UUIDs: one in twelve has eight digits in a row, and people search for them.
 * Stored and published texts are masked without this exception, so that older and newer texts stay equal.
 */
export const redactLine = (text: string): string => cutAfter(maskedButUuids, text)

const maskedButUuids = (text: string): string =>
  // Credentials are masked first, because a password may be a UUID. Every second part is a UUID.
  withoutCredentials(text)
    .split(uuid)
    .map((part, index) => (index % 2 === 1 ? part : masked(withoutWallets(part))))
    .join("")

/**
 * A copy of any value for a log line and `JSON.stringify`: sensitive fields and texts are masked, errors have their name,
 * message and fields, bigints are text, and of bytes only their number is there. It is at most six levels deep and 50 entries wide; the rest is left out.
 */
export const redact = (value: unknown, depth = 0): unknown => {
  switch (typeof value) {
    case "string":
      return redactLine(value)
    case "bigint":
    case "symbol":
    case "function":
      return redactLine(String(value))
    case "object":
      return value === null ? null : redactObject(value, depth)
    default:
      return value
  }
}

const redactObject = (value: object, depth: number): unknown => {
  if (Redacted.isRedacted(value)) return MASK
  if (value instanceof Date) return value.toISOString()
  // Their numbers would spell out what they have.
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth === DEPTH_MAX) return "…"
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((entry) => redact(entry, depth + 1))
  const fields =
    value instanceof Error ? Object.assign({ error: value.name, message: value.message }, value) : value
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, ENTRIES_MAX)
      .map(([name, entry]) => [redactLine(name), redactField(name, entry, depth)]),
  )
}

/** The id of a trace, as W3C Trace Context has it, with a letter: two of five have eight digits in a row, and people search for them. */
const traceId = /^(?=[0-9]*[a-f])[0-9a-f]{32}$/

const redactField = (name: string, entry: unknown, depth: number): unknown => {
  if (secretField.test(name)) return MASK
  return name === "trace" && typeof entry === "string" && traceId.test(entry)
    ? entry
    : redact(entry, depth + 1)
}
