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
  readonly #partitions: number
  readonly #logs = new Map<BatchId, Kept>()
  /** How often it was asked for anything. */
  asked = 0
  isUnreachable = false
  /** What happens while it is asked for the entries of a log, once. */
  meanwhile: Effect.Effect<unknown> | undefined

  /** It counts by so many partitions. */
  constructor(partitions = 1) {
    this.#partitions = partitions
  }

  readonly layer = Layer.sync(LogArchive, () => this.service)

  /** Archives a log up to its end, with these texts, and the name that it has reserved. */
  keep(
    batch: BatchId,
    events: ReadonlyArray<LoggedEvent>,
    reservedName?: BatchId,
    textOf: (recorded: LoggedEvent) => string = ({ event }) => encodeEvent(event),
  ): ArchivedLog {
    const entries = events.map((recorded): StreamEntry => {
      const { version, hash } = recorded
      return [`${version}-0`, ["e", textOf(recorded), "h", hash]]
    })
    return this.keepEntries(batch, entries, reservedName)
  }

  /** The same, with the entries of a log. */
  keepEntries(batch: BatchId, entries: ReadonlyArray<StreamEntry>, reservedName?: BatchId): ArchivedLog {
    const head = entries.at(-1)?.[1][3]
    if (head === undefined) throw new Error("there is nothing to archive")
    const log = {
      ...{ batch, version: entries.length, head, archivedAt: 0 },
      ...{ unlinkedAt: this.#logs.get(batch)?.log.unlinkedAt, reservedName },
    }
    this.#logs.set(batch, {
      entries: entries.map(([id, [, text = "", , hash = ""]]) => [id, ["e", text, "h", hash]]),
      log,
    })
    return log
  }

  /** Changes the text of an entry. */
  tamperWith(batch: BatchId, version: number): void {
    const entries = this.#logs.get(batch)?.entries
    const [id = "", [, text = "", , hash = ""]] = entries?.[version - 1] ?? ["", []]
    if (entries !== undefined)
      entries[version - 1] = [id, ["e", text.replace("settled", "failed"), "h", hash]]
  }

  /** Notes whether a log is unlinked from Redis. */
  noted(batch: BatchId, unlinkedAt: number | undefined): void {
    const kept = this.#logs.get(batch)
    if (kept !== undefined) this.#logs.set(batch, { ...kept, log: { ...kept.log, unlinkedAt } })
  }

  /** Has no such log any more, as if it had come back older. */
  forget(batch: BatchId): void {
    this.#logs.delete(batch)
  }

  readonly service = LogArchive.of({
    find: (batch) => this.#answer(() => this.#logs.get(batch)?.log),
    entries: (batch, after, limit) =>
      Effect.suspend(() => {
        const found = this.#answer(() => this.#logs.get(batch)?.entries.slice(after, after + limit) ?? [])
        const { meanwhile } = this
        this.meanwhile = undefined
        return meanwhile === undefined ? found : Effect.tap(found, () => meanwhile)
      }),
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
    // Each may be about to be unlinked.
    unlinkedCounts: this.#answer(() => {
      const counts = new Map<number, number>()
      for (const { log } of this.#logs.values()) {
        const partition = partitionOf(log.batch, this.#partitions)
        counts.set(partition, (counts.get(partition) ?? 0) + 1)
      }
      return counts
    }),
  })

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
