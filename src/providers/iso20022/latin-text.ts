/**
 * Text for payment files: the Latin characters that every bank takes (EPC217-08, and SWIFT's character set x). What has
 * a usual spelling in them is respelled; text that has none is refused, as a name with a letter missing is another name.
 */
import { Result } from "effect"

const accepted = /^[A-Za-z0-9/?:().,'+ -]*$/

/** Usual spellings of what Unicode does not take apart into a Latin letter and its marks. */
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

/** The text as it is written, or why it cannot be: it is at most `lengthMax` characters long when it is written. */
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
