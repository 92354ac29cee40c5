/**
 * How characters are spelled in the Latin letters, digits and marks that every bank takes.
 *
 * Sources, in this order:
 *
 * 1. European Payments Council, EPC217-08, "SEPA Requirements for an Extended Character Set", version 1.1 of 2012-12-18, with
 *    its conversion table: Greek, Bulgarian Cyrillic, ASCII's marks, €, and a full stop for symbols that have no equivalent.
 * 2. ICAO Doc 9303 part 3, section 6 (passports), for letters that the table leaves without an equivalent, and for those that it
 *    shortens: a name with a letter missing is another name. So ß is ss, Æ is AE and Þ is TH here, as banks in Germany, Denmark
 *    and Iceland spell them too.
 * 3. Usual spellings of typographic marks, which neither has.
 */

/** Letters with their spellings, as "letter spelling" separated by commas. What Unicode takes apart into a letter and marks is not here. */
const letters = `
  ß ss, ẞ SS, æ ae, Æ AE, œ oe, Œ OE, ø o, Ø O, đ d, Đ D, ð d, Ð D, þ th, Þ TH, ł l, Ł L, ı i, ħ h, Ħ H, ŧ t, Ŧ T, ŋ n, Ŋ N,
  ŉ n, ĸ q, ə e, Ə E, ſ s, ĳ ij, Ĳ IJ, ŀ l, Ŀ L, ɓ b, Ɓ B, ɗ d, Ɗ D, ƙ k, Ƙ K, ƴ y, Ƴ Y, ɛ e, Ɛ E, ɔ o, Ɔ O,

  α a, β v, γ g, δ d, ε e, ζ z, η i, θ th, ι i, κ k, λ l, μ m, ν n, ξ x, ο o, π p, ρ r, σ s, ς s, τ t, υ y, φ f, χ ch, ψ ps, ω o,
  Α A, Β V, Γ G, Δ D, Ε E, Ζ Z, Η I, Θ TH, Ι I, Κ K, Λ L, Μ M, Ν N, Ξ X, Ο O, Π P, Ρ R, Σ S, Τ T, Υ Y, Φ F, Χ CH, Ψ PS, Ω O,

  а a, б b, в v, г g, д d, е e, ж zh, з z, и i, й y, к k, л l, м m, н n, о o, п p, р r, с s, т t, у u, ф f, х h, ц ts, ч ch, ш sh,
  щ sht, ъ a, ь y, ю yu, я ya, А A, Б B, В V, Г G, Д D, Е E, Ж ZH, З Z, И I, Й Y, К K, Л L, М M, Н N, О O, П P, Р R, С S, Т T, У U,
  Ф F, Х H, Ц TS, Ч CH, Ш SH, Щ SHT, Ъ A, Ь Y, Ю YU, Я YA,

  ы y, э e, ё e, є ie, і i, ї i, ґ g, ў u, Ы Y, Э E, Ё E, Є IE, І I, Ї I, Ґ G, Ў U,
  ђ dj, ј j, љ lj, њ nj, ћ c, џ dz, ѓ gj, ѕ dz, ќ kj, Ђ DJ, Ј J, Љ LJ, Њ NJ, Ћ C, Џ DZ, Ѓ GJ, Ѕ DZ, Ќ KJ`

/** Marks with their spellings, in the same form. */
const marks = `
  & +, _ -, ~ -, [ (, ] ), { (, } ), \\ /, | /, ¦ /, \` ', ´ ', ¨ ', " ', ¿ ?, € E,
  ‘ ', ’ ', ‚ ', ‛ ', “ ', ” ', „ ', ‟ ', ‹ ', › ', « ', » ', ′ ', ″ ', ʼ ', ʹ ', ʻ ', ʽ ', ՚ ',
  ‐ -, ‑ -, ‒ -, – -, — -, ― -, − -, ⁃ -, … ..., • ., · ., ∙ ., ⁄ /, ∕ /, № No, ™ TM`

/** Those that EPC217-08 writes as a full stop, as they have no equivalent. */
const fullStops = "!#$%*<=>@^¡¢£¤¥§©ª¬®¯°±²³¶¸¹º¼½¾×÷"

const pairs = (text: string): ReadonlyArray<readonly [string, string]> =>
  text
    .split(/,\s+/)
    .map((pair) => pair.trim().split(" "))
    .map(([character = "", spelling = ""]) => [character, spelling])

/** The spelling of a character; `undefined` for one that is not spelled otherwise, or that has none. */
export const spellings: ReadonlyMap<string, string> = new Map([
  [";", ","],
  ...pairs(letters),
  ...pairs(marks),
  ...[...fullStops].map((mark) => [mark, "."] as const),
])
