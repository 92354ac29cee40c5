import { expect, it } from "vitest"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Story } from "./batch-story.ts"

const cancel = { _tag: "Cancel", items: [], by: "sam", reason: "by mistake" } as const
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

/** A batch under way, of which nothing can be cancelled any more. */
const sent = (count: number) => new Story().asked(count).answered(range(1, count), "rejected")

it("a cancellation that comes too late is told of once, and asked again leaves nothing behind", () => {
  const story = sent(3)
  expect(story.tell(cancel)).toMatchObject([
    { _tag: "CancellationRefused", items: range(1, 3).map((item) => ({ item, reason: "already rejected" })) },
  ])
  expect(story.refusal(cancel).reason).toBe("nothing-to-cancel")
  expect(story.refusal({ ...cancel, items: [2], by: "olga" }).reason).toBe("nothing-to-cancel")
})

it("only those are told of that were not before", () => {
  const story = new Story().asked(3).answered([1], "rejected")
  expect(story.tell({ ...cancel, items: [1] })).toMatchObject([{ items: [{ item: 1 }] }])
  story.answered([2], "rejected").answered([3], "approved")
  expect(story.tell(cancel)).toMatchObject([
    { _tag: "ItemsCancelled", items: [3] },
    { _tag: "CancellationRefused", items: [{ item: 2 }] },
  ])
})

it("a closed batch refuses a cancellation without an event, however large it is", () => {
  const story = sent(2_000)
  story.tell({ _tag: "CloseBatch" })
  expect(story.refusal(cancel).reason).toBe("batch-closed")
  expect(story.refusal({ ...cancel, items: [1] }).reason).toBe("batch-closed")
})

it("an event about many items is small", () => {
  const story = sent(2_000)
  const [refused] = story.tell(cancel)
  expect(refused).toMatchObject({ ranges: [{ from: 1, to: 2_000, reason: "already rejected" }] })
  expect(refused && encodeEvent(refused).length).toBeLessThan(300)
  expect(story.refusal(cancel).reason).toBe("nothing-to-cancel")
})

it("an event about many items that lie apart is bounded, and the rest is told when it is asked for again", () => {
  const odd = range(1, 1_200).map((n) => 2 * n - 1)
  const story = new Story().asked(2_400).answered(odd, "rejected")
  const sizes: Array<number> = []
  const again = { ...cancel, items: odd }
  for (let asked = 0; asked < 3; asked += 1) {
    const [refused, ...others] = story.tell(again)
    expect(others).toEqual([])
    sizes.push(refused === undefined ? 0 : encodeEvent(refused).length)
  }
  expect(Math.max(...sizes)).toBeLessThan(32 * 1024)
  expect(story.refusal(again).reason).toBe("nothing-to-cancel")
})

it("a log from before, with every item in one event, tells the same", () => {
  const story = sent(150)
  const items = range(1, 150).map((item) => ({ item, reason: "already rejected" }))
  const [first, ...rest] = items
  if (first === undefined) throw new Error("no item")
  evolve(story.batch, { _tag: "CancellationRefused", at: 1, by: "sam", items: [first, ...rest] })
  expect(story.refusal(cancel).reason).toBe("nothing-to-cancel")
})
