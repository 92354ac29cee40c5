import { expect, it } from "vitest"
import { reconciliationLines } from "../../src/cli/reconcile.ts"
import { BatchId, transferReference } from "../../src/domain/identifiers.ts"
import type { StatementEntry } from "../../src/providers/books.ts"
import { EXPLAINED_MAX, ExplainedSums, explainedOf } from "../../src/reconciliation/explained-amounts.ts"
import type { LoggedBatch } from "../../src/reconciliation/logged-batch.ts"

const day = "2026-11-23"
const batch = BatchId.make(`pb_${"q".repeat(22)}`)
const reference = (item: number) => transferReference({ batch, item, attempt: 1 })
const eur = (minor: bigint) => ({ currency: "EUR", minor })

/** Items of EUR 10.00, each with an attempt at the bank north. */
const logged = (count: number): LoggedBatch => ({
  partner: "acme",
  items: new Map(
    Array.from({ length: count }, (_, index) => [
      index + 1,
      {
        item: index + 1,
        ...eur(1_000n),
        attempts: [
          {
            attempt: 1,
            bank: "north",
            reference: reference(index + 1),
            settledAt: Date.parse(`${day}T12:00:00Z`),
            returnedAt: undefined,
          },
        ],
        requested: new Map(),
      },
    ]),
  ),
})

const entry = (item: number, changes: Partial<StatementEntry> = {}): StatementEntry => ({
  bank: "north",
  reference: reference(item),
  ...eur(1_035n),
  kind: "debit",
  bookedOn: day,
  amounts: { instructed: [], charges: [eur(35n)] },
  ...changes,
})

const sumsOf = (...all: ReadonlyArray<StatementEntry>) => {
  const sums = new ExplainedSums()
  sums.add(explainedOf(day, batch, logged(all.length), all))
  return sums.all
}

it("sums up the day's charges by bank, and keeps what each amount is explained by", () => {
  const { amounts: _, ...plain } = entry(2, eur(1_000n))
  const explained = sumsOf(
    entry(1),
    plain,
    entry(3, { bookedOn: "2026-11-24" }),
    entry(4, { bank: "south" }),
    entry(5, eur(1_036n)),
    entry(6, { minor: 1_000n, amounts: { instructed: [], charges: [eur(15n), eur(5n)] } }),
    entry(7, {
      currency: "USD",
      minor: 1_080n,
      amounts: { instructed: [eur(1_000n)], charges: [{ currency: "USD", minor: 200n }], rate: "1.08" },
    }),
  )
  expect(explained.charges).toEqual([
    { bank: "north", currency: "EUR", amount: "0.55", transfers: 2 },
    { bank: "north", currency: "USD", amount: "2.00", transfers: 1 },
  ])
  expect(explained.count).toBe(3)
  expect(explained.amounts.map(({ item, remarks }) => [item, ...remarks.map(({ text }) => text)])).toEqual([
    [1, "0.35 EUR (10.35 EUR for 10.00 EUR)"],
    [6, "0.15 EUR", "0.05 EUR"],
    [7, "10.80 USD for 10.00 EUR at 1.08", "2.00 USD"],
  ])
})

it("keeps so many amounts, and the sums of all", () => {
  const many = Array.from({ length: EXPLAINED_MAX + 5 }, (_, index) => entry(index + 1))
  const explained = sumsOf(...many)
  expect(explained.amounts).toHaveLength(EXPLAINED_MAX)
  expect(explained.count).toBe(many.length)
  expect(explained.charges).toMatchObject([{ amount: "351.75", transfers: many.length }])
})

it("is reported beside the discrepancies", () => {
  const compared = { batches: 1, statementEntries: 1, ledgerLines: 0 }
  const lines = reconciliationLines({ day, at: 0, compared, discrepancies: [], explained: sumsOf(entry(1)) })
  expect(lines.slice(1)).toEqual([
    "  charges: north: 0.35 EUR for 1 transfer",
    `  explained: ${batch} 1 north ${reference(1)}: charge 0.35 EUR (10.35 EUR for 10.00 EUR)`,
    "All agree.",
  ])
})
