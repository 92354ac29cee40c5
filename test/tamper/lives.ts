/** Lives of batches as commands and answers make them, with references and bank ids as in production. */

import { type BatchId, transferReference } from "../../src/domain/identifiers.ts"
import { failed, payoutItem, returned, Story, settled, unknown, unresolved } from "../domain/batch-story.ts"
import type { Chance } from "../fuzz/chance.ts"

export const lifeKinds = [
  "settled",
  "several currencies",
  "some failed",
  "cancelled in part",
  "parked and resolved",
  "tried again",
  "returned before it closed",
  "returned after it closed",
  "unfinished",
  "parked",
] as const
export type LifeKind = (typeof lifeKinds)[number]

/** The life of a batch, and after which of its events it was closed; nothing if it is open. */
export interface Life {
  readonly id: BatchId
  readonly kind: LifeKind
  readonly story: Story
  readonly closedAt: number | undefined
}

const currencies = ["EUR", "JPY", "KWD"] as const

/** Lives a life with so many items. */
export const liveAs = (id: BatchId, kind: LifeKind, count: number, chance: Chance): Life => {
  const story = new Story()
  const [first, ...others] = Array.from({ length: count }, (_, index) =>
    payoutItem(index + 1, {
      currency: kind === "several currencies" ? chance.pick(currencies) : "EUR",
      minor: BigInt(1 + chance.below(1_000_000)),
    }),
  )
  if (first === undefined) throw new Error("a batch has items")
  story.asked(count, {
    partner: `p-${chance.digits(4)}`,
    idempotencyKey: chance.digits(12),
    items: [first, ...others],
  })
  story.answered([...story.batch.items.keys()], "approved")
  if (kind === "cancelled in part") cancel(story, count)
  story.tell({ _tag: "StartExecution" })
  story.posted("hold")
  request(id, story)
  if (kind === "unfinished") return { id, kind, story, closedAt: undefined }
  for (const item of pending(story)) hear(story, item, kind)
  for (const posting of ["post", "release"] as const)
    if (story.batch.tasks[posting].size > 0) story.posted(posting)
  if (kind === "tried again") tryAgain(id, story)
  if (kind === "parked") return { id, kind, story, closedAt: undefined }
  if (kind === "parked and resolved") resolve(story)
  if (kind === "returned before it closed") comeBack(story)
  story.tell({ _tag: "CloseBatch" })
  const closedAt = story.events.length
  if (kind === "returned after it closed") comeBack(story)
  return { id, kind, story, closedAt }
}

const pending = ({ batch }: Story): ReadonlyArray<number> =>
  [...batch.items.values()].filter(({ state }) => state === "pending").map(({ item }) => item)

const cancel = (story: Story, count: number): void => {
  const items = Array.from({ length: Math.max(1, count >> 1) }, (_, index) => index + 1)
  story.tell({ _tag: "Cancel", items, by: "sam", reason: "by mistake" })
}

/** Sends what is due in chunks, and the bank accepts it under a name of its own. */
const request = (id: BatchId, story: Story): void => {
  const due = [...story.batch.tasks.request]
  for (let at = 0; at < due.length; at += 16) {
    const [first, ...others] = due.slice(at, at + 16).map((item) => {
      const attempt = (story.batch.items.get(item)?.attempt?.attempt ?? 0) + 1
      return { item, attempt, bank: "north", reference: transferReference({ batch: id, item, attempt }) }
    })
    if (first === undefined) continue
    story.tell({ _tag: "RequestTransfers", transfers: [first, ...others] })
    for (const { item, attempt, reference } of [first, ...others])
      story.hears(
        item,
        { _tag: "Accepted", transferId: `N${reference}`, inquireAt: story.now + 9_000 },
        attempt,
      )
  }
}

const hear = (story: Story, item: number, kind: LifeKind): void => {
  if (item % 3 === 1 && (kind === "some failed" || kind === "tried again")) story.hears(item, failed)
  else if (item === 1 && (kind === "parked" || kind === "parked and resolved")) {
    story.hears(item, unknown)
    story.hears(item, unresolved)
  } else story.hears(item, settled)
}

const tryAgain = (id: BatchId, story: Story): void => {
  for (const { item, state } of [...story.batch.items.values()])
    if (state === "failed") story.tell({ _tag: "Retry", item, by: "olga" })
  story.posted("hold")
  request(id, story)
  for (const item of pending(story)) story.hears(item, settled, 2)
  story.posted("post")
}

const resolve = (story: Story): void => {
  story.tell({ _tag: "Resolve", item: 1, outcome: "settled", by: "olga", reason: "statement" })
  story.posted("post")
}

const comeBack = (story: Story): void => {
  story.hears(1, returned)
  story.posted("reverse")
}
