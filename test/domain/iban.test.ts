import { countrySpecs, isValidIBAN, ValidationErrorsIBAN, validateIBAN } from "ibantools"
import { describe, expect, it } from "vitest"
import { ibanCountries, ibanProblem } from "../../src/domain/iban.ts"
import { fc, ofAllExamples } from "../property.ts"

/** A few patterns in ibantools lack an anchor. */
const anchored = (pattern: string): RegExp => new RegExp(`^${pattern.replace(/^\^|\$$/g, "")}$`)

/** Where ibantools has another structure than the SWIFT registry (release 99), or none. */
const corrections: Readonly<Record<string, RegExp>> = {
  BI: /^[0-9]{23}$/,
  BL: /^[0-9]{10}[A-Z0-9]{11}[0-9]{2}$/,
  BY: /^[A-Z0-9]{4}[0-9]{4}[A-Z0-9]{16}$/,
  DJ: /^[0-9]{23}$/,
  DO: /^[A-Z0-9]{4}[0-9]{20}$/,
  FK: /^[A-Z]{2}[0-9]{12}$/,
  GE: /^[A-Z]{2}[0-9]{16}$/,
  HN: /^[A-Z]{4}[0-9]{20}$/,
  IE: /^[A-Z]{4}[0-9]{14}$/,
  PK: /^[A-Z]{4}[A-Z0-9]{16}$/,
  PS: /^[A-Z]{4}[A-Z0-9]{21}$/,
  TR: /^[0-9]{6}[A-Z0-9]{16}$/,
  VG: /^[A-Z]{4}[0-9]{16}$/,
}

/** ibantools also knows countries that are not in the SWIFT registry, where banks only agreed on a form. */
const inRegistry = [
  ...Object.entries(countrySpecs).flatMap(([country, { IBANRegistry, bban_regexp }]) =>
    IBANRegistry && bban_regexp && corrections[country] === undefined
      ? [{ country, structure: anchored(bban_regexp) }]
      : [],
  ),
  ...Object.entries(corrections).map(([country, structure]) => ({ country, structure })),
]

/** The remainder modulo 97 of a number of any length: independent of the code under test, which never builds one. */
const checkDigits = (country: string, bban: string): string => {
  const number = [...`${bban}${country}00`].map((character) => Number.parseInt(character, 36)).join("")
  return String(98n - (BigInt(number) % 97n)).padStart(2, "0")
}

/** Valid IBANs of all countries of the registry, with check digits of our own making. */
const ibans = fc.oneof(
  ...inRegistry.map(({ country, structure }) =>
    fc.stringMatching(structure).map((bban) => `${country}${checkDigits(country, bban)}${bban}`),
  ),
)

/** What ibantools says, national check digits aside: those are not in the registry, and the bank's business. */
const theirVerdict = (iban: string): boolean =>
  validateIBAN(iban).errorCodes.every((code) => code === ValidationErrorsIBAN.WrongAccountBankBranchChecksum)

const countries = new Set(inRegistry.map(({ country }) => country))

const registryVerdict = (iban: string): boolean => {
  const [country, check, bban] = [iban.slice(0, 2), iban.slice(2, 4), iban.slice(4)]
  const correction = corrections[country]
  if (correction === undefined) return countries.has(country) && theirVerdict(iban)
  return correction.test(bban) && check === checkDigits(country, bban)
}

describe("an IBAN", () => {
  it("is known for exactly the countries of the SWIFT registry", () => {
    expect([...ibanCountries].sort()).toEqual(inRegistry.map(({ country }) => country).sort())
  })

  it.each([
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "FR1420041010050500013M02606",
    "BR1800360305000010009795493C1",
    "SC18SSCB11010000000000001497USD",
    "LC55HEMM000100010012001200023015",
    "XK051212012345678906",
    "RU0304452522540817810538091310419",
  ])("such as %s, which the registry prints, is valid", (iban) => {
    expect(ibanProblem(iban)).toBeUndefined()
    expect(isValidIBAN(iban)).toBe(true)
  })

  it.each([
    "BI4210000100010000332045181",
    "DJ2100010000000154000100186",
    "FK88SC123456789012",
    "HN88CABF00000000000250005469",
    "PK36SCBL0000001123456702",
    "PS92PALS000000000400123456702",
    "DO28BAGR00000001212453611324",
    "BY13NBRB3600900000002Z00AB00",
    "IE64IRCE92050112345678",
    "VG96VPVG0000012345678901",
    "GE29NB0000000101904917",
    "TR330006100519786457841326",
  ])("such as %s, of a country of which packages differ, is valid", (iban) => {
    expect(ibanProblem(iban)).toBeUndefined()
  })

  it.each([
    ["PK", "SCBLAB00001123456702", "letters in the account"],
    ["PS", "PALS00000000040012345670A", "letters in the account"],
    ["DO", "12GR00000001212453611324", "digits in the code of the bank"],
    ["BY", "12RB3600900000002Z00AB00", "digits in the code of the bank"],
  ])("from %s may have what the registry says: %s, %s", (country, bban) => {
    expect(ibanProblem(country + checkDigits(country, bban) + bban)).toBeUndefined()
  })

  it.each([
    ["IE", "12AI93115212345678"],
    ["VG", "1PVG0000012345678901"],
    ["GE", "1B0000000101904917"],
  ])("from %s has letters where the registry wants them: %s", (country, bban) => {
    expect(ibanProblem(country + checkDigits(country, bban) + bban)).toBe(
      `not the structure of an IBAN from ${country}`,
    )
  })

  it.each([
    ["US89370400440532013000", "the first two letters are not a country that issues IBANs"],
    ["de89370400440532013000", "the first two letters are not a country that issues IBANs"],
    ["", "the first two letters are not a country that issues IBANs"],
    ["DEAB370400440532013000", "characters 3 and 4 must be check digits"],
    ["DE", "characters 3 and 4 must be check digits"],
    ["DE8937040044053201300", "not the structure of an IBAN from DE"],
    ["DE893704004405320130000", "not the structure of an IBAN from DE"],
    ["DE89 3704 0044 0532 0130 00", "not the structure of an IBAN from DE"],
    ["DE8937040044053201300A", "not the structure of an IBAN from DE"],
    ["DE89370400440532013000\n", "not the structure of an IBAN from DE"],
    ["GB82west12345698765432", "not the structure of an IBAN from GB"],
    ["DE88370400440532013000", "the check digits do not match"],
    ["DE89370400440532013001", "the check digits do not match"],
  ])("%j is refused: %s", (iban, problem) => {
    expect(ibanProblem(iban)).toBe(problem)
  })

  it("with check digits 00, 01 or 99 is refused, although the remainder is 1", () => {
    const spellings = (iban: string) => {
      const check = Number(iban.slice(2, 4))
      return [check - 97, check + 97]
        .filter((other) => other >= 0 && other <= 99)
        .map((other) => `${iban.slice(0, 2)}${String(other).padStart(2, "0")}${iban.slice(4)}`)
    }
    let seen = 0
    fc.assert(
      fc.property(ibans, (iban) => {
        for (const spelling of spellings(iban)) {
          seen += 1
          expect(ibanProblem(spelling)).toBe("the check digits do not match")
        }
      }),
      { numRuns: 2_000 },
    )
    expect(seen, ofAllExamples("spellings")).toBeGreaterThan(0)
  })

  it("of the right structure and check digits is valid here, and by the registry", () => {
    fc.assert(
      fc.property(ibans, (iban) => {
        expect(ibanProblem(iban)).toBeUndefined()
        expect(registryVerdict(iban)).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  it("with one character changed, or two neighbours swapped, is judged as ibantools judges it", () => {
    const place = fc.nat({ max: 33 })
    const character = fc.constantFrom(..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    fc.assert(
      fc.property(ibans, place, character, fc.boolean(), (iban, at, replacement, swap) => {
        const index = at % iban.length
        const mutated = swap
          ? iban.slice(0, index) +
            iban
              .slice(index, index + 2)
              .split("")
              .reverse()
              .join("") +
            iban.slice(index + 2)
          : iban.slice(0, index) + replacement + iban.slice(index + 1)
        expect([mutated, ibanProblem(mutated) === undefined]).toEqual([mutated, registryVerdict(mutated)])
      }),
      { numRuns: 5_000 },
    )
  })

  it("with one digit changed is never valid", () => {
    fc.assert(
      fc.property(ibans, fc.nat(), fc.integer({ min: 1, max: 9 }), (iban, nth, step) => {
        const digits = [...iban].flatMap((character, index) => (/[0-9]/.test(character) ? [index] : []))
        const index = digits[nth % digits.length] ?? 0
        const changed = (Number(iban[index]) + step) % 10
        expect(ibanProblem(iban.slice(0, index) + changed + iban.slice(index + 1))).toBeDefined()
      }),
      { numRuns: 3_000 },
    )
  })
})
