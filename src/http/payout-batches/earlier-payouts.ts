/**
 * Whether payouts that were claimed earlier count as duplicates, by the logs of their batches. The work is bounded: what
 * was not looked into counts.
 */
import { Effect } from "effect"
import { isEndedUnpaid } from "../../domain/batch.ts"
import { DUPLICATES_NAMED_MAX, type Duplicates } from "../../domain/duplicates.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import { inSlices } from "../../parsing/turns.ts"
import type { EarlierClaim } from "../../register/payout-claims.ts"
import { EventStore } from "../../streams/event-store.ts"
import { batchFromLog } from "./batch-from-log.ts"
import { contentOf } from "./batch-identity.ts"

/** Claims that are looked into for one request, and items of the batches that are folded for it. */
const CLAIMS_MAX = 128
const ITEMS_MAX = 200_000

/** After this, a request that made a claim opens no batch any more. */
export const OPEN_WITHIN_MS = 60_000
/** A claim without a batch that is younger may still get one. The difference allows for clocks of two servers. */
export const UNDER_WAY_MS = 2 * OPEN_WITHIN_MS

/** By item of the new batch: the payout that it repeats. */
export type Repeated = ReadonlyMap<number, { readonly batch: BatchId; readonly item: number }>

export interface EarlierPayouts {
  readonly repeated: Repeated
  /** Claims of requests that may be about to open their batches, in case nothing else is repeated. */
  readonly underWay: ReadonlyArray<EarlierClaim>
}

/** Looks into earlier claims, in their order. */
export const earlierPayouts = Effect.fnUntraced(function* (claims: ReadonlyArray<EarlierClaim>) {
  const repeated = new Map<number, { readonly batch: BatchId; readonly item: number }>()
  const underWay: Array<EarlierClaim> = []
  let itemsLeft = ITEMS_MAX
  for (const [index, claim] of claims.entries()) {
    const standing = index < CLAIMS_MAX ? yield* standingOf(claim, itemsLeft) : unread
    if (standing._tag === "UnderWay") underWay.push(claim)
    if (standing._tag !== "Counts") continue
    itemsLeft -= standing.itemsRead
    yield* inSlices(addPairs(repeated, claim, standing.unpaid))
  }
  return { repeated, underWay } satisfies EarlierPayouts as EarlierPayouts
})

/** What requests that are about to open their batches would be repeated by. */
export function* repeatedOf(claims: ReadonlyArray<EarlierClaim>): Generator<void, Repeated> {
  const repeated = new Map<number, { readonly batch: BatchId; readonly item: number }>()
  for (const claim of claims) yield* addPairs(repeated, claim, new Set())
  return repeated
}

/** Pairs in one slice: about a millisecond. */
const PAIRS_AT_ONCE = 5_000

/** Adds what a claim is repeated by, but for items that were not paid and new ones that are there already. */
function* addPairs(
  repeated: Map<number, { readonly batch: BatchId; readonly item: number }>,
  { batch, pairs }: EarlierClaim,
  unpaid: ReadonlySet<number>,
): Generator<void, void> {
  for (const [index, [item, earlier]] of pairs.entries()) {
    if (index % PAIRS_AT_ONCE === PAIRS_AT_ONCE - 1) yield
    if (!repeated.has(item) && !unpaid.has(earlier)) repeated.set(item, { batch, item: earlier })
  }
}

/** What became of a claim: its batch was never opened and will not be, may still be, or counts but for unpaid items. */
type Standing =
  | { readonly _tag: "NeverOpened" | "UnderWay" }
  | { readonly _tag: "Counts"; readonly unpaid: ReadonlySet<number>; readonly itemsRead: number }

const unread: Standing = { _tag: "Counts", unpaid: new Set(), itemsRead: 0 }

const standingOf = Effect.fnUntraced(
  function* (claim: EarlierClaim, itemsLeft: number) {
    const [first] = yield* (yield* EventStore).read(claim.batch, 0, 1)
    if (first?.event._tag !== "BatchReceived") return withoutLog(claim)
    if (contentOf(first.event.requestDigest, first.event.rejectedRows) !== claim.request)
      return { _tag: "NeverOpened" } satisfies Standing
    const { itemCount } = first.event
    if (itemCount > itemsLeft) return unread
    const unpaid = yield* batchFromLog(
      claim.batch,
      ({ batch }) => new Set(claim.pairs.flatMap(([, item]) => (isEndedUnpaid(batch, item) ? [item] : []))),
    )
    return { _tag: "Counts", unpaid, itemsRead: itemCount } satisfies Standing
  },
  Effect.catchTag("CorruptEntry", () => Effect.succeed(unread)),
)

/** A log that was there and is not any more was lost, and what it paid was not. */
const withoutLog = ({ opened, ageMs }: EarlierClaim): Standing => {
  if (opened) return unread
  return { _tag: ageMs < UNDER_WAY_MS ? "UnderWay" : "NeverOpened" }
}

/** How many items are repeated, and the first of them. */
export type Found = Pick<Duplicates, "count" | "items">

/** Items in one slice. */
const ITEMS_AT_ONCE = 5_000

/** What stands in any of the maps, in the order of the items, each as the first map says that has it. */
export function* foundIn(itemCount: number, maps: ReadonlyArray<Repeated>): Generator<void, Found> {
  const items: Array<Found["items"][number]> = []
  let count = 0
  for (let item = 1; item <= itemCount; item += 1) {
    if (item % ITEMS_AT_ONCE === 0) yield
    const duplicateOf = maps.find((map) => map.has(item))?.get(item)
    if (duplicateOf === undefined) continue
    count += 1
    if (items.length < DUPLICATES_NAMED_MAX) items.push({ item, duplicateOf })
  }
  return { count, items }
}
