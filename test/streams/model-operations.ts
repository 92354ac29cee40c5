/**
 * The operations of the model test as data, and how one is done on an adapter. Ids that an adapter makes up (of
 * entries, mail, and feed positions) are exchanged for names that count them, so that the answers of two adapters can
 * be compared, and an operation can be given to both.
 */
import { Effect, type Result } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import type { Admitted, Ownership } from "../../src/streams/run-queue.ts"
import { closing, commandId, news, takeFrom } from "./log-under-test.ts"
import type { MemoryArchive } from "./memory-archive.ts"
import type { WholeLog } from "./whole-log.ts"

/** Numbers of `closing` events: what an append or an open adds. */
type Events = ReadonlyArray<number>

export type Operation =
  | { readonly does: "open"; readonly batch: BatchId; readonly events: Events; readonly command: string }
  | {
      readonly does: "enqueue"
      readonly batch: BatchId
      readonly at: number
      readonly command: string
      readonly digest: string
    }
  | {
      readonly does: "wasEnqueued"
      readonly batch: BatchId
      readonly command: string
      readonly digest: string
    }
  | {
      readonly does: "append"
      readonly owned: Ownership
      readonly version: number
      readonly head: string
      readonly events: Events
      readonly handled: ReadonlyArray<string>
      readonly command: string
      readonly open: boolean
      readonly release: { readonly wakeAt: number | undefined; readonly admitted: Admitted } | undefined
    }
  | {
      readonly does: "read"
      readonly batch: BatchId
      readonly after: number
      readonly limit: number
      readonly head: string | undefined
    }
  /** Archives a log as far as it is there, and takes it out; or tries to, as it was archived before. */
  | { readonly does: "unlink"; readonly batch: BatchId; readonly isArchivedAnew: boolean }
  | { readonly does: "restore"; readonly batch: BatchId }
  | { readonly does: "counts" }
  | { readonly does: "mail"; readonly batch: BatchId; readonly limit: number }
  | { readonly does: "take"; readonly worker: string; readonly limit: number }
  | { readonly does: "takeOver"; readonly worker: string; readonly idleMs: number; readonly limit: number }
  | { readonly does: "renew"; readonly owned: ReadonlyArray<Ownership> }
  | {
      readonly does: "release"
      readonly owned: Ownership
      readonly wakeAt: number | undefined
      readonly leave: boolean
      readonly admitted: Admitted
    }
  | { readonly does: "postpone"; readonly owned: Ownership }
  | { readonly does: "admit"; readonly limit: number }
  | { readonly does: "handOver"; readonly owned: Ownership }
  | { readonly does: "retire"; readonly worker: string }
  | { readonly does: "wake"; readonly now: number; readonly limit: number }
  | { readonly does: "sweep"; readonly before: number; readonly now: number; readonly limit: number }
  | { readonly does: "backlog" }
  | { readonly does: "feed"; readonly partition: number; readonly after: string; readonly limit: number }
  | { readonly does: "trimFeed"; readonly partition: number; readonly before: string }

/** What an operation was answered, with names for ids. */
export type Answer = Result.Result<unknown, unknown>

/** An adapter with its archive, and the names of the ids that it made up. */
export class Subject {
  readonly log: WholeLog
  readonly #unlinking: LogUnlinking["Service"]
  readonly #archive: MemoryArchive
  readonly #names = new Map<string, string>()
  readonly #ids = new Map<string, string>()

  constructor(log: WholeLog, unlinking: LogUnlinking["Service"], archive: MemoryArchive) {
    this.log = log
    this.#unlinking = unlinking
    this.#archive = archive
  }

  /** Does an operation; the answer is its result or its expected failure. */
  answer(operation: Operation): Effect.Effect<Answer> {
    const outcome: Effect.Effect<unknown, object> = this.#do(operation)
    // Only the fields of a failure: its stack is another with each adapter.
    return Effect.result(
      Effect.mapError(outcome, (failure) => ({ ...failure, stack: undefined, stacks: undefined })),
    )
  }

  #do(operation: Operation) {
    const { log } = this
    switch (operation.does) {
      case "open":
        return log.open(operation.batch, operation.events.map(closing), operation.command)
      case "enqueue":
        return log.enqueue(
          operation.batch,
          news(operation.at),
          commandId(operation.command, operation.digest),
        )
      case "wasEnqueued":
        return log.wasEnqueued(operation.batch, commandId(operation.command, operation.digest))
      case "append":
        return log.append(this.#known(operation.owned), {
          expectedVersion: operation.version,
          head: operation.head,
          events: operation.events.map(closing),
          handled: operation.handled.map((name) => this.#id(name)),
          commandId: operation.command,
          open: operation.open,
          release: operation.release,
        })
      case "read":
        return log.read(operation.batch, operation.after, operation.limit, operation.head)
      case "unlink":
        return this.#unlink(operation.batch, operation.isArchivedAnew)
      case "restore":
        return this.#unlinking.restore(operation.batch)
      case "counts":
        return this.#unlinking.counts
      case "mail":
        return Effect.map(log.mail(operation.batch, operation.limit), (mail) =>
          mail.map(({ id, command }) => ({ name: this.#name(`mail ${operation.batch}`, id), command })),
        )
      case "take":
        return Effect.map(takeFrom(log, operation.worker, operation.limit, 1), (taken) => this.#named(taken))
      case "takeOver":
        return Effect.map(log.takeOver(operation.worker, operation.idleMs, operation.limit), (taken) =>
          this.#named(taken),
        )
      case "renew":
        return Effect.map(log.renew(operation.owned.map((owned) => this.#known(owned))), (lost) =>
          this.#named(lost),
        )
      case "release":
        return log.release(
          this.#known(operation.owned),
          operation.wakeAt,
          operation.leave ? "leave" : undefined,
          operation.admitted,
        )
      case "postpone":
        return log.postpone(this.#known(operation.owned))
      case "admit":
        return log.admit(operation.limit)
      case "handOver":
        return log.handOver(this.#known(operation.owned))
      case "retire":
        return log.retire(operation.worker)
      case "wake":
        return log.wake(operation.now, operation.limit)
      case "sweep":
        return log.sweep(operation.before, operation.now, operation.limit)
      case "backlog":
        return log.backlog
      case "feed":
        return log.entries(operation.partition, this.#id(operation.after), operation.limit).pipe(
          Effect.map((entries) =>
            entries.map(({ id, ...entry }) => ({
              name: this.#name(`feed ${operation.partition}`, id),
              ...entry,
            })),
          ),
          Effect.mapError(({ _tag }) => ({ _tag })),
        )
      case "trimFeed":
        return log.trim(operation.partition, this.#id(operation.before))
    }
  }

  readonly #unlink = Effect.fnUntraced({ self: this }, function* (batch: BatchId, isArchivedAnew: boolean) {
    if (isArchivedAnew) {
      const events = yield* this.log.read(batch, 0, 10_000)
      if (events.length > 0) this.#archive.keep(batch, events)
    }
    const archived = yield* this.#archive.service.find(batch)
    return archived === undefined ? "not-archived" : yield* this.#unlinking.unlink(archived)
  })

  /** Ownerships with names for their entries, one partition after another: which comes first is nobody's promise. */
  #named(owned: ReadonlyArray<Ownership>): ReadonlyArray<Ownership> {
    const partitionOf = ({ batch }: Ownership) => this.log.partitions.of(batch)
    return owned
      .toSorted((one, other) => partitionOf(one) - partitionOf(other))
      .map((one) => ({ ...one, entry: this.#name(`entry ${partitionOf(one)}`, one.entry) }))
  }

  #known(owned: Ownership): Ownership {
    return { ...owned, entry: this.#id(owned.entry) }
  }

  #name(scope: string, id: string): string {
    const key = `${scope} ${id}`
    const name = this.#names.get(key) ?? `${scope} #${this.#names.size}`
    this.#names.set(key, name)
    this.#ids.set(name, id)
    return name
  }

  /** The id behind a name; what is no name is an id. */
  #id(name: string): string {
    return this.#ids.get(name) ?? name
  }
}
