import fc from "fast-check"
import { countrySpecs, isValidIBAN, ValidationErrorsIBAN, validateIBAN } from "ibantools"
import { describe, expect, it } from "vitest"
import { ibanCountries, ibanProblem } from "../../src/domain/iban.ts"

/** A few patterns in ibantools lack an anchor. */
const anchored = (pattern: string): RegExp => new RegExp(`^${pattern.replace(/^\^|\$$/g, "")}$`)

/** ibantools also knows countries that are not in the SWIFT registry, where banks only agreed on a form. */
const inRegistry = Object.entries(countrySpecs).flatMap(([country, { IBANRegistry, bban_regexp }]) =>
  IBANRegistry && bban_regexp ? [{ country, structure: anchored(bban_regexp) }] : [],
)

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

const registryVerdict = (iban: string): boolean => countries.has(iban.slice(0, 2)) && theirVerdict(iban)

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
      { numRuns: 2_000, seed: 4217 },
    )
    expect(seen).toBeGreaterThan(0)
  })

  it("of the right structure and check digits is valid here and in ibantools", () => {
    fc.assert(
      fc.property(ibans, (iban) => {
        expect(ibanProblem(iban)).toBeUndefined()
        expect(theirVerdict(iban)).toBe(true)
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
