/** The checker of the read models finds what it looks for: all is sound but for one thing. */
import { describe, expect, it } from "vitest"
import {
  type BatchRow,
  type ClosedRow,
  type ItemRow,
  type ReadModelRows,
  readModelViolations,
} from "./read-models.ts"
import { BATCH, logOf, redisWith, story } from "./sound-story.ts"

const log = logOf(story)
const head = log.at(-1)?.hash ?? ""
const last = log.length

const batch: BatchRow = {
  id: BATCH,
  version: last,
  head,
  closed: true,
  itemCount: 1,
  totals: { EUR: { settled: { count: 1, minor: "1025" } } },
}
const item: ItemRow = {
  batch: BATCH,
  item: 1,
  reference: "invoice-1",
  currency: "EUR",
  minor: "1025",
  state: "settled",
  version: 9,
}
const closed: ClosedRow = { batch: BATCH, version: last, head }
const sound: ReadModelRows = { batches: [batch], items: [item], closed: [closed] }

const found = (rows: Partial<ReadModelRows>, entries = log) =>
  readModelViolations(redisWith(entries), { ...sound, ...rows })

describe("the checker of the read models", () => {
  it("has nothing to say of what is sound", () => {
    expect(found({})).toEqual([])
  })

  it.each<readonly [string, Partial<ReadModelRows>, string]>([
    ["a batch that is not shown", { batches: [], items: [] }, "is not shown"],
    ["items without their batch", { batches: [] }, "the batch is not"],
    ["a batch that has no log", { batches: [batch, { ...batch, id: "pb_b" }] }, "has no log"],
    ["another hash", { batches: [{ ...batch, head: log[1]?.hash ?? "" }] }, "another hash"],
    ["no hash", { batches: [{ ...batch, head: null }] }, "another hash"],
    ["a version beyond the log", { batches: [{ ...batch, version: last + 1 }] }, "beyond the log's"],
    [
      "a version that is behind",
      { batches: [{ ...batch, version: last - 1, head: log[last - 2]?.hash ?? "" }] },
      "the log is at",
    ],
    ["another number of items", { batches: [{ ...batch, itemCount: 2 }] }, "with 2 items"],
    ["a batch that is shown as open", { batches: [{ ...batch, closed: false }] }, "shown as open"],
    ["an item that is missing", { items: [] }, "item 1 is not shown"],
    ["an item of no log", { items: [item, { ...item, item: 2 }] }, "not in the log"],
    [
      "an item in another state",
      { items: [{ ...item, state: "failed" }] },
      "shown as failed, and is settled",
    ],
    ["an item with another amount", { items: [{ ...item, minor: "1026" }] }, "another payout"],
    ["an item beyond its batch", { items: [{ ...item, version: last + 1 }] }, "beyond its batch"],
    ["other totals", { batches: [{ ...batch, totals: {} }] }, "the totals"],
    ["a closed batch that is not noted", { closed: [] }, "closed_batches does not have"],
    [
      "a note with another hash",
      { closed: [{ ...closed, head: "" }] },
      "closed_batches pb_a has another hash",
    ],
  ])("finds %s", (_, rows, said) => {
    expect(found(rows).join("\n")).toContain(said)
  })

  it("finds what is wrong with the log itself", () => {
    expect(found({}, log.toSpliced(3, 1)).join("\n")).toContain("in the place of 4-0")
    const [first, second, ...others] = log
    if (first === undefined || second === undefined) throw new Error("the story has events")
    const forged = [first, { ...second, text: second.text.replace("1025", "1026") }, ...others]
    expect(found({}, forged).join("\n")).toContain("does not follow")
  })
})
