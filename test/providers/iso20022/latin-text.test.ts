import { Result } from "effect"
import { expect, it } from "vitest"
import { latinText } from "../../../src/providers/iso20022/latin-text.ts"

it.each([
  ["Ada Lovelace", "Ada Lovelace"],
  ["Jürgen Groß", "Jurgen Gross"],
  ["Łukasz Ñandú-Ørsted", "Lukasz Nandu-Orsted"],
  ["O’Neill & Sons; [Cork]", "O'Neill + Sons, (Cork)"],
  ["Đặng Þór Æsir", "Dang THor AEsir"],
])("spells %s as %s", (text, spelled) => {
  expect(latinText(text, 70)).toEqual(Result.succeed(spelled))
})

it.each([
  ["Ελένη", "has characters that payment files do not have"],
  ["50 % off", "has characters that payment files do not have"],
  ["a\nb", "has characters that payment files do not have"],
  ["\u0301accent on nothing", "has characters that payment files do not have"],
  ["x".repeat(71), "is longer than 70 characters"],
])("refuses %j", (text, why) => {
  expect(latinText(text, 70)).toEqual(Result.fail(why))
})
