/**
 * What follows the check digits in each country's IBAN (SWIFT IBAN registry, ISO 13616-1): n digits, a upper-case
 * letters, c either. "DE 18n" is a German IBAN: DE, two check digits, eighteen digits.
 */
const registry = `
  AD 8n12c; AE 19n; AL 8n16c; AT 16n; AX 14n; AZ 4a20c; BA 16n; BE 12n; BG 4a6n8c; BH 4a14c;
  BR 23n1a1c; BY 4a4n16c; CH 5n12c; CR 18n; CY 8n16c; CZ 20n; DE 18n; DK 14n; DO 4a20n; EE 16n;
  EG 25n; ES 20n; FI 14n; FO 14n; FR 10n11c2n; GB 4a14n; GE 2c16n; GF 10n11c2n; GI 4a15c; GL 14n;
  GP 10n11c2n; GR 7n16c; GT 24c; HR 17n; HU 24n; IE 4c14n; IL 19n; IQ 4a15n; IS 22n; IT 1a10n12c;
  JO 4a4n18c; KW 4a22c; KZ 3n13c; LB 4n20c; LC 4a24c; LI 5n12c; LT 16n; LU 3n13c; LV 4a13c; LY 21n;
  MC 10n11c2n; MD 20c; ME 18n; MF 10n11c2n; MK 3n10c2n; MN 16n; MQ 10n11c2n; MR 23n; MT 4a5n18c;
  MU 4a19n3a; NC 10n11c2n; NI 4a20n; NL 4a10n; NO 11n; OM 3n16c; PF 10n11c2n; PK 4c16n; PL 24n;
  PM 10n11c2n; PS 4c21n; PT 21n; QA 4a21c; RE 10n11c2n; RO 4a16c; RS 18n; RU 14n15c; SA 2n18c;
  SC 4a20n3a; SD 14n; SE 20n; SI 15n; SK 20n; SM 1a10n12c; SO 19n; ST 21n; SV 4a20n; TF 10n11c2n;
  TL 19n; TN 20n; TR 5n17c; UA 6n19c; VA 18n; VG 4c16n; WF 10n11c2n; XK 16n; YE 4a4n18c; YT 10n11c2n`

const pattern = (structure: string): RegExp =>
  new RegExp(
    `^${structure.replace(/(\d+)([nac])/g, (_, length, kind) => `${characters[kind as "n" | "a" | "c"]}{${length}}`)}$`,
  )

const characters = { n: "[0-9]", a: "[A-Z]", c: "[A-Z0-9]" } as const

const structures: ReadonlyMap<string, RegExp> = new Map(
  registry
    .split(";")
    .map((row) => row.trim().split(" "))
    .flatMap(([country, structure]) =>
      country && structure ? [[country, pattern(structure)] as const] : [],
    ),
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
