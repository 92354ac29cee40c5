/**
 * The port to stored logs as they were written: their texts, from Redis or the archive. Programs that replay read through it and have
 * no other way to a log, so they can neither append nor command anything.
 */
import { Context, Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { beginningOf } from "../streams/event-range.ts"
import { CorruptEntry } from "../streams/event-store.ts"
import { linkOf } from "../streams/hash-chain.ts"
import type { LogIndex } from "../streams/log-index.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"

export class StoredLogs extends Context.Service<
  StoredLogs,
  {
    /** At most `limit` entries of a log after a version, in order; none after its end, and none of a log that does not exist. */
    readonly entries: (
      batch: BatchId,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<StreamEntry>, StoreUnavailable | CorruptEntry>
    /** The names of all logs. */
    readonly page: LogIndex["Service"]["page"]
  }
>()("atlaspay/replay/StoredLogs") {}

/** An event as it was written, and the link of the hash chain at it. */
export interface WrittenEvent {
  readonly version: number
  readonly text: string
  readonly hash: string
}

const PAGE_MIN = 16
const PAGE_MAX = 512

/**
 * Visits all events of a log in order, page by page, with gaps and the hash chain checked. Gives the last version, 0 if there is no
 * log, and its hash. What the visitor throws is a {@link CorruptEntry}: the event is not legal. It returns `false` to stop.
 */
export const visitWritten = Effect.fnUntraced(function* (
  { entries }: Pick<StoredLogs["Service"], "entries">,
  batch: BatchId,
  visit: (written: WrittenEvent) => boolean | undefined,
): Effect.fn.Return<{ readonly version: number; readonly head: string }, StoreUnavailable | CorruptEntry> {
  let { version, head } = beginningOf(batch)
  let limit = PAGE_MIN
  while (true) {
    const page = yield* entries(batch, version, limit)
    for (const entry of page) {
      const written = yield* checked(batch, version, head, entry)
      let goesOn: boolean | undefined
      try {
        goesOn = visit(written)
      } catch (error) {
        const reason = error instanceof Error ? error.message : "the event is not legal"
        return yield* new CorruptEntry({ batch, entry: entry[0], reason })
      }
      version += 1
      head = written.hash
      if (goesOn === false) return { version, head }
    }
    if (page.length === 0) return { version, head }
    limit = Math.min(2 * limit, PAGE_MAX)
    yield* Effect.yieldNow
  }
})

const checked = (
  batch: BatchId,
  after: number,
  head: string,
  [entry, [, text = "", , hash = ""]]: StreamEntry,
): Effect.Effect<WrittenEvent, CorruptEntry> => {
  const corrupt = (reason: string) => Effect.fail(new CorruptEntry({ batch, entry, reason }))
  const version = after + 1
  if (entry !== `${version}-0`) return corrupt(`expected version ${version}: the log has a gap`)
  if (linkOf(head, text) !== hash)
    return corrupt("its hash does not follow from its predecessor: the log was changed")
  return Effect.succeed({ version, text, hash })
}
