/**
 * The return reason codes of Nacha (Nacha Operating Rules, Appendix Four), and what each says of a credit that we sent. What the
 * codes of returns mean for a payout is in failure-codes.ts.
 */

/**
 * - `returned`: the money comes back.
 * - `copy`: an entry came back because the bank has another one like it: the first one may be paid.
 * - `dispute`: banks disagree about a return that was sent before. An operator has to ask the bank.
 */
export type ReturnMeaning = "returned" | "copy" | "dispute"

const range = (from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from + 1 }, (_, index) => `R${String(from + index).padStart(2, "0")}`)

/** Dishonored returns (R61, R67 to R70) and contested ones (R71 to R77). */
const disputes: ReadonlyArray<string> = ["R61", ...range(67, 77)]

/** All codes that there are. */
export const returnCodes: ReadonlyMap<string, ReturnMeaning> = new Map<string, ReturnMeaning>([
  ...[...range(1, 47), ...range(50, 53), "R62", ...range(80, 85)].map(
    (code) => [code, code === "R24" ? "copy" : "returned"] as const,
  ),
  ...disputes.map((code) => [code, "dispute"] as const),
])
