/**
 * The text of an API key: `ap_` (a partner's) or `apo_` (an operator's), the id of the key, `_`, 256 random bits and a CRC-32 of
 * all before it. The prefix lets scanners of source code recognise a key that leaked. The checksum refuses a typing error without
 * a look-up; it proves nothing. Operators' keys of earlier releases begin with `ap_`, too.
 */
import { randomBytes, randomInt } from "node:crypto"
import { crc32 } from "node:zlib"

/** Digits of base 62, so that a double click selects the whole key. */
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const BASE = 62n

/** Without digits, so that no log takes an id for an account number. */
const ID_LETTERS = "abcdefghijklmnopqrstuvwxyz"
const ID_LENGTH = 16
const SECRET_BYTES = 32
/** 62^43 is more than 2^256, and 62^6 more than 2^32. */
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6

const form = new RegExp(
  `^(apo?_([a-z]{${ID_LENGTH}})_[0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
)

/** A key as its holder has it, and the id under which it is stored. The id is no secret. */
export interface ApiKeyText {
  readonly id: string
  readonly text: string
}

/** A new key for a partner or an operator, from the random numbers of the system. */
export const newApiKey = (of: "partner" | "operator" = "partner"): ApiKeyText => {
  const id = Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join("")
  const secret = inBase62(BigInt(`0x${randomBytes(SECRET_BYTES).toString("hex")}`), SECRET_LENGTH)
  const body = `${of === "operator" ? "apo" : "ap"}_${id}_${secret}`
  return { id, text: `${body}${checksumOf(body)}` }
}

/** The id in a key, or `undefined` for a text that cannot be a key of ours: another form, or a wrong checksum. */
export const idInApiKey = (text: string): string | undefined => {
  const [, body = "", id, checksum] = form.exec(text) ?? []
  return id !== undefined && checksum === checksumOf(body) ? id : undefined
}

const isId = new RegExp(`^[a-z]{${ID_LENGTH}}$`)

/** Whether a text can be the id of a key. */
export const isApiKeyId = (text: string): boolean => isId.test(text)

const checksumOf = (body: string): string => inBase62(BigInt(crc32(body)), CHECKSUM_LENGTH)

const inBase62 = (number: bigint, length: number): string => {
  let digits = ""
  for (let left = number; digits.length < length; left /= BASE) digits = DIGITS[Number(left % BASE)] + digits
  return digits
}
