/** The reason that a provider gives in an answer: a code where one was agreed, and in practice whatever it writes there. */
import { UNSPECIFIED } from "./failure-codes.ts"
import { withoutWalletIds } from "./masking.ts"
import { cleanTextWithin, type OutsideText } from "./outside-text.ts"

/** Code points of a text that stands in place of a code. */
const DETAIL_LENGTH_MAX = 200

/** Enough digits for an account number, whatever stands between them. It reads a text of any length once. */
const telling = /^(?:[^0-9]*[0-9]){8}/

/** Codes are logged and published. */
const plainCode = /^[\w.-]{1,64}$/

/** Whether a text is a code, and can be neither an account number nor the id of a wallet. */
export const isPlainCode = (text: string): boolean =>
  plainCode.test(text) && !telling.test(text) && withoutWalletIds(text) === text

/** Enough of a text to find the end of a wallet's name in it that begins within the detail. */
const READ_LENGTH_MAX = DETAIL_LENGTH_MAX + 256

/**
 * A text in place of a code, cleaned, with the names of wallets masked; `undefined` if nothing is left of it, or if its digits may be
 * those of an account.
 */
export const wordsInPlaceOfCode = (text: string): OutsideText | undefined => {
  const words = cleanTextWithin(withoutWalletIds(text.slice(0, READ_LENGTH_MAX)), DETAIL_LENGTH_MAX)
  return words === "" || telling.test(text) ? undefined : words
}

/**
 * The code in an answer; `unspecified`, which a person decides, for a text that is none, and then the cleaned text as `detail`.
 * The answer counts all the same: its status says what it is, and the spelling of a reason is no reason to distrust it.
 */
export const codedReason = (text: string): { readonly code: string; readonly detail?: OutsideText } => {
  const code = text.trim()
  if (isPlainCode(code)) return { code }
  const detail = wordsInPlaceOfCode(text)
  return { code: UNSPECIFIED, ...(detail === undefined ? {} : { detail }) }
}
