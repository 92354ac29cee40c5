/**
 * Amounts of the day that a bank booked with charges or in another currency, as its statement explains them. They are no
 * discrepancies, and somebody accounts for them all the same.
 */
import { readRemark, type ShownRemark } from "../domain/bank-remark.ts"
import type { Day } from "../domain/business-days.ts"
import { formatAmount } from "../domain/money.ts"
import { explanationOf } from "../providers/booked-amount.ts"
import type { StatementEntry } from "../providers/books.ts"
import type { LoggedBatch } from "./logged-batch.ts"

/** Explained amounts that a run keeps one by one. Charges are summed up over all. */
export const EXPLAINED_MAX = 1_000

/** What a bank's statement says of the amount of one transfer beside what was booked. */
export interface ExplainedAmount {
  readonly partner: string
  readonly batch: string
  readonly item: number
  readonly bank: string
  readonly reference: string
  readonly remarks: ReadonlyArray<ShownRemark>
}

/** What a bank charged in one currency, as a decimal string with its decimals, for how many transfers. */
export interface ChargedSum {
  readonly bank: string
  readonly currency: string
  readonly amount: string
  readonly transfers: number
}

/** The charges of a day by bank and currency, and the first explained amounts of `count`. */
export interface Explained {
  readonly charges: ReadonlyArray<ChargedSum>
  readonly count: number
  readonly amounts: ReadonlyArray<ExplainedAmount>
}

/** The entries of a day for orders of a batch whose amount the bank explains. */
export const explainedOf = (
  day: Day,
  batch: string,
  logged: LoggedBatch,
  entries: ReadonlyArray<StatementEntry>,
): ReadonlyArray<ExplainedAmount> => {
  const today = entries.filter(({ bookedOn, amounts }) => bookedOn === day && amounts !== undefined)
  if (today.length === 0) return []
  const byReference = Map.groupBy(today, ({ reference }) => reference)
  return [...logged.items.values()].flatMap((item) =>
    item.attempts.flatMap(({ bank, reference }) =>
      (byReference.get(reference) ?? [])
        .filter((entry) => entry.bank === bank)
        .flatMap((entry) => {
          const found = explanationOf(item, { ...entry, isReturn: entry.kind === "credit" }) ?? []
          const remarks = found.map(({ kind, remark }) => readRemark(kind, remark))
          const { partner } = logged
          return remarks.length === 0 ? [] : [{ partner, batch, item: item.item, bank, reference, remarks }]
        }),
    ),
  )
}

/** Sums up what was explained, batch after batch, in bounded memory. */
export class ExplainedSums {
  readonly #amounts: Array<ExplainedAmount> = []
  readonly #charges = new Map<string, { bank: string; currency: string; minor: bigint; transfers: number }>()
  #count = 0

  add(found: ReadonlyArray<ExplainedAmount>): void {
    this.#count += found.length
    this.#amounts.push(...found.slice(0, Math.max(0, EXPLAINED_MAX - this.#amounts.length)))
    for (const { bank, remarks } of found) this.#charge(bank, remarks)
  }

  get all(): Explained {
    const charges = [...this.#charges.values()].map(({ bank, currency, minor, transfers }) => ({
      bank,
      currency,
      amount: formatAmount(minor, currency),
      transfers,
    }))
    return { charges, count: this.#count, amounts: this.#amounts }
  }

  #charge(bank: string, remarks: ReadonlyArray<ShownRemark>): void {
    const charged = remarks.flatMap(({ kind, amount }) => (kind === "charge" && amount ? [amount] : []))
    for (const [currency, all] of Map.groupBy(charged, ({ currency }) => currency)) {
      const key = JSON.stringify([bank, currency])
      const sum = this.#charges.get(key) ?? { bank, currency, minor: 0n, transfers: 0 }
      // Amounts have exactly the currency's decimals, so without the decimal point they are minor units.
      for (const { value } of all) sum.minor += BigInt(value.replace(".", ""))
      sum.transfers += 1
      this.#charges.set(key, sum)
    }
  }
}
