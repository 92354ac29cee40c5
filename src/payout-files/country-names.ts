/** Countries by their names in English, for files that write those. Source: Unicode CLDR, as the runtime has it. */
import { countryCodes } from "../domain/countries.ts"

/** Names that people write, beside those of CLDR. */
const others: Readonly<Record<string, string>> = {
  "united states of america": "US",
  "great britain": "GB",
  "czech republic": "CZ",
  turkey: "TR",
  "hong kong": "HK",
  macau: "MO",
}

const inEnglish = new Intl.DisplayNames("en", { type: "region" })

const byName: ReadonlyMap<string, string> = new Map([
  ...[...countryCodes].map((code) => [(inEnglish.of(code) ?? code).toLowerCase(), code] as const),
  ...Object.entries(others),
])

/** The ISO 3166-1 code of a country by its English name, or the same text if it is no such name: then it is checked as a code. */
export const countryCodeOf = (name: string): string => byName.get(name.trim().toLowerCase()) ?? name
