/** SEPA by the list of scheme countries that the European Payments Council publishes (EPC409-09). */
import { describe, expect, it } from "vitest"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { ibanCountries } from "../../src/domain/iban.ts"
import { schemeOf } from "../../src/domain/scheme.ts"
import { isInSepa, SEPA_LIST, sepaPrefixes } from "../../src/domain/sepa-scheme-countries.ts"

const at = (day: string) => Date.parse(`${day}T00:00:00Z`)
const schemeIn = (country: string, day: string) => schemeOf({ scheme: "iban", country }, "EUR", at(day))
const territories = "AX BL GF GP MF MQ PM RE YT GG IM JE".split(" ")

describe("the list of SEPA scheme countries", () => {
  it("has the 42 prefixes of version 8.0, and the territories beside them", () => {
    const prefixes = sepaPrefixes(at("2026-11-27"))
    expect(prefixes.filter((prefix) => !territories.includes(prefix))).toHaveLength(42)
    expect(prefixes).toEqual(expect.arrayContaining(territories))
  })

  it("was compared with the published one within a year", () => {
    const ageDays = (Date.now() - Date.parse(SEPA_LIST.checkedOn)) / 86_400_000
    expect(ageDays, "look for a newer EPC409-09, and set checkedOn").toBeLessThan(366)
  })
})

it.each("DE FR GB GI CH LI NO IS MC SM VA AD GP RE YT PM BL MF AX GG JE IM".split(" "))(
  "euros to %s go by SEPA",
  (country) => expect(schemeIn(country, "2026-11-27")).toBe("sepa"),
)

it.each("TR SA BR XK IL UA BA GL FO NC PF WF TF AE KZ".split(" "))(
  "euros to %s go across borders",
  (country) => {
    expect(ibanCountries).toContain(country)
    expect(schemeIn(country, "2026-11-27")).toBe("cross-border")
  },
)

it.each([
  ["AL", "2025-10-05"],
  ["ME", "2025-10-05"],
  ["MD", "2025-10-05"],
  ["MK", "2025-10-05"],
  ["RS", "2026-05-05"],
])("euros to %s go by SEPA from %s on", (country, day) => {
  expect(isInSepa(country, at(day) - 1)).toBe(false)
  expect(schemeOf({ scheme: "iban", country }, "EUR", at(day) - 1)).toBe("cross-border")
  expect(schemeIn(country, day)).toBe("sepa")
})

describe("euros to an IBAN of a country with territories", () => {
  const french = "FR1420041010050500013M02606"
  const british = "GB29NWBK60161331926819"
  const schemeWith = (iban: string, bic?: string) => {
    const account = visibleOf({ scheme: "iban", iban, ...(bic === undefined ? {} : { bic }) })
    return [schemeOf(account, "EUR", at("2026-11-27")), account.country]
  }

  it.each(["NC", "PF", "WF", "TF"])(
    "go across borders if the bank is in %s, and are seen as such",
    (territory) => {
      expect(schemeWith(french, `BCIX${territory}NN`)).toEqual(["cross-border", territory])
      expect(schemeWith(french, `BCIX${territory}NNXXX`)).toEqual(["cross-border", territory])
    },
  )

  it.each("FR GP MQ GF RE YT PM BL MF MC".split(" "))("go by SEPA if the bank is in %s", (territory) => {
    expect(schemeWith(french, `BCIX${territory}NN`)).toEqual(["sepa", "FR"])
  })

  it.each("GB GG JE IM".split(" "))("go by SEPA if the bank of a British one is in %s", (territory) => {
    expect(schemeWith(british, `NWBK${territory}NN`)).toEqual(["sepa", "GB"])
  })

  it("go by SEPA without a BIC", () => {
    expect(schemeWith(french)).toEqual(["sepa", "FR"])
    expect(schemeWith(british)).toEqual(["sepa", "GB"])
  })
})
