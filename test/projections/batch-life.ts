/** Lives of payout batches, written to a real log the way a worker writes them: in appends of several events. */
import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import type { Duplicates } from "../../src/domain/duplicates.ts"
import type { BatchEvent, PayoutItem } from "../../src/domain/events.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import {
  accepted,
  payoutItem,
  returned,
  STORY_BEGINS,
  Story,
  settled,
  unknown,
  visibleIban,
} from "../domain/batch-story.ts"
import { headAt, takeFrom } from "../streams/log-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"

/** An account number that must not be seen anywhere outside the log. */
export const CANARY_IBAN = "GB82WEST12345698765432"

/** No text of ours is like this, but a log may hold anything. */
const UNFIT = "lists\0\uD800-6"

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
export const newBatchId = (): BatchId =>
  BatchId.make(`pb_${[...randomBytes(22)].map((byte) => alphabet[byte % 32]).join("")}`)

const monies = [
  { currency: "EUR", minor: 123_456n },
  { currency: "JPY", minor: 1_200n },
  { currency: "KWD", minor: 5n },
] as const

/** An item of a life: the currencies take turns, and every account is the canary. */
const item = (number: number): PayoutItem =>
  payoutItem(number, {
    ...monies[(number - 1) % monies.length],
    beneficiary: { name: "Grace Hopper", account: visibleIban(CANARY_IBAN) },
  })

/** What was found when a life began. */
export const DUPLICATES: Duplicates = {
  count: 1,
  items: [{ item: 2, duplicateOf: { batch: BatchId.make(`pb_${"b".repeat(22)}`), item: 7 } }],
  reason: cleanText("ordered twice"),
}

/**
 * A whole life of at least eight items. The compliance engine rejects item 1 and holds 2, quoting the account; 3 fails,
 * 4 comes back, 5 stays unknown, 6 is parked, screened by lists whose name is not fit to print, 7 is never answered; all others settle.
 */
export const lifeOf = (partner: string, itemCount: number): Story => {
  const story = new Story()
  const [first, ...others] = Array.from({ length: itemCount }, (_, index) => item(index + 1))
  if (first === undefined) throw new Error("a batch has items")
  story.asked(itemCount, {
    partner,
    idempotencyKey: `key of ${partner}`,
    requestDigest: "0".repeat(64),
    reference: "march",
    executeAt: STORY_BEGINS,
    duplicates: DUPLICATES,
    rejectedRows: { count: 2, lines: [[3, 4]] },
    items: [first, ...others],
  })
  story.tell({
    _tag: "RecordScreening",
    clearance: 1,
    clearanceId: "c",
    listVersion: "1",
    decisions: [
      { item: 1, decision: "rejected", reason: "sanctions" },
      { item: 2, decision: "review", reason: cleanText(`close match with ${CANARY_IBAN}`) },
      ...others
        .filter(({ item }) => item !== 2 && item !== 6)
        .map(({ item }) => ({ item, decision: "approved" as const, payee: "match" as const })),
    ],
  })
  const sixth = [{ item: 6, decision: "approved" as const }]
  story.tell({
    _tag: "RecordScreening",
    clearance: 1,
    clearanceId: "c",
    listVersion: UNFIT,
    decisions: sixth,
  })
  story.tell({ _tag: "StartExecution" })
  story.posted("hold")
  for (const number of [...story.batch.tasks.request]) {
    story.tell({
      _tag: "RequestTransfers",
      transfers: [{ item: number, attempt: 1, bank: "north", reference: `ref-${number}` }],
    })
    if (number !== 7) story.hears(number, accepted)
  }
  story.hears(3, { _tag: "Failed", evidence: "callback", code: "AC04" })
  story.hears(5, unknown)
  story.hears(6, { _tag: "Unresolved", reason: "nobody knows" })
  for (const number of [4, ...others.slice(6).map((paid) => paid.item)]) story.hears(number, settled)
  story.posted("post").posted("release")
  story.hears(4, returned)
  return story.posted("reverse")
}

/** Opens a batch in the log and returns its ownership. */
export const open = Effect.fnUntraced(function* (batch: BatchId, { events }: Story) {
  const log = yield* wholeLog
  yield* log.open(batch, events.slice(0, 2), `open-${batch}`)
  const taken = yield* takeFrom(log, "writer", 64, 1_000)
  const owned = taken.find((ownership) => ownership.batch === batch)
  if (owned === undefined) throw new Error("the opened batch is scheduled")
  return owned
})

/** Appends the rest of a life, `size` events at a time. */
export const appendRest = Effect.fnUntraced(function* (owned: Ownership, { events }: Story, size: number) {
  const log = yield* wholeLog
  for (let version = 2; version < events.length; version += size) {
    const some: ReadonlyArray<BatchEvent> = events.slice(version, version + size)
    yield* log.append(owned, {
      expectedVersion: version,
      head: yield* headAt(log, owned.batch, version),
      events: some,
      handled: [],
      commandId: `${owned.batch}-${version}`,
      open: true,
    })
  }
})

/** Writes a whole life to the log of a new batch. */
export const live = Effect.fnUntraced(function* (story: Story, size = 7) {
  const batch = newBatchId()
  yield* appendRest(yield* open(batch, story), story, size)
  return batch
})
