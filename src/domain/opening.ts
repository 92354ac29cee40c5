/** How a batch begins: what its log has from the start. */
import { Array as Arr, Result } from "effect"
import { emptyBatch } from "./batch.ts"
import type { ReceiveBatch } from "./commands.ts"
import { decide } from "./decide.ts"
import type { BatchEvent } from "./events.ts"
import { CHUNK_MAX } from "./plan.ts"
import type { Decision } from "./rejection.ts"

/** Of a batch that is not there yet. Decisions change nothing. */
const nothing = emptyBatch()

/**
 * The first events of a batch. Its screening is due at once, so a batch that one clearance covers is opened with the request for it: a
 * turn and an append of its worker less. Of a larger batch its worker requests one clearance after the other.
 */
export const decideOpening = (command: ReceiveBatch): Decision =>
  Result.map(decide(nothing, command), (received) => [...received, ...firstRequest(command)])

const firstRequest = ({ at, items }: ReceiveBatch): ReadonlyArray<BatchEvent> =>
  items.length > CHUNK_MAX
    ? []
    : [{ _tag: "ScreeningRequested", at, clearance: 1, items: Arr.map(items, ({ item }) => item) }]
