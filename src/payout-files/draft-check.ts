/** Drafts against the API's own reading of items: which of them it takes, and everything that is wrong with the others. */
import { Array as Arr, Effect, Result } from "effect"
import { type RequestedItem, readBatchRequest } from "../http/payout-batches/payout-batch-request.ts"
import { canonicalJson } from "./canonical-batch.ts"
import type { DraftItem } from "./payout-rows.ts"

/** A draft as the API reads it, or what it says against it. `field` is within the item. */
export type CheckedDraft = Result.Result<RequestedItem, ReadonlyArray<DraftProblem>>

export interface DraftProblem {
  readonly field?: string | undefined
  readonly detail: string
}

/** Of one reading the API reports a hundred problems at most, so drafts that fail together are read one by one. */
const TOGETHER = 100

/**
 * Checks each draft, in their order. A reference that an earlier draft has is a problem of the later one; `place` says in the
 * reader's words where the earlier one stands, given its index.
 */
export const checkDrafts = Effect.fnUntraced(function* (
  drafts: ReadonlyArray<DraftItem>,
  place: (index: number) => string,
): Effect.fn.Return<ReadonlyArray<CheckedDraft>> {
  const whole = yield* together(drafts)
  if (whole !== undefined) return whole
  const checked: Array<CheckedDraft> = []
  for (const some of Arr.chunksOf(drafts, TOGETHER))
    checked.push(...((yield* together(some)) ?? (yield* Effect.forEach(some, alone))))
  return withoutRepeated(drafts, checked, place)
})

/** All of them at once, where all are right. */
const together = Effect.fnUntraced(function* (drafts: ReadonlyArray<DraftItem>) {
  const read = yield* Effect.result(readBatchRequest(bodyOf(drafts)))
  return Result.isSuccess(read)
    ? read.success.items.map((item): CheckedDraft => Result.succeed(item))
    : undefined
})

const alone = (draft: DraftItem): Effect.Effect<CheckedDraft> =>
  readBatchRequest(bodyOf([draft])).pipe(
    Effect.map(({ items: [item] }) => item),
    Effect.mapError(({ problems }) => problems.map(({ field, detail }) => ({ field, detail }))),
    Effect.result,
  )

const bodyOf = (items: ReadonlyArray<DraftItem>): Buffer => Buffer.from(JSON.stringify({ items }))

const repetition = (before: DraftItem | undefined, draft: DraftItem | undefined, where: string): string =>
  canonicalJson(before) === canonicalJson(draft)
    ? `already used by ${where}, for the same payment; if both are to be paid, give them different references`
    : `already used by ${where}`

const withoutRepeated = (
  drafts: ReadonlyArray<DraftItem>,
  checked: ReadonlyArray<CheckedDraft>,
  place: (index: number) => string,
): ReadonlyArray<CheckedDraft> => {
  const first = new Map<string, number>()
  return checked.map((draft, index) => {
    const reference = drafts[index]?.reference ?? ""
    const before = first.get(reference)
    if (before === undefined || reference === "") {
      first.set(reference, index)
      return draft
    }
    const repeated = { field: "reference", detail: repetition(drafts[before], drafts[index], place(before)) }
    return Result.fail([repeated, ...(Result.isFailure(draft) ? draft.failure : [])])
  })
}
