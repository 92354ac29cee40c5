/**
 * What follows the check digits in each country's IBAN: n digits, a upper-case letters, c either. "DE 18n" is a German IBAN:
 * DE, two check digits, eighteen digits. Source: SWIFT IBAN registry (ISO 13616-1), see {@link ibanRegistry}.
 */
const structureRows = `
  AD 8n12c; AE 19n; AL 8n16c; AT 16n; AZ 4a20c; BA 16n; BE 12n; BG 4a6n8c; BH 4a14c; BI 23n;
  BR 23n1a1c; BY 4c4n16c; CH 5n12c; CR 18n; CY 8n16c; CZ 20n; DE 18n; DJ 23n; DK 14n; DO 4c20n;
  EE 16n; EG 25n; ES 20n; FI 14n; FK 2a12n; FO 14n; FR 10n11c2n; GB 4a14n; GE 2a16n; GI 4a15c;
  GL 14n; GR 7n16c; GT 24c; HN 4a20n; HR 17n; HU 24n; IE 4a14n; IL 19n; IQ 4a15n; IS 22n;
  IT 1a10n12c; JO 4a4n18c; KW 4a22c; KZ 3n13c; LB 4n20c; LC 4a24c; LI 5n12c; LT 16n; LU 3n13c;
  LV 4a13c; LY 21n; MC 10n11c2n; MD 20c; ME 18n; MK 3n10c2n; MN 16n; MR 23n; MT 4a5n18c; MU 4a19n3a;
  NI 4a20n; NL 4a10n; NO 11n; OM 3n16c; PK 4a16c; PL 24n; PS 4a21c; PT 21n; QA 4a21c; RO 4a16c;
  RS 18n; RU 14n15c; SA 2n18c; SC 4a20n3a; SD 14n; SE 20n; SI 15n; SK 20n; SM 1a10n12c; SO 19n;
  ST 21n; SV 4a20n; TL 19n; TN 20n; TR 6n16c; UA 6n19c; VA 18n; VG 4a16n; XK 16n; YE 4a4n18c`

/** The release of the registry that the structures are from. */
export const ibanRegistry = { release: 99, published: "2024-12" } as const

/**
 * Territories that the registry names below a country, and that share its IBANs (FR, GB, FI). Their own codes in front of
 * the same structure were accepted before, and still are; banks issue the country's.
 */
export const territoriesOf = {
  FI: ["AX"],
  FR: ["BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"],
  GB: ["GG", "IM", "JE"],
} as const

const pattern = (structure: string): RegExp =>
  new RegExp(
    `^${structure.replace(/(\d+)([nac])/g, (_, length, kind) => `${characters[kind as "n" | "a" | "c"]}{${length}}`)}$`,
  )

const characters = { n: "[0-9]", a: "[A-Z]", c: "[A-Z0-9]" } as const

const structures: ReadonlyMap<string, RegExp> = new Map(
  structureRows.split(";").flatMap((row) => {
    const [country = "", structure = ""] = row.trim().split(" ")
    const others = country === "FR" || country === "FI" ? territoriesOf[country] : []
    return [country, ...others].map((code) => [code, pattern(structure)] as const)
  }),
)

/** The countries whose IBAN structure is known (ISO 3166-1 alpha-2, and XK for Kosovo). */
export const ibanCountries: ReadonlyArray<string> = [...structures.keys()]

/**
 * Says what is wrong with an IBAN in its electronic form (no spaces, upper case), or `undefined` when it is valid:
 * the country's structure, check digits within 02–98, and the remainder of ISO 7064 mod 97-10 being 1.
 */
export const ibanProblem = (iban: string): string | undefined => {
  const structure = structures.get(iban.slice(0, 2))
  if (structure === undefined) return "the first two letters are not a country that issues IBANs"
  if (!/^[0-9]{2}$/.test(iban.slice(2, 4))) return "characters 3 and 4 must be check digits"
  if (!structure.test(iban.slice(4))) return `not the structure of an IBAN from ${iban.slice(0, 2)}`
  const check = Number(iban.slice(2, 4))
  if (check < 2 || check > 98 || mod97(iban.slice(4) + iban.slice(0, 4)) !== 1)
    return "the check digits do not match"
  return undefined
}

/** ISO 7064 mod 97-10 over digits and letters (A = 10 … Z = 35), a character at a time so that it never overflows. */
const mod97 = (text: string): number => {
  let remainder = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    remainder = (code <= NINE ? remainder * 10 + code - ZERO : remainder * 100 + code - LETTER_A + 10) % 97
  }
  return remainder
}

const ZERO = "0".charCodeAt(0)
const NINE = "9".charCodeAt(0)
const LETTER_A = "A".charCodeAt(0)
