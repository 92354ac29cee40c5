/** The port to the names of all logs, for whoever goes over all of history: the truth about which batches there are. */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** Where a walk over the logs goes on; an opaque text. */
export type LogIndexCursor = string

export const LOG_INDEX_START: LogIndexCursor = ""

export interface LogIndexPage {
  readonly batches: ReadonlyArray<BatchId>
  /** Nothing after the last page. */
  readonly next: LogIndexCursor | undefined
  /** Of the archive: its names come once each, in order, so that nobody has to remember them. */
  readonly isInOrder?: boolean
}

export class LogIndex extends Context.Service<
  LogIndex,
  {
    /**
     * A page of the batches that have a log, in Redis or in the archive: about `limit` of them, perhaps none. All pages together have
     * each log that is there for the whole of the walk, some more than once, in no order.
     */
    readonly page: (cursor: LogIndexCursor, limit: number) => Effect.Effect<LogIndexPage, StoreUnavailable>
  }
>()("atlaspay/streams/LogIndex") {}
