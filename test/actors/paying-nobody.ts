/** What a worker has around it that pays nobody, for tests of how it looks for batches. */
import { Layer } from "effect"
import { assert } from "vitest"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { StrayCallbacks } from "../../src/streams/stray-callbacks.ts"

/** One partition, and pipelines that no payout may take. */
export const payingNobody = Layer.mergeAll(
  Layer.mock(Partitions, { count: 1, of: () => 0 }),
  Layer.mock(Pipelines, {
    routes: { version: "test", wayOf: () => assert.fail("nothing is paid") },
    capacities: () => new Map(),
    invite: () => 0,
  }),
  Layer.mock(StrayCallbacks, {}),
)
