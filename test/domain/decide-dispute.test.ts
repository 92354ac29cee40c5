/** A bank that contradicts itself about one attempt of an item, while another is open or paid. */
import { describe, expect, it } from "vitest"
import { attemptsInQuestion } from "../../src/domain/attempts.ts"
import type { Batch } from "../../src/domain/batch.ts"
import type { BatchCommandOf } from "../../src/domain/commands.ts"
import type { Plain } from "../plain-texts.ts"
import {
  accepted,
  failed,
  failedForNow,
  intent,
  neverSeen,
  returned,
  Story,
  settled,
  unknown,
  unresolved,
} from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const inQuestion = ({ items }: Batch) => {
  const item = items.get(1)
  return item === undefined ? [] : attemptsInQuestion(item).map(({ attempt }) => attempt)
}

const resolve = (outcome: "settled" | "failed", attempt?: number) =>
  ({
    _tag: "Resolve",
    item: 1,
    outcome,
    by: "olga",
    reason: "on the statement",
    ...(attempt === undefined ? {} : { attempt }),
  }) satisfies Plain<Omit<BatchCommandOf<"Resolve">, "at">>

/** Attempt 1 failed and was paid after all, while attempt 2 was with the bank. */
const disputed = (): Story => {
  const story = new Story().retried()
  story.hears(1, accepted, 2)
  story.hears(1, settled, 1)
  return story
}

describe("an open attempt beside one in dispute", () => {
  it("goes on being asked about until its last word", () => {
    const story = disputed()
    expect(story.stateOf(1)).toBe("parked")
    const inquireAt = wakes(story.batch) ?? 0
    expect(inquireAt).toBeGreaterThan(story.now)
    expect(workDue(story.batch, inquireAt)).toEqual([{ _tag: "Inquire", items: [1] }])
    for (const outcome of [unknown, accepted]) {
      story.hears(1, outcome, 2)
      expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "inquire" })
    }
    story.hears(1, failed, 2)
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
    expect(wakes(story.batch)).toBeUndefined()
  })

  it("does not go out any more, if it has not: the bank is asked at once", () => {
    const story = new Story().retried()
    const [late, heldBack] = story.hears(1, settled, 1)
    expect(late).toMatchObject({ _tag: "LateOutcomeDetected", attempt: 1, compensation: "review" })
    expect(heldBack).toMatchObject({ _tag: "TransferUnknown", attempt: 2, inquireAt: late?.at })
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Inquire", items: [1] }])
  })

  it("is not sent again when the bank has not seen it", () => {
    const story = new Story().retried()
    story.hears(1, unknown, 2)
    story.hears(1, settled, 1)
    expect(story.hears(1, neverSeen, 2)).toMatchObject([{ _tag: "TransferParked", attempt: 2 }])
    expect(inQuestion(story.batch)).toEqual([1, 2])
  })

  it("keeps a person from resolving the other", () => {
    const story = disputed()
    expect(inQuestion(story.batch)).toEqual([1])
    for (const attempt of [undefined, 1])
      expect(story.refusal(resolve("failed", attempt))).toMatchObject({
        reason: "attempt-open",
        attempts: [2],
      })
    expect(story.refusal(resolve("failed", 2))).toMatchObject({
      reason: "attempt-not-in-question",
      attempts: [1],
    })
  })

  it("that was given up on is resolved first, by its number, and then the other", () => {
    const story = disputed()
    story.hears(1, unresolved, 2)
    expect(story.refusal(resolve("failed"))).toMatchObject({ reason: "attempt-not-named", attempts: [1, 2] })
    expect(story.refusal(resolve("settled", 1))).toMatchObject({ reason: "attempt-open", attempts: [2] })
    story.tell(resolve("failed", 2))
    expect(story.batch.items.get(1)).toMatchObject({
      state: "parked",
      reason: "of attempt 1 the bank reported settled after failed",
    })
    expect(story.tell(resolve("settled"))).toMatchObject([{ _tag: "ParkedResolved", attempt: 1 }])
    expect(story.batch.items.get(1)).toMatchObject({
      state: "settled",
      earlier: [{ outcome: "settled" }],
      attempt: { outcome: "failed" },
    })
    story.posted("post").tell({ _tag: "CloseBatch" })
    expect(story.batch.closed).toBe("settled")
  })
})

describe("a resolution", () => {
  it("is about its own attempt: the word of the bank about the other stays", () => {
    const story = disputed()
    story.hears(1, settled, 2)
    story.tell(resolve("failed", 1))
    expect(story.batch.items.get(1)).toMatchObject({
      state: "settled",
      earlier: [{ outcome: "failed" }],
      attempt: { outcome: "settled" },
    })
    story.posted("post")
    expect(story.hears(1, settled, 1), "what it said before is old news").toEqual([])
  })

  it("is the end of trying by policy", () => {
    const story = new Story().retried({ policy: { approvalAbove: {}, approvalWithinMs: 1, attemptsMax: 9 } })
    story.hears(1, settled, 1)
    story.hears(1, failedForNow, 2)
    story.tell(resolve("failed", 1))
    story.posted("release")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
  })
})

describe("two attempts that were both paid", () => {
  it.each([
    ["the earlier in dispute first", [1, 2]],
    ["the later settled first", [2, 1]],
  ])("stay with a person, whichever came first: %s", (_, order) => {
    const story = new Story().retried()
    for (const attempt of order) story.hears(1, settled, attempt)
    expect(story.batch.items.get(1)).toMatchObject({
      state: "parked",
      task: "review",
      reason: "paid more than once: attempts 1 and 2",
    })
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
    expect(story.refusal(resolve("settled"))).toMatchObject({ reason: "attempt-not-named", attempts: [1, 2] })
    story.tell(resolve("settled", 1))
    expect(story.stateOf(1), "a person confirmed it: it is a double payment still").toBe("parked")
    expect(story.tell(resolve("settled", 2)), "which was known").toEqual([])
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
    story.tell(resolve("failed", 2))
    story.posted("post").tell({ _tag: "CloseBatch" })
    expect(story.batch.closed).toBe("settled")
  })

  it("are one payment again when the bank returns one of them", () => {
    const story = disputed()
    story.hears(1, settled, 2)
    story.tell(resolve("settled", 1))
    expect(story.hears(1, returned, 1)).toMatchObject([{ _tag: "TransferReturned", attempt: 1 }])
    expect(story.stateOf(1)).toBe("settled")
    story.posted("post").hears(1, returned, 2)
    expect(story.batch.items.get(1)).toMatchObject({ state: "returned", task: "reverse" })
  })
})

it("an earlier attempt that was paid and came back makes its item returned, and it is not paid again", () => {
  const story = disputed()
  story.hears(1, failed, 2)
  story.tell(resolve("settled"))
  story.posted("post").hears(1, returned, 1)
  story.posted("reverse")
  expect(story.batch.items.get(1)).toMatchObject({ state: "returned", task: "none" })
  expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("not-failed")
  expect(story.refusal(intent(1, 3)).reason).toBe("not-due")
})
