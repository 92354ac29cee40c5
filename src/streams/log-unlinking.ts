/**
 * The port by which logs that are archived leave Redis, and come back when they go on. Each step may be repeated, also after an
 * answer was lost. Only logs that the archive has (see log-archive.ts) may be unlinked: whoever calls has verified that.
 */
import { Context, type Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { CorruptEntry } from "./event-store.ts"
import type { ArchivedLog } from "./log-archive.ts"

/** A log as it is archived, which may leave Redis. */
export interface UnlinkableLog {
  readonly batch: BatchId
  /** The tail of the archived log, and its hash. */
  readonly version: number
  readonly head: string
  /** The name that the batch's key in quotes has reserved, if it did: the mark of the reservation leaves Redis with the log. */
  readonly reservedName?: BatchId | undefined
}

/**
 * `unlinked`: the log is not in Redis, and its name is known to be archived. `busy`: the batch has mail, a timer or work left, or
 * is in the run queue: try later. `moved`: the log has another tail: archive the rest first.
 */
export type Unlinking = "unlinked" | "busy" | "moved"

/**
 * `restored`: the whole log is in Redis again. `there`: it is there already. `not-archived`: nobody has it.
 */
export type Restoring = "restored" | "there" | "not-archived"

/** What Redis knows of a partition's unlinked logs. The archive counts them as well. */
export interface UnlinkedCount {
  readonly partition: number
  /** Logs that were unlinked, and not restored since. */
  readonly unlinked: number
  /** Logs that were restored, and not unlinked since. The archive may still count them as unlinked. */
  readonly restored: number
}

export class LogUnlinking extends Context.Service<
  LogUnlinking,
  {
    /**
     * Takes a log out of Redis, if its tail is the archived one and nothing is left to do. Resolves once that is on as many replicas
     * as are configured.
     */
    readonly unlink: (log: UnlinkableLog) => Effect.Effect<Unlinking, StoreUnavailable>
    /** Writes the archived log of a batch to Redis again, whole and as it was, so that it can go on. */
    readonly restore: (batch: BatchId) => Effect.Effect<Restoring, StoreUnavailable | CorruptEntry>
    /** What each partition counts. Those that do not answer are left out; fails if none does. */
    readonly counts: Effect.Effect<ReadonlyArray<UnlinkedCount>, StoreUnavailable>
    /**
     * Batches whose logs were restored and not unlinked since: of each partition at most `limit`, those that were restored first. They
     * may be unlinked again, also if nothing was added to them.
     */
    readonly restored: (limit: number) => Effect.Effect<ReadonlyArray<BatchId>, StoreUnavailable>
    /** Adds the names of archived batches, or reserved ones, to the filters that say which names may be archived. */
    readonly mark: (names: ReadonlyArray<BatchId>) => Effect.Effect<void, StoreUnavailable>
    /**
     * Makes what the archive has of a partition what Redis knows: its filter, and its counts. For after a store lost history, while
     * nothing is unlinked or restored. Gives page by page to `gone` the archived logs of the partition that are not in Redis although
     * the archive does not count them as unlinked, so that it does. Gives how many are not in Redis.
     */
    readonly recount: <E, R>(
      partition: number,
      gone: (logs: ReadonlyArray<ArchivedLog>) => Effect.Effect<void, E, R>,
    ) => Effect.Effect<number, E | StoreUnavailable, R>
  }
>()("atlaspay/streams/LogUnlinking") {}
