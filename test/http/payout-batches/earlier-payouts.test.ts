/** A batch may repeat another of a hundred thousand items: others get their turns meanwhile. */
import { expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { foundIn, repeatedOf } from "../../../src/http/payout-batches/earlier-payouts.ts"
import { atOnce } from "../../../src/parsing/turns.ts"
import { newBatchId } from "../../publisher/story.ts"

const ITEMS = 100_000
const claimed = (batch: BatchId, pairs: ReadonlyArray<readonly [number, number]>) => ({
  batch,
  request: "digest",
  opened: true,
  ageMs: 0,
  pairs,
})

it("what a large batch repeats is found in slices", () => {
  const pairs = Array.from({ length: ITEMS }, (_, index) => [index + 1, ITEMS - index] as const)
  const claims = [claimed(newBatchId(), pairs)]
  expect([...repeatedOf(claims)]).toHaveLength(20)
  expect([...foundIn(ITEMS, [atOnce(repeatedOf(claims))])]).toHaveLength(20)
})

it("it is counted, and the first hundred are named in the order of the items, as the first says that has them", () => {
  const [one, other] = [newBatchId(), newBatchId()]
  const of = (batch: BatchId, ...items: ReadonlyArray<number>) =>
    atOnce(
      repeatedOf([
        claimed(
          batch,
          items.map((item) => [item, 7]),
        ),
      ]),
    )
  expect(atOnce(foundIn(9, [of(one, 9, 3), of(other, 3, 1)]))).toEqual({
    count: 3,
    items: [
      { item: 1, duplicateOf: { batch: other, item: 7 } },
      { item: 3, duplicateOf: { batch: one, item: 7 } },
      { item: 9, duplicateOf: { batch: one, item: 7 } },
    ],
  })
  const all = of(one, ...Array.from({ length: 150 }, (_, index) => index + 1))
  const { count, items } = atOnce(foundIn(150, [all]))
  expect([count, items.length, items.at(-1)?.item]).toEqual([150, 100, 100])
})
