/** The beginning of an endpoint's answer, as it may be kept and shown: it is anybody's text, and may quote what it was sent. */
import { MASK, masked } from "../domain/masking.ts"
import { visibleText } from "../domain/outside-text.ts"

/** The bytes of an answer that are shown at most. */
export const ANSWER_SHOWN_BYTES_MAX = 1_024
/** What may be the beginning of a number or a secret whose rest is not read is not shown. */
const UNSURE_LENGTH = 64
/** The bytes of an answer that are read. */
export const ANSWER_READ_BYTES_MAX = ANSWER_SHOWN_BYTES_MAX + UNSURE_LENGTH

/** A card or account number in groups. Shorter runs are masked by `masked`. */
const groupedNumber = /\b[0-9](?:[ .-]?[0-9]){11,}\b/g
/** Groups of four digits or more beside what is masked: the rest of a number that has a longer group. */
const restOfNumber = /(?:\b[0-9]{4,7}[ .-]?){0,8}\[redacted\](?:[ .-]?[0-9]{4,7}\b){0,8}/g
/** Credentials by their scheme (RFC 7235), and the keys of webhooks. */
const credential = /\b(?:Bearer|Basic|Digest|Token)\s{1,4}[^\s"',;<>]+/gi
const webhookKey = /\bwhs(?:ec|k|pk)_[A-Za-z0-9+/=_-]+/g
/** The beginning of a signed token (RFC 7519) whose rest is not read. Whole ones are masked by `masked`. */
const tokenAtEnd = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}$/
/** Cookies, of a request or an answer, by their header. */
const cookies = /(cookie\d?["'\\]{0,4}\s{0,4}[:=]\s{0,4}["'\\]{0,4})[^"'\\<>]+/gi
/**
 * The value behind a name that is one of a secret's, in JSON, in JSON in a text, in a form or in a header. What begins with a quotation
 * mark ends with one.
 */
const secretName =
  "(?:secret|token|passw(?:or)?d|api[-_]?key|private[-_]?key|credential|authorization|session)[\\w-]{0,32}"
const secretValue = new RegExp(
  `(${secretName}["'\\\\]{0,4}\\s{0,4}[:=]\\s{0,4})(?:([\\\\]{0,2}["'])[^"'\\\\]*|[^\\s"',;&<>\\\\]+)`,
  "gi",
)

const decoder = new TextDecoder()

/**
 * The text of at most {@link ANSWER_READ_BYTES_MAX} bytes from the begin of an answer, read as UTF-8: at most
 * {@link ANSWER_SHOWN_BYTES_MAX} bytes of it, control characters as spaces, nothing invisible, and what looks like an account number, a
 * token or a secret masked. `undefined` if nothing is left.
 */
export const answerText = (beginning: Uint8Array | undefined): string | undefined => {
  if (beginning === undefined || beginning.length === 0) return undefined
  const isWhole = beginning.length < ANSWER_READ_BYTES_MAX
  const text = visibleText(decoder.decode(beginning.subarray(0, ANSWER_READ_BYTES_MAX))).replace(
    /\p{Zs}/gu,
    " ",
  )
  const withoutSecrets = text
    .replace(credential, MASK)
    .replace(webhookKey, MASK)
    .replace(cookies, `$1${MASK}`)
    .replace(secretValue, `$1$2${MASK}`)
    .replace(tokenAtEnd, (token) => (isWhole ? token : MASK))
  const clean = masked(withoutSecrets).replace(groupedNumber, MASK).replace(restOfNumber, MASK)
  const sure = isWhole ? clean : clean.slice(0, -UNSURE_LENGTH)
  const shown = beginningOf(sure).trim()
  return shown === "" ? undefined : shown
}

/** As many whole characters as there is room for. */
const beginningOf = (text: string): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= ANSWER_SHOWN_BYTES_MAX) return text
  let end = ANSWER_SHOWN_BYTES_MAX
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end).toString()
}
