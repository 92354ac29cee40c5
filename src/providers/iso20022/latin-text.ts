/**
 * Text for payment files: the Latin characters that every bank accepts (EPC217-08, and SWIFT's character set x). Other
 * characters are respelled if there is a usual spelling. Otherwise the text is refused, because a name with a letter left
 * out is another name.
 */
import { Result } from "effect"

const accepted = /^[A-Za-z0-9/?:().,'+ -]*$/

/** Usual spellings of characters that Unicode does not decompose into a Latin letter and its marks. */
const spellings: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  Æ: "AE",
  œ: "oe",
  Œ: "OE",
  ø: "o",
  Ø: "O",
  đ: "d",
  Đ: "D",
  ð: "d",
  Ð: "D",
  þ: "th",
  Þ: "TH",
  ł: "l",
  Ł: "L",
  ı: "i",
  "’": "'",
  "‘": "'",
  "`": "'",
  "´": "'",
  "–": "-",
  "—": "-",
  _: "-",
  "&": "+",
  ";": ",",
  "[": "(",
  "]": ")",
  "{": "(",
  "}": ")",
  "\\": "/",
  "|": "/",
  "\u00a0": " ",
}

const respelled = new RegExp(
  `[${Object.keys(spellings)
    .map((character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .join("")}]`,
  "gu",
)

/** The text as it is written, at most `lengthMax` characters long; or the reason why it cannot be written. */
export const latinText = (text: string, lengthMax: number): Result.Result<string, string> => {
  const latin = text
    .replace(respelled, (character) => spellings[character] ?? "")
    .normalize("NFD")
    .replace(/(?<=[A-Za-z])\p{Mn}+/gu, "")
  if (!accepted.test(latin)) return Result.fail("has characters that payment files do not have")
  return latin.length > lengthMax
    ? Result.fail(`is longer than ${lengthMax} characters`)
    : Result.succeed(latin)
}
