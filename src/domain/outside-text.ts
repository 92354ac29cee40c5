/**
 * Text from outside: a bank's code, a compliance reason, what a person typed, why a call failed. It is cleaned once, where it
 * comes in, and kept as {@link OutsideText}. Readers of events and commands use it as it is.
 */
import { Schema } from "effect"
import { invisibleCharacter, PlainText } from "./beneficiary.ts"
import { masked } from "./masking.ts"

/** In code points. Texts of people have at most 280, compliance reasons 200, so a sentence of ours that quotes one fits. */
export const TEXT_LENGTH_MAX = 512

/**
 * A text that {@link cleanText} made. The schema does not clean: it is only for events and commands, whose texts are clean.
 * Input from outside is read as a string.
 */
export const OutsideText = Schema.String.annotate({ title: "OutsideText" }).pipe(Schema.brand("OutsideText"))
export type OutsideText = typeof OutsideText.Type

const invisible = new RegExp(invisibleCharacter, "gu")

/**
 * Units of UTF-16 that are read of a text. Who writes it may write a megabyte, and NFC puts marks into their order in a time
 * that grows with the square of their number.
 */
const READ_LENGTH_MAX = 4 * TEXT_LENGTH_MAX

/** What may be the beginning of an account whose rest is not read: an IBAN with a space before each character. */
const ACCOUNT_LENGTH_MAX = 64

/** A text with nothing to clean: ASCII without white space at its ends, two digits in a row, or a URL. */
const harmless = /^(?!.*(?:[0-9]{2}|:\/\/))[!-~](?:[ -~]*[!-~])?$/

/**
 * Makes an {@link OutsideText}: at most {@link TEXT_LENGTH_MAX} code points in Unicode NFC. Control characters and line
 * breaks become spaces, invisible characters are removed, and what looks like an account number is masked. Cleaning a clean
 * text changes nothing.
 */
export const cleanText = (text: string): OutsideText => cleanTextWithin(text, TEXT_LENGTH_MAX)

/** The same, of at most `lengthMax` code points, which is no more than {@link TEXT_LENGTH_MAX}. */
export const cleanTextWithin = (text: string, lengthMax: number): OutsideText => {
  if (text.length <= lengthMax && harmless.test(text)) return text as OutsideText
  const visible = beginningOf(text)
  return cut(masked(visible).trim(), lengthMax) as OutsideText
}

const beginningOf = (text: string): string =>
  text.length <= READ_LENGTH_MAX
    ? visibleText(text)
    : visibleText(text.slice(0, READ_LENGTH_MAX)).slice(0, -ACCOUNT_LENGTH_MAX).replace(halfAtEnd, "")

/** The first half of a surrogate pair: what is left of a character that was cut in two is no Unicode. */
const halfAtEnd = /[\ud800-\udbff]$/

/**
 * A text as a person sees it: in NFC, spaces for control characters and line breaks, nothing invisible. Nothing is masked. Its
 * length has to be bounded before.
 */
export const visibleText = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")
    .replace(invisible, "")
    .normalize("NFC")
    .trim()

const cut = (text: string, lengthMax: number): string => {
  if (text.length <= lengthMax) return text
  const characters = Array.from(text)
  return characters.length <= lengthMax
    ? text
    : `${characters
        .slice(0, lengthMax - 1)
        .join("")
        .trimEnd()}…`
}

/** A text of a person, 1 to `length` characters. It stays in the log permanently, so it is refused unless it is clean. */
export const AcceptedText = (length: number) =>
  PlainText(length)
    .check(
      Schema.makeFilter(
        (text: string) =>
          cleanText(text) === text || "expected no account number, and no more than seven digits in a row",
      ),
    )
    .pipe(Schema.brand("OutsideText"))

/** The kinds of events that contain such text. A test compares this with their schemas. */
export const kindsWithText: ReadonlySet<string> = new Set([
  "BatchReceived",
  "ItemsScreened",
  "ClearanceWithdrawn",
  "ItemReviewed",
  "ItemsCancelled",
  "ApprovalDeclined",
  "PostingRefused",
  "TransferUnknown",
  "TransferFailed",
  "TransferReturned",
  "TransferParked",
  "WithdrawalsRequested",
  "ResolutionProposed",
  "ParkedResolved",
])

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null

/**
 * An event of an older release, or a command from a mailbox, with each of its texts cleaned: an older release may not have
 * cleaned them.
 */
export const withCleanTexts = (json: Json): Json => {
  const cleaned = { ...cleanFields(json, ["reason", "code", "detail"]) }
  for (const [name, fields] of nested) {
    const value = cleaned[name]
    if (Array.isArray(value)) cleaned[name] = value.map((one) => cleanFields(one, fields))
    else if (isObject(value)) cleaned[name] = cleanFields(value, fields)
  }
  return cleaned
}

const nested: ReadonlyArray<readonly [name: string, fields: ReadonlyArray<string>]> = [
  ["decisions", ["reason"]],
  ["findings", ["reason"]],
  ["refusal", ["code"]],
  ["evidence", ["text", "reference"]],
  ["outcome", ["code", "reason", "detail"]],
  ["duplicates", ["reason"]],
]

const cleanFields = <A>(value: A, names: ReadonlyArray<string>): A => {
  if (!isObject(value)) return value
  const texts = names.flatMap((name) => {
    const text = value[name]
    return typeof text === "string" ? [[name, cleanText(text)]] : []
  })
  return texts.length === 0 ? value : { ...value, ...Object.fromEntries(texts) }
}
