/** Masks what looks like an account number, a key or a password in a text: in the log, in log lines and on terminals. */

export const MASK = "[redacted]"

/** An IBAN, with or without spaces. References of our transfers (`PB7QF…-42-1`) do not match. */
const ibanLike = /\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b(?!-[0-9])/gi
const longNumber = /[0-9]{8,}/g
/** An API key of ours, after its id. A part of one is masked as well. */
const apiKey = /(?<=apo?_[a-z]{16}_)[0-9A-Za-z]+/g
/** A signed token (RFC 7519): its first part is JSON in base64url, which begins with `{"`. */
const token = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g
/** User and password of a URL, up to the last @ before the path. */
const urlCredentials = /(?<=[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]+(?=@)/gi

/** The text with credentials in URLs masked: for people at a terminal. */
export const withoutCredentials = (text: string): string => text.replace(urlCredentials, MASK)

/** An e-mail address. What stands before an @ in a URL with credentials looks like one, too. */
const emailLike = /[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+/g
/** A telephone number with its country, whatever people put between its digits. */
const phoneLike = /\+(?:[\s.()/-]{0,3}[0-9]){8,15}/g
/** The id of a PayPal account: letters and digits together, none of which can be mistaken for another. */
const payPalIdLike = /\b(?=[A-Z]*[2-9])(?=[2-9]*[A-Z])[2-9A-HJ-NP-Z]{13}\b/g

/**
 * The text with e-mail addresses and telephone numbers masked: for what providers write, and for log lines. People are called by their
 * e-mail addresses where they decide, so {@link masked} leaves these.
 */
export const withoutWallets = (text: string): string =>
  (text.includes("@") ? text.replace(emailLike, MASK) : text).replace(phoneLike, MASK)

/** The same with ids of PayPal accounts masked as well: where no id of a payout is expected, which PayPal writes in the same way. */
export const withoutWalletIds = (text: string): string => withoutWallets(text).replace(payPalIdLike, MASK)

/** The text with credentials in URLs, API keys, tokens, IBANs, and runs of eight digits or more masked. */
export const masked = (text: string): string =>
  withoutCredentials(text)
    .replace(apiKey, MASK)
    .replace(token, MASK)
    .replace(ibanLike, MASK)
    .replace(longNumber, MASK)
