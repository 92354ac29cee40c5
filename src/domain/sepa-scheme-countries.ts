/**
 * Where SEPA payments go: the countries and territories of the SEPA schemes by the prefixes of their IBANs.
 *
 * Source: European Payments Council, EPC409-09, "EPC List of SEPA Scheme Countries", version 8.0 of 2025-12-24:
 * 41 countries under 42 prefixes of IBANs, as Gibraltar has one of its own. Territories bank under the prefix of their country (France,
 * Finland, the United Kingdom); their own codes are here too, because the registry of IBANs names them. Not in SEPA, though a member
 * state is: Greenland and the Faroe Islands (GL, FO), New Caledonia, French Polynesia, Wallis and Futuna, and the French
 * Southern Territories (NC, PF, WF, TF).
 *
 * Banks of those territories of France issue IBANs that begin with FR. The list has the codes of countries in BICs for this: an
 * IBAN is of a territory outside SEPA if the BIC beside it is. Without a BIC nobody can see it.
 */

/** The version of the list that this file follows. */
export const SEPA_LIST = {
  document: "EPC409-09",
  version: "8.0",
  issuedOn: "2025-12-24",
  /** When somebody last looked whether there is a newer one. */
  checkedOn: "2026-11-27",
} as const

/** Members since before 2025. */
const members = `
  AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM VA`

/** Their territories: Finland's, France's, and those that bank as the United Kingdom does. */
const territories = "AX BL GF GP MF MQ PM RE YT GG IM JE"

/** Members that joined later, with the first day on which their banks may take part in the schemes. */
const joined: Readonly<Record<string, string>> = {
  AL: "2025-10-05",
  MD: "2025-10-05",
  ME: "2025-10-05",
  MK: "2025-10-05",
  RS: "2026-05-05",
}

/** From when on a prefix is in SEPA, in epoch milliseconds; days begin at midnight UTC. */
const sepaSince: ReadonlyMap<string, number> = new Map([
  ...`${members} ${territories}`
    .trim()
    .split(/\s+/)
    .map((prefix) => [prefix, Number.NEGATIVE_INFINITY] as const),
  ...Object.entries(joined).map(([prefix, day]) => [prefix, Date.parse(`${day}T00:00:00Z`)] as const),
])

/** Whether IBANs with these first two letters are reached by SEPA payments at a time (epoch milliseconds). */
export const isInSepa = (prefix: string, at: number): boolean =>
  at >= (sepaSince.get(prefix) ?? Number.POSITIVE_INFINITY)

/** When IBANs with these first two letters came, or come, to be in SEPA; nothing where they always or never are. */
export const joinsSepaAt = (prefix: string): number | undefined => {
  const since = sepaSince.get(prefix)
  return since === undefined || since === Number.NEGATIVE_INFINITY ? undefined : since
}

/** Whether a country or territory (ISO 3166-1 alpha-2) is outside SEPA, and is not known to join it. */
export const isOutsideSepa = (country: string): boolean => !sepaSince.has(country)

/** The prefixes that are in SEPA at a time (epoch milliseconds), in alphabetical order. */
export const sepaPrefixes = (at: number): ReadonlyArray<string> =>
  [...sepaSince.keys()].filter((prefix) => isInSepa(prefix, at)).sort()
