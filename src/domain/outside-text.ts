/**
 * Text that others said: a bank's code, a compliance reason, what a person typed, why a call failed. It is cleaned once,
 * where it comes in, and kept as {@link OutsideText}; whoever reads an event or a command shows it as it is.
 */
import { Schema } from "effect"
import { invisibleCharacter, PlainText } from "./beneficiary.ts"
import { masked } from "./masking.ts"

/** In code points. What people write has at most 280, a compliance reason 200: a sentence of ours that quotes it fits. */
export const TEXT_LENGTH_MAX = 512

/**
 * What {@link cleanText} made. This schema reads what was written by it, and cleans nothing: it is for events and commands
 * alone. What comes from outside is read as a string.
 */
export const OutsideText = Schema.String.annotate({ title: "OutsideText" }).pipe(Schema.brand("OutsideText"))
export type OutsideText = typeof OutsideText.Type

const invisible = new RegExp(invisibleCharacter, "gu")

/** Nothing to clean: ASCII without white space at its ends, two digits in a row, or a URL. */
const harmless = /^(?!.*(?:[0-9]{2}|:\/\/))[!-~](?:[ -~]*[!-~])?$/

/**
 * The only way to an {@link OutsideText}: at most {@link TEXT_LENGTH_MAX} code points in Unicode NFC, with white space for
 * control characters and line breaks and nothing for what is invisible, and what looks like an account number masked.
 * Cleaned again it is the same.
 */
export const cleanText = (said: string): OutsideText => {
  if (said.length <= TEXT_LENGTH_MAX && harmless.test(said)) return said as OutsideText
  const visible = said
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")
    .replace(invisible, "")
    .normalize("NFC")
  return cut(masked(visible).trim()) as OutsideText
}

const cut = (text: string): string => {
  if (text.length <= TEXT_LENGTH_MAX) return text
  const characters = Array.from(text)
  return characters.length <= TEXT_LENGTH_MAX ? text : `${characters.slice(0, TEXT_LENGTH_MAX - 1).join("")}…`
}

/** What a person writes, 1 to `length` characters: it stays in the log for ever, so it is refused unless it is clean. */
export const AcceptedText = (length: number) =>
  PlainText(length)
    .check(
      Schema.makeFilter(
        (text: string) =>
          cleanText(text) === text || "expected no account number, and no more than seven digits in a row",
      ),
    )
    .pipe(Schema.brand("OutsideText"))

/** The kinds of events that hold such text. A test holds this to their schemas. */
export const kindsWithText: ReadonlySet<string> = new Set([
  "ItemsScreened",
  "ClearanceWithdrawn",
  "ItemReviewed",
  "ItemsCancelled",
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
 * An event of an older release, or a command as it waited in a mailbox, with each text in it cleaned: such a text may be as
 * others said it.
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
]

const cleanFields = <A>(value: A, names: ReadonlyArray<string>): A => {
  if (!isObject(value)) return value
  const texts = names.flatMap((name) => {
    const text = value[name]
    return typeof text === "string" ? [[name, cleanText(text)]] : []
  })
  return texts.length === 0 ? value : { ...value, ...Object.fromEntries(texts) }
}
