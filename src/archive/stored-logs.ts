/** The port to what Redis itself has of a log. The event store would answer from the archive where Redis has none. */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"

export class StoredLogs extends Context.Service<
  StoredLogs,
  {
    /** At most `limit` entries of a log in Redis after a version, as they are there; none if there is no such log. */
    readonly entries: (
      batch: BatchId,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<StreamEntry>, StoreUnavailable>
  }
>()("atlaspay/archive/StoredLogs") {}
