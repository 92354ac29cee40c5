/**
 * Whether payouts that were claimed earlier count as duplicates, by the logs of their batches. The work is bounded: what
 * was not looked into counts.
 */
import { Effect } from "effect"
import { isEndedUnpaid } from "../../domain/batch.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import type { EarlierClaim } from "../../register/payout-claims.ts"
import { EventStore } from "../../streams/event-store.ts"
import { batchFromLog } from "./batch-from-log.ts"

/** Claims that are looked into for one request, and items of the batches that are folded for it. */
const CLAIMS_MAX = 128
const ITEMS_MAX = 200_000

/** After this, a request that made a claim opens no batch any more. */
export const OPEN_WITHIN_MS = 60_000
/** A claim without a batch that is younger may still get one. The difference allows for clocks of two servers. */
export const UNDER_WAY_MS = 2 * OPEN_WITHIN_MS

export interface EarlierPayouts {
  /** By item of the new batch: the payout that it repeats. */
  readonly repeated: ReadonlyMap<number, { readonly batch: BatchId; readonly item: number }>
  /** Claims of requests that may be about to open their batches, in case nothing else is repeated. */
  readonly underWay: ReadonlyArray<EarlierClaim>
}

/** Looks into earlier claims, in their order. */
export const earlierPayouts = Effect.fnUntraced(function* (claims: ReadonlyArray<EarlierClaim>) {
  const repeated = new Map<number, { readonly batch: BatchId; readonly item: number }>()
  const underWay: Array<EarlierClaim> = []
  let itemsLeft = ITEMS_MAX
  for (const [index, claim] of claims.entries()) {
    const { batch, pairs } = claim
    const standing = index < CLAIMS_MAX ? yield* standingOf(claim, itemsLeft) : unread
    if (standing._tag === "UnderWay") underWay.push(claim)
    if (standing._tag !== "Counts") continue
    itemsLeft -= standing.itemsRead
    for (const [item, earlier] of pairs)
      if (!repeated.has(item) && !standing.unpaid.has(earlier)) repeated.set(item, { batch, item: earlier })
  }
  return { repeated, underWay } satisfies EarlierPayouts as EarlierPayouts
})

/** What became of a claim: its batch was never opened and will not be, may still be, or counts but for unpaid items. */
type Standing =
  | { readonly _tag: "NeverOpened" | "UnderWay" }
  | { readonly _tag: "Counts"; readonly unpaid: ReadonlySet<number>; readonly itemsRead: number }

const unread: Standing = { _tag: "Counts", unpaid: new Set(), itemsRead: 0 }

const standingOf = Effect.fnUntraced(
  function* (claim: EarlierClaim, itemsLeft: number) {
    const [first] = yield* (yield* EventStore).read(claim.batch, 0, 1)
    if (first?.event._tag !== "BatchReceived") return withoutLog(claim)
    if (first.event.requestDigest !== claim.request) return { _tag: "NeverOpened" } satisfies Standing
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
