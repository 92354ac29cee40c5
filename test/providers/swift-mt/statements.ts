/** Statements in SWIFT's form for tests, as banks write them. */

export interface MtLine {
  /** Field 61, and field 86 after it. */
  readonly line: string
  readonly information?: string | ReadonlyArray<string>
  /** What it adds to the balance, in cents. */
  readonly change?: bigint
}

export interface MtParts {
  readonly account?: string
  readonly number?: string
  readonly currency?: string
  /** The opening balance, in cents. */
  readonly opening?: bigint
  readonly lines: ReadonlyArray<MtLine>
  /** Instead of the sum of the balance and the lines. */
  readonly closing?: bigint
  /** Of the closing balance, YYMMDD. */
  readonly day?: string
  /** The letters of the balances: F of a statement, M of a page. */
  readonly pages?: readonly [opening: string, closing: string]
}

/** An amount of cents with a decimal comma. */
export const comma = (cents: bigint): string => {
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, "0")
  return `${digits.slice(0, -2)},${digits.slice(-2)}`
}

const balance = (cents: bigint, day: string, currency: string): string =>
  `${cents < 0n ? "D" : "C"}${day}${currency}${comma(cents)}`

/** An MT940 without blocks, whose lines end as SWIFT's do. */
export const mt940 = ({
  account = "NL91ABNA0417164300",
  number = "42/1",
  currency = "EUR",
  opening = 100_000n,
  lines,
  closing,
  day = "261127",
  pages: [first, last] = ["F", "F"],
}: MtParts): string => {
  const end = closing ?? lines.reduce((sum, { change = 0n }) => sum + change, opening)
  return [
    ":20:STARTUMSE",
    `:25:${account}`,
    `:28C:${number}`,
    `:60${first}:${balance(opening, day, currency)}`,
    ...lines.flatMap(({ line, information = [] }) => [
      `:61:${line}`,
      ...[information].flat().map((text, index) => (index === 0 ? `:86:${text}` : text)),
    ]),
    `:62${last}:${balance(end, day, currency)}`,
    "-",
    "",
  ].join("\r\n")
}

/** A debit with what the bank says of it. */
export const debit = (
  cents: bigint,
  information: MtLine["information"] = "",
  reference = "NONREF",
): MtLine => ({
  line: `2611271127D${comma(cents)}NTRF${reference}`,
  change: -cents,
  ...(information === "" ? {} : { information }),
})

/** A credit with what the bank says of it. */
export const credit = (cents: bigint, information: MtLine["information"] = "", type = "NTRF"): MtLine => ({
  line: `2611271127C${comma(cents)}${type}NONREF`,
  change: cents,
  ...(information === "" ? {} : { information }),
})
