/** SEPA by the list of scheme countries that the European Payments Council publishes (EPC409-09). */
import { describe, expect, it } from "vitest"
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
