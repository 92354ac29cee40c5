/**
 * One partition of the event log in memory. Each method is one atomic step and answers as the function of the same
 * name in functions/ does; those say why. `now` is in epoch milliseconds.
 */
import { type BatchId, partnerShardOf } from "../../src/domain/identifiers.ts"
import type { LogPlace } from "../../src/streams/archived-reading.ts"
import type { Append } from "../../src/streams/event-store.ts"
import { chainStart, type LinkedEvent } from "../../src/streams/hash-chain.ts"
import type { Unlinking } from "../../src/streams/log-unlinking.ts"
import type { CommandId } from "../../src/streams/mailbox.ts"
import { STAGED_MS } from "../../src/streams/opening-steps.ts"
import type { Admitted, Ownership } from "../../src/streams/run-queue.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"
import { MemoryRunQueue } from "./memory-run-queue.ts"
import { MemoryStream } from "./memory-stream.ts"

/** An event of a log; `command` is the id of the append that it begins, or empty. */
interface Written extends LinkedEvent {
  readonly command: string
}

interface Staged {
  readonly events: Array<Written>
  expiresAt: number
}

export class MemoryPartition {
  readonly queue: MemoryRunQueue
  readonly feed = new MemoryStream()
  /** By partner shard how many batches are open, and how many were ever closed. */
  readonly shares = new Map<string, number>()
  closed = 0
  readonly #logs = new Map<BatchId, Array<Written>>()
  readonly #staged = new Map<string, Staged>()
  /** By batch and id: the digest of what was enqueued, and until when it is recognised. */
  readonly #enqueued = new Map<string, { readonly digest: string; readonly until: number }>()
  readonly #mail = new Map<BatchId, MemoryStream>()
  readonly #timers = new Map<BatchId, number>()
  readonly #open = new Map<BatchId, number>()
  readonly #reserved = new Map<BatchId, number>()
  readonly #archivedNames = new Set<BatchId>()
  readonly #restored = new Set<BatchId>()
  #unlinks = 0
  #unlinked = 0

  constructor(partnerShare: number, rang: () => void) {
    this.queue = new MemoryRunQueue(partnerShare, rang)
  }

  /** `after` events are staged already. */
  stage(
    batch: BatchId,
    command: string,
    after: number,
    events: ReadonlyArray<LinkedEvent>,
    now: number,
  ): Opening {
    const first = this.#logs.get(batch)?.[0]
    if (first !== undefined && first.command !== command) return { _tag: "EXISTS", first: first.text }
    const staged = this.#stagedFor(batch, command, now)
    if (staged.events.length === after + events.length) return { _tag: "STAGED" }
    if (staged.events.length !== after) return { _tag: "UNSTAGED" }
    staged.events.push(...written(events, command))
    staged.expiresAt = now + STAGED_MS
    this.#staged.set(`${batch}:${command}`, staged)
    return { _tag: "STAGED" }
  }

  open(
    batch: BatchId,
    command: string,
    after: number,
    events: ReadonlyArray<LinkedEvent>,
    now: number,
    openBy = Number.POSITIVE_INFINITY,
    askedAt = "",
  ): Opening {
    const first = this.#logs.get(batch)?.[0]
    const staged = this.#stagedFor(batch, command, now).events
    const reservedAt = this.#reserved.get(batch)
    if (first === undefined && reservedAt !== undefined) {
      this.#staged.delete(`${batch}:${command}`)
      return { _tag: "RESERVED", at: reservedAt, now }
    }
    if (first === undefined && this.#hasToAsk(batch, askedAt)) return this.#ask(now)
    if (first === undefined && now > openBy) return { _tag: "LATE" }
    if (first === undefined && staged.length !== after) return { _tag: "UNSTAGED" }
    this.#staged.delete(`${batch}:${command}`)
    if (first !== undefined)
      return first.command === command ? { _tag: "OPENED" } : { _tag: "EXISTS", first: first.text }
    const log = [...staged, ...written(events, command)]
    this.#logs.set(batch, log)
    this.#announce(batch, 1, chainStart(batch), log, now)
    this.#touch(batch, now)
    this.queue.schedule(batch, now, "new")
    return { _tag: "OPENED" }
  }

  reserve(batch: BatchId, now: number, askedAt = ""): Opening {
    const first = this.#logs.get(batch)?.[0]
    if (first !== undefined) return { _tag: "EXISTS", first: first.text }
    if (this.#hasToAsk(batch, askedAt)) return this.#ask(now)
    this.#reserved.set(batch, now)
    return { _tag: "RESERVED", at: now, now }
  }

  cancelReservation(batch: BatchId, at: number): void {
    if (this.#reserved.get(batch) === at) this.#reserved.delete(batch)
  }

  enqueue(
    batch: BatchId,
    command: string,
    { id, digest, keptMs }: CommandId,
    mailboxMax: number,
    now: number,
  ): Enqueued {
    const before = this.digestEnqueued(batch, id, now)
    if (before !== undefined) return before === digest ? "ENQUEUED" : "REUSED"
    if (!this.#logs.has(batch)) return this.#archivedNames.has(batch) ? "ASK" : "NONE"
    const mail = this.#mailOf(batch)
    if (mail.length >= mailboxMax) return "FULL"
    mail.add(now, ["c", command, "i", id])
    this.#mail.set(batch, mail)
    this.#enqueued.set(`${batch}:${id}`, { digest, until: now + keptMs })
    this.queue.schedule(batch, now)
    return "ENQUEUED"
  }

  /** The digest of the command that was enqueued under an id, while it is recognised. */
  digestEnqueued(batch: BatchId, id: string, now: number): string | undefined {
    const enqueued = this.#enqueued.get(`${batch}:${id}`)
    return enqueued !== undefined && now < enqueued.until ? enqueued.digest : undefined
  }

  append(owned: Ownership, append: Append, events: ReadonlyArray<LinkedEvent>, now: number): Appended {
    const { batch } = owned
    const { expectedVersion, head, commandId, release } = append
    const log = this.#logs.get(batch) ?? []
    const mail = this.#mailOf(batch)
    const version = expectedVersion + events.length
    if (log.length !== expectedVersion || log.at(-1)?.hash !== head) {
      const done = events.length > 0 && log.length === version && log[expectedVersion]?.command === commandId
      const isReleased = release !== undefined && this.queue.isOver(owned)
      return done ? { _tag: "APPENDED", version, mailWaiting: mail.length, isReleased } : { _tag: "MOVED" }
    }
    if (!this.queue.owns(owned)) return { _tag: "LOST" }

    if (events.length > 0) {
      const appended = written(events, commandId)
      log.push(...appended)
      this.#announce(batch, expectedVersion + 1, head, appended, now)
    }
    mail.delete(append.handled)
    if (append.open) this.#touch(batch, now)
    else if (this.#open.delete(batch)) {
      this.#count(batch, -1)
      this.closed += 1
    }
    const isReleased =
      release !== undefined &&
      this.release(owned, release.wakeAt, false, now, release.admitted) === "RELEASED"
    return { _tag: "APPENDED", version, mailWaiting: mail.length, isReleased }
  }

  release(
    owned: Ownership,
    wakeAt: number | undefined,
    leaveMail: boolean,
    now: number,
    admitted: Admitted = "next",
  ) {
    const { batch } = owned
    if (!this.queue.owns(owned)) return this.queue.isOver(owned) ? "RELEASED" : "LOST"
    if (!leaveMail && this.#mailOf(batch).length > 0) return "MAIL"
    this.queue.release(owned, now, admitted)
    if (wakeAt === undefined) this.#timers.delete(batch)
    else this.#timers.set(batch, wakeAt)
    return "RELEASED"
  }

  postpone(owned: Ownership, now: number): "POSTPONED" | "LOST" {
    if (!this.queue.owns(owned)) return this.queue.isOver(owned) ? "POSTPONED" : "LOST"
    this.queue.postpone(owned, now)
    return "POSTPONED"
  }

  handOver(owned: Ownership, now: number): "HANDED" | "LOST" {
    if (!this.queue.owns(owned)) return this.queue.isOver(owned) ? "HANDED" : "LOST"
    this.queue.handOver(owned, now)
    return "HANDED"
  }

  /** When the first timer is due; `undefined` if none is set. */
  get nextTimer(): number | undefined {
    return this.#timers.size === 0 ? undefined : Math.min(...this.#timers.values())
  }

  /** Timers are due at `until`; the step itself is done at `now`. */
  wake(until: number, limit: number, now: number): number {
    const due = first(this.#timers, until, limit)
    for (const batch of due) {
      this.#timers.delete(batch)
      this.queue.schedule(batch, now)
    }
    return due.length
  }

  /** There is nothing to mend here: the run queue loses no entries. But a partner's share may have room. */
  sweep(before: number, touchedAt: number, limit: number, now: number): number {
    const admitted = new Set<string>()
    let scheduled = 0
    for (const batch of first(this.#open, before, limit)) {
      this.#open.set(batch, touchedAt)
      const partnerShard = partnerShardOf(batch)
      if (!admitted.has(partnerShard)) this.queue.admitNext(partnerShard, now)
      admitted.add(partnerShard)
      if (this.queue.isScheduled(batch) || this.#timers.has(batch)) continue
      this.queue.schedule(batch, now)
      scheduled += 1
    }
    return scheduled
  }

  /** Entries of a log after a version, as Redis would give them. */
  read(batch: BatchId, after: number, limit: number): ReadonlyArray<StreamEntry> {
    const events = this.#logs.get(batch)?.slice(after, after + limit) ?? []
    return events.map(({ text, hash, command }, index) => [
      `${after + index + 1}-0`,
      ["e", text, "h", hash, "c", command],
    ])
  }

  find(batch: BatchId): LogPlace {
    const log = this.#logs.get(batch)
    if (log !== undefined) return { _tag: "Here", version: log.length }
    return { _tag: this.#archivedNames.has(batch) ? "MaybeArchived" : "Nowhere" }
  }

  unlink(batch: BatchId, version: number, head: string): Unlinking {
    const log = this.#logs.get(batch)
    if (log === undefined && this.#archivedNames.has(batch)) return "unlinked"
    if (log !== undefined && (log.length !== version || log.at(-1)?.hash !== head)) return "moved"
    const hasWork = this.#open.has(batch) || this.#timers.has(batch) || this.queue.isScheduled(batch)
    if (log !== undefined && (hasWork || this.#mailOf(batch).length > 0)) return "busy"
    this.#archivedNames.add(batch)
    this.#unlinks += 1
    this.#unlinked += 1
    this.#restored.delete(batch)
    this.#logs.delete(batch)
    this.#mail.delete(batch)
    return "unlinked"
  }

  restore(batch: BatchId, events: ReadonlyArray<LinkedEvent>): "restored" | "there" {
    if (this.#logs.has(batch)) return "there"
    this.#logs.set(
      batch,
      events.map((event) => ({ ...event, command: "" })),
    )
    if (this.#archivedNames.has(batch)) this.#unlinked -= 1
    this.#restored.add(batch)
    return "restored"
  }

  forgetReservation(name: BatchId): void {
    this.#archivedNames.add(name)
    this.#unlinks += 1
    this.#reserved.delete(name)
  }

  mark(name: BatchId): void {
    this.#archivedNames.add(name)
  }

  get unlinkedCount() {
    return { unlinked: this.#unlinked, restored: this.#restored.size }
  }

  get restored(): ReadonlyArray<BatchId> {
    return [...this.#restored]
  }

  mail(batch: BatchId, limit: number): ReadonlyArray<StreamEntry> {
    return this.#mailOf(batch).from("0-0", limit)
  }

  #hasToAsk(batch: BatchId, askedAt: string): boolean {
    return this.#archivedNames.has(batch) && askedAt !== String(this.#unlinks)
  }

  #ask(now: number): Opening {
    return { _tag: "ASK", unlinks: String(this.#unlinks), now }
  }

  #mailOf(batch: BatchId): MemoryStream {
    return this.#mail.get(batch) ?? new MemoryStream()
  }

  #stagedFor(batch: BatchId, command: string, now: number): Staged {
    const staged = this.#staged.get(`${batch}:${command}`)
    return staged !== undefined && now < staged.expiresAt ? staged : { events: [], expiresAt: now }
  }

  #announce(batch: BatchId, from: number, base: string, events: ReadonlyArray<Written>, now: number): void {
    const [to, head] = [from + events.length - 1, events.at(-1)?.hash ?? base]
    this.feed.add(now, ["b", batch, "f", String(from), "t", String(to), "p", base, "h", head])
  }

  /** Keeps a batch in the set of open ones. */
  #touch(batch: BatchId, now: number): void {
    if (!this.#open.has(batch)) this.#count(batch, 1)
    this.#open.set(batch, now)
  }

  #count(batch: BatchId, change: number): void {
    const open = (this.shares.get(partnerShardOf(batch)) ?? 0) + change
    if (open > 0) this.shares.set(partnerShardOf(batch), open)
    else this.shares.delete(partnerShardOf(batch))
  }
}

export type Opening =
  | { readonly _tag: "RESERVED"; readonly at: number; readonly now: number }
  | { readonly _tag: "OPENED" }
  | { readonly _tag: "STAGED" }
  | { readonly _tag: "UNSTAGED" | "LATE" }
  | { readonly _tag: "EXISTS"; readonly first: string }
  | { readonly _tag: "ASK"; readonly unlinks: string; readonly now: number }

type Enqueued = "ENQUEUED" | "ASK" | "REUSED" | "FULL" | "NONE"

export type Appended =
  | {
      readonly _tag: "APPENDED"
      readonly version: number
      readonly mailWaiting: number
      readonly isReleased: boolean
    }
  | { readonly _tag: "LOST" }
  | { readonly _tag: "MOVED" }

const written = (events: ReadonlyArray<LinkedEvent>, command: string): ReadonlyArray<Written> =>
  events.map((event, index) => ({ ...event, command: index === 0 ? command : "" }))

/** The batches of a sorted set up to a score, lowest first, and by name among equals. */
const first = (scores: ReadonlyMap<BatchId, number>, until: number, limit: number): ReadonlyArray<BatchId> =>
  [...scores]
    .filter(([, score]) => score <= until)
    .sort(([one, oneScore], [other, otherScore]) => oneScore - otherScore || (one < other ? -1 : 1))
    .slice(0, limit)
    .map(([batch]) => batch)
