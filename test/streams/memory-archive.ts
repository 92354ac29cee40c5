/** An archive of logs in memory, for tests of who reads them. It has what it is given. */
import { Effect, Layer } from "effect"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import type { LoggedEvent } from "../../src/streams/event-store.ts"
import { type ArchivedLog, LogArchive } from "../../src/streams/log-archive.ts"
import { partitionOf } from "../../src/streams/partition.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"

interface Kept {
  readonly entries: Array<StreamEntry>
  readonly log: ArchivedLog
}

export class MemoryArchive {
  readonly #logs = new Map<BatchId, Kept>()
  /** How often it was asked for anything. */
  asked = 0
  isUnreachable = false

  readonly layer = Layer.sync(LogArchive, () => this.service)

  /** Archives a log up to its end as it is given, and the name that it has reserved. */
  keep(batch: BatchId, events: ReadonlyArray<LoggedEvent>, reservedName?: BatchId): ArchivedLog {
    const last = events.at(-1)
    if (last === undefined) throw new Error("there is nothing to archive")
    const log = {
      ...{ batch, version: last.version, head: last.hash, archivedAt: 0 },
      ...{ unlinkedAt: this.#logs.get(batch)?.log.unlinkedAt, reservedName },
    }
    const entries = events.map(
      ({ version, event, hash }): StreamEntry => [`${version}-0`, ["e", encodeEvent(event), "h", hash]],
    )
    this.#logs.set(batch, { entries, log })
    return log
  }

  /** Notes whether a log is unlinked from Redis. */
  noted(batch: BatchId, unlinkedAt: number | undefined): void {
    const kept = this.#logs.get(batch)
    if (kept !== undefined) this.#logs.set(batch, { ...kept, log: { ...kept.log, unlinkedAt } })
  }

  /** Loses what it has of a batch, or an entry of it, as a store does that came back older or was tampered with. */
  lose(batch: BatchId, version?: number): void {
    if (version === undefined) this.#logs.delete(batch)
    else this.#logs.get(batch)?.entries.splice(version - 1, 1)
  }

  readonly service = LogArchive.of({
    find: (batch) => this.#answer(() => this.#logs.get(batch)?.log),
    entries: (batch, after, limit) =>
      this.#answer(() => this.#logs.get(batch)?.entries.slice(after, after + limit) ?? []),
    reservedFor: (name) =>
      this.#answer(() => [...this.#logs.values()].find(({ log }) => log.reservedName === name)?.log.batch),
    logs: (after, limit) =>
      this.#answer(() =>
        [...this.#logs.values()]
          .map(({ log }) => log)
          .filter(({ batch }) => batch > after)
          .sort((one, other) => (one.batch < other.batch ? -1 : 1))
          .slice(0, limit),
      ),
    unlinkedCounts: this.#answer(() => {
      const counts = new Map<number, number>()
      for (const { log } of this.#logs.values()) {
        if (log.unlinkedAt === undefined) continue
        const partition = partitionOf(log.batch, this.partitions)
        counts.set(partition, (counts.get(partition) ?? 0) + 1)
      }
      return counts
    }),
  })

  /** The number of partitions by which it counts. */
  partitions = 1

  #answer<A>(answer: () => A): Effect.Effect<A, StoreUnavailable> {
    return Effect.suspend(() => {
      this.asked += 1
      return this.isUnreachable
        ? Effect.fail(new StoreUnavailable({ store: "postgres", step: "archive", reason: "ECONNREFUSED" }))
        : Effect.succeed(answer())
    })
  }
}

/** An archive that has nothing, for tests in which no log is ever archived. */
export const emptyArchive = Layer.sync(LogArchive, () => new MemoryArchive().service)
