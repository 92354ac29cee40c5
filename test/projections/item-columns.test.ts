/** Rows of items with their kinds, put together again, are the rows that were passed. */
import { expect, it } from "vitest"
import { BatchId } from "../../src/domain/identifiers.ts"
import type { OutsideText } from "../../src/domain/outside-text.ts"
import { atOnce } from "../../src/parsing/turns.ts"
import type { ItemRow } from "../../src/projections/batch-rows.ts"
import { itemTexts } from "../../src/projections/item-columns.ts"
import type { ReadModelChange } from "../../src/projections/read-models.ts"

const at = "2026-11-28T10:00:00.000Z"

const received = (item: number): ItemRow => ({
  batch: BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa"),
  item,
  reference: `order-${item}`,
  beneficiary_name: "Ada",
  account_masked: "iban …1234",
  currency: "EUR",
  minor: "100",
  state: "received",
  ledger: "none",
  bank: null,
  transfer_reference: null,
  attempt: null,
  reason: null,
  version: 2,
  updated_at: at,
  clearance: null,
  transfer_id: null,
  attempt_state: null,
  attempt_code: null,
  attempt_category: null,
  requested_at: null,
  concluded_at: null,
  earlier_attempts: null,
})

const changeOf = (partition: number, items: ReadonlyArray<ItemRow>): ReadModelChange => ({
  partition,
  from: "0-0",
  to: { position: "1-0", head: undefined },
  batches: [],
  items,
  days: [],
  acts: [],
})

/** The values of an array that has neither commas nor quotes in its texts. */
const valuesOf = (text: string): ReadonlyArray<string | null> =>
  text === "{}"
    ? []
    : text
        .slice(1, -1)
        .split(",")
        .map((value) => (value === "NULL" ? null : value.replaceAll('"', "")))

it("passes once what rows have in common", () => {
  const { kinds, rows } = atOnce(itemTexts([changeOf(3, [received(1), received(2), received(3)])]))
  expect(valuesOf(kinds.state)).toStrictEqual(["received"])
  expect(valuesOf(kinds.partition)).toStrictEqual(["3"])
  expect(valuesOf(rows.kind)).toStrictEqual(["0", "0", "0"])
  expect(valuesOf(rows.item)).toStrictEqual(["1", "2", "3"])
})

it("takes a text for no NULL, and rows that differ in anything for no kind", () => {
  const reasons = [null, "null", "NULL", "", "none", null, "none"]
  const items = reasons.map((reason, index) => ({
    ...received(index + 1),
    reason: reason as OutsideText | null,
  }))
  const { kinds, rows } = atOnce(itemTexts([changeOf(1, items)]))
  expect(kinds.reason).toBe('{NULL,"null","NULL","","none"}')
  expect(valuesOf(rows.kind)).toStrictEqual(["0", "1", "2", "3", "4", "0", "4"])
  const others: ReadonlyArray<Partial<ItemRow>> = [
    { batch: BatchId.make("pb_bbbbbbbbbbbbbbbbbbbbbb") },
    { currency: "USD" },
    { state: "settled" },
    { ledger: "posted" },
    { bank: "north" },
    { attempt: 1 },
    { attempt_state: "settled" },
    { attempt_code: "AC04" as OutsideText },
    { attempt_category: "bank" },
    { requested_at: at },
    { clearance: { decision: "approved", listVersion: "1" } as ItemRow["clearance"] },
    { earlier_attempts: [] },
  ]
  const compared = [...others.flatMap((other) => Object.keys(other)), "reason", "partition", "number"]
  expect(Object.keys(kinds).toSorted(), "each column of a kind is compared").toStrictEqual(
    compared.toSorted(),
  )
  for (const other of others) {
    const { rows } = atOnce(itemTexts([changeOf(1, [received(1), { ...received(2), ...other } as ItemRow])]))
    expect(valuesOf(rows.kind), JSON.stringify(other)).toStrictEqual(["0", "1"])
  }
})

it("gives rows the kind that they have, however many kinds there are", () => {
  const items = Array.from({ length: 300 }, (_, index) => ({
    ...received(index + 1),
    reason: `reason ${(index * 7) % 40}` as OutsideText,
  }))
  const { kinds, rows } = atOnce(itemTexts([changeOf(1, items), changeOf(2, [])]))
  const reasons = valuesOf(kinds.reason)
  expect(valuesOf(kinds.number)).toStrictEqual(reasons.map((_, number) => String(number)))
  expect(valuesOf(rows.kind).map((kind) => reasons[Number(kind)])).toStrictEqual(
    items.map(({ reason }) => reason),
  )
})

it("passes nothing of nothing", () => {
  const { kinds, rows } = atOnce(itemTexts([changeOf(1, [])]))
  expect(kinds.number).toBe("{}")
  expect(rows.item).toBe("{}")
})
