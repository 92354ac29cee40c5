/** Records that a cancellation came too late, in an event of bounded size for any number of items. */
import { Array as Arr } from "effect"
import type { Batch } from "./batch.ts"
import type { BatchEventOf } from "./events.ts"

export interface LateItem {
  readonly item: number
  readonly reason: string
}

type Refused = BatchEventOf<"CancellationRefused">
type Range = NonNullable<Refused["ranges"]>[number]

/** Items that an event lists one by one. More are listed as ranges. */
const ITEMS_MAX = 100
/** Ranges in one event, about 25 KB at most. A repeated cancellation records the items beyond. */
const RANGES_MAX = 500

/** The event that refuses a cancellation of items, in the order of their numbers; none if there are no items. */
export const refusalOf = (
  who: Pick<Refused, "at" | "by">,
  late: ReadonlyArray<LateItem>,
): ReadonlyArray<Refused> => {
  if (!Arr.isReadonlyArrayNonEmpty(late)) return []
  if (late.length <= ITEMS_MAX) return [{ _tag: "CancellationRefused", ...who, items: late }]
  const ranges = rangesOf(late).slice(0, RANGES_MAX)
  return Arr.isReadonlyArrayNonEmpty(ranges) ? [{ _tag: "CancellationRefused", ...who, ranges }] : []
}

/** Ranges of consecutive numbers with the same reason. */
const rangesOf = (late: ReadonlyArray<LateItem>): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  for (const { item, reason } of late.toSorted((one, other) => one.item - other.item)) {
    const last = ranges.at(-1)
    if (last?.to === item - 1 && last.reason === reason) ranges[ranges.length - 1] = { ...last, to: item }
    else ranges.push({ from: item, to: item, reason })
  }
  return ranges
}

/** The numbers of the items in a refusal. */
export function* refusedIn({ items, ranges }: Refused): Generator<number> {
  for (const { item } of items ?? []) yield item
  for (const { from, to } of ranges ?? []) for (let item = from; item <= to; item += 1) yield item
}

/** Folds a refusal into the batch, in place: another cancellation of these items adds no event. */
export const refuseCancellation = (batch: Batch, event: Refused): Batch => {
  for (const number of refusedIn(event)) {
    const item = batch.items.get(number)
    if (item !== undefined) item.cancellationRefused = true
  }
  return batch
}
