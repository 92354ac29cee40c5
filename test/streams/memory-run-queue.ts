/**
 * The run queue of one partition in memory, with what Redis' consumer groups are relied on for. The comments on the
 * lines of partners are in functions/library.lua.
 */
import { type BatchId, partnerShardOf } from "../../src/domain/identifiers.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import { MemoryStream } from "./memory-stream.ts"

/** An entry that was delivered, and since when (epoch milliseconds) its owner has been silent. */
interface Pending {
  readonly batch: BatchId
  worker: string
  silentSince: number
}

export class MemoryRunQueue {
  readonly #share: number
  readonly #rang: () => void
  readonly #ready = new MemoryStream()
  /** In the order of their entries, as they are delivered in that order. */
  readonly #pending = new Map<string, Pending>()
  readonly #scheduled = new Set<BatchId>()
  /** How many batches of a partner shard are in the queue, and which ones stand in the partner shard's own line. */
  readonly #queued = new Map<string, number>()
  readonly #waiting = new Map<string, Array<BatchId>>()

  /** `rang` is called for each batch that can be taken from now on. */
  constructor(partnerShare: number, rang: () => void) {
    this.#share = partnerShare
    this.#rang = rang
  }

  isScheduled(batch: BatchId): boolean {
    return this.#scheduled.has(batch)
  }

  /** Schedules a batch, unless it is scheduled. */
  schedule(batch: BatchId, now: number): void {
    if (this.#scheduled.has(batch)) return
    this.#scheduled.add(batch)
    const partnerShard = partnerShardOf(batch)
    const queued = this.#queued.get(partnerShard) ?? 0
    if (queued < this.#share) {
      this.#queued.set(partnerShard, queued + 1)
      this.#enqueue(batch, now)
    } else {
      const line = this.#waiting.get(partnerShard)
      if (line === undefined) this.#waiting.set(partnerShard, [batch])
      else line.push(batch)
    }
  }

  take(worker: string, limit: number, now: number): ReadonlyArray<Ownership> {
    return this.#ready.shift(limit).map(([entry, [batch]]) => {
      const taken = { batch: batch as BatchId, worker, silentSince: now }
      this.#pending.set(entry, taken)
      return { batch: taken.batch, entry, worker }
    })
  }

  isAnySilent(idleMs: number, now: number): boolean {
    return this.#pending.values().some(({ silentSince }) => now - silentSince >= idleMs)
  }

  takeOver(worker: string, idleMs: number, limit: number, now: number): ReadonlyArray<Ownership> {
    const idle = [...this.#pending].filter(([, { silentSince }]) => Math.max(0, now - silentSince) >= idleMs)
    return idle.slice(0, limit).map(([entry, pending]) => {
      pending.worker = worker
      pending.silentSince = now
      return { batch: pending.batch, entry, worker }
    })
  }

  owns({ entry, worker }: Ownership): boolean {
    return this.#pending.get(entry)?.worker === worker
  }

  /** Whether nobody owns a batch by this entry any more. */
  isOver({ entry }: Ownership): boolean {
    return !this.#pending.has(entry)
  }

  /** Whether the batch was still owned, and so is renewed. */
  renew({ entry, worker }: Ownership, now: number): boolean {
    const pending = this.#pending.get(entry)
    if (pending?.worker !== worker) return false
    pending.silentSince = now
    return true
  }

  /** Takes an owned batch out of the queue. The next one of its partner takes its place. */
  release({ batch, entry }: Ownership, now: number): void {
    this.#pending.delete(entry)
    this.#scheduled.delete(batch)
    const partnerShard = partnerShardOf(batch)
    const line = this.#waiting.get(partnerShard)
    const next = line?.shift()
    if (line?.length === 0) this.#waiting.delete(partnerShard)
    if (next !== undefined) this.#enqueue(next, now)
    else this.#queued.set(partnerShard, (this.#queued.get(partnerShard) ?? 0) - 1)
  }

  /** Puts an owned batch at the end of the queue; it keeps its place in its partner shard. */
  handOver({ batch, entry }: Ownership, now: number): void {
    this.#pending.delete(entry)
    this.#enqueue(batch, now)
  }

  #enqueue(batch: BatchId, now: number): void {
    this.#ready.add(now, [batch])
    this.#rang()
  }
}
