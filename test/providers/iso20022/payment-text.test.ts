/** Respelling by EPC217-08 and its conversion table, version 1.1, and the sets of SEPA and CBPR+. */
import { readFileSync } from "node:fs"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { characterSets, isIdentifier, spelled } from "../../../src/providers/iso20022/payment-text.ts"
import { spellings } from "../../../src/providers/iso20022/spellings.ts"
import { fc } from "../../property.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"

describe("in the Latin set of SEPA", () => {
  it.each([
    ["Ada Lovelace", "Ada Lovelace"],
    ["Jürgen Groß", "Jurgen Gross"],
    ["Łukasz Ñandú-Ørsted", "Lukasz Nandu-Orsted"],
    ["O’Neill & Sons; [Cork]", "O'Neill + Sons, (Cork)"],
    ["Đặng Þór Æsir", "Dang THor AEsir"],
    ["Ελένη Παπαδοπούλου", "Eleni Papadopoyloy"],
    ["ΘΕΟΔΩΡΑ ΨΥΧΗ", "THEODORA PSYCHI"],
    ["Ἀθῆναι ΐ", "Athinai i"],
    ["Иван Щърбев, Юлия", "Ivan SHTarbev, YUliya"],
    ["Ђорђе Његош", "DJordje NJegosh"],
    ["Київ, вул. Ґалаґана", "Kiiv, vul. Galagana"],
    ["İstanbul ışık ğ ş", "Istanbul isik g s"],
    ["Ħal Ŧ ŋ Ə ŀ", "Hal T n E l"],
    ["ﬁnance ﬀ Ĳssel ĳ", "finance ff IJssel ij"],
    ["Ｗｉｄｅ １２", "Wide 12"],
    ["paid in €", "paid in E"],
    ['ok “quoted” „tief“ «oui» "so"', "ok 'quoted' 'tief' 'oui' 'so'"],
    ["Miete – März — 2026 … a−b", "Miete - Marz - 2026 ... a-b"],
    ["Invoice #4711 @ 50% off*!", "Invoice .4711 . 50. off.."],
    ["a=b <c> $1 ^ ~ ` ´ _", "a.b .c. .1 . - ' ' -"],
    ["{x} \\ | ¿?", "(x) / / ??"],
    ["№ 7 ™ ½ m² 5°", "No 7 TM . m. 5."],
    ["a\u00a0b\u2009c", "a b c"],
    ["e\u0301 x\u030c", "e x"],
    ["A\u200dda\u200c Lovelace", "Ada Lovelace"],
  ])("%s is %s", (text, latin) => {
    expect(spelled(text, "latin")).toEqual(Result.succeed(latin))
  })

  it.each([
    ["中文", "中"],
    ["Ada 🍕", "🍕"],
    ["שלום", "ש"],
    ["محمد", "م"],
    ["a\nb", "\n"],
    ["\u0301accent on nothing", "\u0301"],
    ["a → b", "→"],
    ["한국", "한"],
    ["\u200d", "\u200d"],
  ])("%j has no spelling, because of %j", (text, character) => {
    expect(spelled(text, "latin")).toEqual(Result.fail(character))
  })
})

describe("in the extended set of CBPR+", () => {
  it.each([
    ["Invoice #4711 @ 50% off*!", "Invoice #4711 @ 50% off*!"],
    ['O’Neill & Sons; [Cork] {x} \\ | ~ ^ _ = < > " `', "O'Neill & Sons; [Cork] {x} \\ | ~ ^ _ = < > \" `"],
    ["paid in € – Größe", "paid in E - Grosse"],
  ])("%s is %s", (text, extended) => {
    expect(spelled(text, "extended")).toEqual(Result.succeed(extended))
  })
})

describe("in the set of", () => {
  it.each([
    ["german", "Zoë Müller & Söhne, 50 % * $ Straße #7 – €", "Zoe Müller & Söhne, 50 % * $ Straße .7 - E"],
    ["iso-8859-1", "Åse Bjørn Łuk, 50 % – €, ½ «æ»", "Åse Bjørn Luk, 50 % - E, ½ «æ»"],
    ["iso-8859-1", "a\u00a0b", "a b"],
    ["swiss", "Zoë Łuk Șerban Öz € – ½ Ελένη", "Zoë Łuk Șerban Öz € - ½ Eleni"],
    ["swiss", "e\u0301 a\u0308", "é ä"],
    ["swiss", "ä\u0331", "ä"],
    ["ascii", "Zoë & <Co> ~ €", "Zoe & <Co> ~ E"],
  ] as const)("%s: %s is %s", (set, text, spelling) => {
    expect(spelled(text, set)).toEqual(Result.succeed(spelling))
  })

  it.each(characterSets)("%s: no control, no soft hyphen, no CJK", (set) => {
    for (const character of ["\u0085", "\u00ad", "中"])
      expect(spelled(`a${character}`, set)).toEqual(Result.fail(character))
  })
})

describe.skipIf(!isPublishedDataThere)("the published remittances", () => {
  it("are spelled so", () => {
    const { items } = JSON.parse(
      readFileSync(publishedFile("../cases/json/r1-remittances-refused-RR10.json"), "utf8"),
    )
    const spellingsOf = (set: "latin" | "extended") =>
      items.map(({ remittance }: { readonly remittance: string }) =>
        Result.getOrThrow(spelled(remittance, set)),
      )
    expect(spellingsOf("latin")).toEqual([
      "Invoice .4711",
      "Order 12 . shop",
      "50. deposit",
      "paid in E",
      "a.b",
      "hi.",
      "ok 'quoted'",
      "x.1",
    ])
    expect(spellingsOf("extended")).toEqual([
      "Invoice #4711",
      "Order 12 @ shop",
      "50% deposit",
      "paid in E",
      "a*b",
      "hi!",
      "ok 'quoted'",
      "x=1",
    ])
  })
})

it("has one character for each spelling, and only Latin ones in it", () => {
  for (const [character, spelling] of spellings) {
    expect([...character], character).toHaveLength(1)
    expect(spelling, character).toMatch(/^[A-Za-z0-9/?:().,'+-]{1,3}$/)
  }
  expect(spellings.size).toBeGreaterThan(250)
})

it("writes nothing but the characters of the set, and what is in it unchanged", () => {
  const latin = /^[A-Za-z0-9/?:().,'+ -]*$/
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
      for (const set of characterSets) {
        const outcome = spelled(text, set)
        if (Result.isFailure(outcome)) {
          expect(text.normalize("NFC")).toContain(outcome.failure)
          continue
        }
        expect(spelled(outcome.success, set)).toEqual(outcome)
        // What has a spelling in one set has one in every other: a bank may change its set while orders wait.
        expect(Result.isSuccess(spelled(outcome.success, "latin"))).toBe(true)
        if (set === "latin") expect(outcome.success).toMatch(latin)
        if (latin.test(text)) expect(outcome.success).toBe(text)
      }
    }),
  )
})

it("spells a character the same at any time, whatever was spelled before it", () => {
  const all = Array.from({ length: 0x3000 - 0xa0 }, (_, index) => String.fromCodePoint(0xa0 + index))
  const spelledAll = (order: ReadonlyArray<string>) =>
    new Map(order.map((character) => [character, JSON.stringify(spelled(`${character}x`, "latin"))]))
  const first = spelledAll(all)
  expect(spelledAll(all.toReversed())).toEqual(new Map([...first].toReversed()))
  // A mark is part of the letter before it, and of nothing else.
  expect(spelled("x\u0301", "latin")).toEqual(Result.succeed("x"))
  expect(spelled("1\u0301", "latin")).toEqual(Result.fail("\u0301"))
  expect(spelled("x\u0301", "latin")).toEqual(Result.succeed("x"))
})

it("spells every letter of the official languages of SEPA's countries", () => {
  const alphabets =
    "ÀÁÂÃÄÅĀĂĄÆÇĆČĊĎÐĐÈÉÊËĒĖĘĚĞĢĠĦÌÍÎÏĪĮİIıĶĹĽĻŁÑŃŇŅŊÒÓÔÕÖŐØŒŔŘŚŠŞȘŤŢȚŦÙÚÛÜŪŮŰŲŴÝŶŸŹŽŻÞẞ" +
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏΪΫ" +
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЬЮЯЂЈЉЊЋЏЃЅЌ"
  const small = alphabets.replace("İ", "").toLowerCase()
  for (const letter of [...alphabets, ...small, "ς", "ΐ", "ΰ"]) {
    const outcome = spelled(letter, "latin")
    expect(Result.isSuccess(outcome) && /^[A-Za-z]{1,3}$/.test(outcome.success), letter).toBe(true)
  }
})

it.each([
  ["EUR-sepa-2026-11-26-1", true],
  ["A/B", true],
  ["/A", false],
  ["A/", false],
  ["A//B", false],
  ["A B", true],
  [" ", false],
  ["   ", false],
  [" A", false],
  ["A ", false],
  ["A_B", false],
  ["", false],
  ["x".repeat(36), false],
])("%s is an identifier: %s", (text, is) => {
  expect(isIdentifier(text)).toBe(is)
})
