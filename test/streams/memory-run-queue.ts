/**
 * The run queue of one partition in memory, with what Redis' consumer groups are relied on for. The comments on the
 * lines of partners are in functions/library.lua.
 */
import { type BatchId, partnerShardOf } from "../../src/domain/identifiers.ts"
import type { Admitted, Ownership } from "../../src/streams/run-queue.ts"
import { MemoryStream } from "./memory-stream.ts"

/** An entry that was delivered, and since when (epoch milliseconds) its owner has been silent. */
interface Pending {
  readonly batch: BatchId
  worker: string
  silentSince: number
}

/** Who comes first in a line. */
const ORDER = ["begun", "postponed", "new"] as const
type Kind = (typeof ORDER)[number]
type Place = readonly [kind: Kind, batch: BatchId]

/** As in functions/admit.lua. */
const PASSED_MAX = 64

export class MemoryRunQueue {
  readonly #share: number
  readonly #rang: () => void
  readonly #ready = new MemoryStream()
  /** In the order of their entries, as they are delivered in that order. */
  readonly #pending = new Map<string, Pending>()
  readonly #scheduled = new Set<BatchId>()
  /** How many batches of a partner shard are in the queue, and which ones stand in the partner shard's own line. */
  readonly #queued = new Map<string, number>()
  readonly #waiting = new Map<string, Array<Place>>()
  /** The partner shard whose turn was last. */
  #lastShard = ""

  /** `rang` is called for each batch that can be taken from now on. */
  constructor(partnerShare: number, rang: () => void) {
    this.#share = partnerShare
    this.#rang = rang
  }

  get isAnyWaiting(): boolean {
    return this.#waiting.size > 0
  }

  isScheduled(batch: BatchId): boolean {
    return this.#scheduled.has(batch)
  }

  /** Schedules a batch, unless it is scheduled. */
  schedule(batch: BatchId, now: number, kind: "begun" | "new" = "begun"): void {
    if (this.#scheduled.has(batch)) return
    this.#scheduled.add(batch)
    const partnerShard = partnerShardOf(batch)
    const overtakes = kind === "new" && this.#waiting.has(partnerShard)
    if (this.#roomOf(partnerShard) > 0 && !overtakes) this.#admit([kind, batch], now)
    else this.#stand([kind, batch])
  }

  take(worker: string, limit: number, now: number): ReadonlyArray<Ownership> {
    return this.#ready.shift(limit).map(([entry, [batch, kind]]) => {
      const taken = { batch: batch as BatchId, worker, silentSince: now }
      this.#pending.set(entry, taken)
      const owned = { batch: taken.batch, entry, worker }
      return kind === "begun" ? owned : { ...owned, isNew: true }
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

  /** Takes an owned batch out of the queue. The next ones of its partner take its place. */
  release({ batch, entry }: Ownership, now: number, admitted: Admitted = "next"): void {
    this.#scheduled.delete(batch)
    this.#leave(batch, entry)
    this.admitNext(partnerShardOf(batch), now, admitted)
  }

  /** Puts an owned batch back into its line. */
  postpone({ batch, entry }: Ownership, now: number): void {
    this.#leave(batch, entry)
    this.#stand(["postponed", batch])
    this.admitNext(partnerShardOf(batch), now, "begun")
  }

  /** Admits from one line after the other, in the order of their partner shards. */
  admit(limit: number, now: number): number {
    let [admitted, passed] = [0, 0]
    while (admitted < limit && passed < PASSED_MAX && this.#waiting.size > 0) {
      const shards = [...this.#waiting.keys()].sort()
      const shard = shards.find((shard) => shard > this.#lastShard) ?? shards[0] ?? ""
      const place = this.#waiting.get(shard)?.[0]
      this.#lastShard = shard
      if (place === undefined || this.#roomOf(shard) <= 0) passed += 1
      else {
        this.#admit(place, now)
        admitted += 1
        passed = 0
      }
    }
    if (this.#waiting.size === 0) this.#lastShard = ""
    return admitted
  }

  /** Puts an owned batch at the end of the queue; it keeps its place in its partner shard. */
  handOver({ batch, entry }: Ownership, now: number): void {
    this.#pending.delete(entry)
    this.#enqueue(["begun", batch], now)
  }

  #leave(batch: BatchId, entry: string): void {
    this.#pending.delete(entry)
    const partnerShard = partnerShardOf(batch)
    this.#queued.set(partnerShard, (this.#queued.get(partnerShard) ?? 0) - 1)
  }

  /** Lets the next ones of a partner's line in, if its share has room. */
  admitNext(partnerShard: string, now: number, admitted: Admitted = "next"): void {
    const line = this.#waiting.get(partnerShard) ?? []
    const next = admitted === "begun" ? line.filter(([kind]) => kind === "begun") : line
    for (const place of next.slice(0, Math.min(2, this.#roomOf(partnerShard)))) this.#admit(place, now)
  }

  #roomOf(partnerShard: string): number {
    return this.#share - (this.#queued.get(partnerShard) ?? 0)
  }

  /** Moves a batch into the queue, out of its line if it has a place there. */
  #admit(place: Place, now: number): void {
    const partnerShard = partnerShardOf(place[1])
    this.#queued.set(partnerShard, (this.#queued.get(partnerShard) ?? 0) + 1)
    const left = (this.#waiting.get(partnerShard) ?? []).filter((other) => other !== place)
    if (left.length === 0) this.#waiting.delete(partnerShard)
    else this.#waiting.set(partnerShard, left)
    this.#enqueue(place, now)
  }

  #stand(place: Place): void {
    const partnerShard = partnerShardOf(place[1])
    const line = [...(this.#waiting.get(partnerShard) ?? []), place]
    this.#waiting.set(
      partnerShard,
      line.toSorted(([one], [other]) => ORDER.indexOf(one) - ORDER.indexOf(other)),
    )
  }

  #enqueue([kind, batch]: Place, now: number): void {
    this.#ready.add(now, [batch, kind])
    this.#rang()
  }
}
