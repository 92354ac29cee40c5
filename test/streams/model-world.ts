/**
 * What two or three workers and some partners might do next, sensibly or not: the model test asks for one random
 * operation after another, and gives what it was answered.
 */
import { Result } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import type { Admitted, Ownership } from "../../src/streams/run-queue.ts"
import { batchOf, closing } from "./log-under-test.ts"
import type { Answer, Operation } from "./model-operations.ts"

const PARTNERS = 3
const BATCHES_PER_PARTNER = 8
/** So many old appends and ownerships are remembered, to be tried again. */
const REMEMBERED_MAX = 30
const HUGE = 1_000_000_000_000

/** Numbers from a seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** Below a number, from 0. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end)
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  of<A>(choices: ReadonlyArray<A>): A | undefined {
    return choices[this.below(choices.length)]
  }
}

/** The steps that a worker or a client asks for again when their answer was lost. */
type Repeatable = "open" | "enqueue" | "append" | "release" | "postpone" | "handOver"

type Of<Does extends Operation["does"]> = Extract<Operation, { readonly does: Does }>

export class World {
  readonly workers: ReadonlyArray<string>
  now = 1_000_000
  readonly #random: Random
  readonly #partitions: number
  readonly #batches = Array.from({ length: PARTNERS * BATCHES_PER_PARTNER }, (_, index) =>
    batchOf(1 + (index % PARTNERS), index),
  )
  /** The links of each log, by version. */
  readonly #links = new Map<BatchId, Array<string>>()
  readonly #mail = new Map<BatchId, ReadonlyArray<string>>()
  readonly #feeds = new Map<number, ReadonlyArray<string>>()
  /** What workers believe that they own, and what they owned before. */
  #owned: ReadonlyArray<Ownership> = []
  #lost: ReadonlyArray<Ownership> = []
  #asked: ReadonlyArray<Of<Repeatable>> = []
  #enqueued: ReadonlyArray<Of<"enqueue">> = []
  /** What left the streams, as far as it is known. */
  readonly #unlinked = new Set<BatchId>()
  #commands = 0

  constructor(random: Random, partitions: number) {
    this.#random = random
    this.#partitions = partitions
    this.workers = ["w1", "w2", "w3"].slice(0, 2 + random.below(2))
  }

  /** The next operation. Time goes on before it, and steps back at times. */
  next(): Operation {
    this.now += this.#random.chance(3) ? -500 : this.#random.below(100)
    if (this.#random.chance(1)) this.#crash()
    let operation: Operation | undefined
    while (operation === undefined) operation = this.#random.of(this.#choices)?.()
    return operation
  }

  /** Learns from an answer what there is to go on with. */
  heard(operation: Operation, answer: Answer): void {
    switch (operation.does) {
      case "open":
        if (Result.isSuccess(answer))
          this.#write(operation.batch, 0, chainStart(operation.batch), operation.events)
        break
      case "append":
        if (!Result.isSuccess(answer)) break
        this.#write(operation.owned.batch, operation.version, operation.head, operation.events)
        if ((answer.success as { readonly isReleased: boolean }).isReleased) this.#lose([operation.owned])
        break
      case "unlink":
        if (Result.isSuccess(answer) && answer.success === "unlinked") this.#unlinked.add(operation.batch)
        break
      case "restore":
        this.#unlinked.delete(operation.batch)
        break
      case "mail":
        this.#mail.set(operation.batch, namesIn(answer))
        break
      case "feed":
        this.#feeds.set(operation.partition, namesIn(answer))
        break
      case "take":
      case "takeOver":
        this.#own(Result.getOrElse(answer, () => []) as ReadonlyArray<Ownership>)
        break
      case "renew":
        if (this.#random.chance(50)) this.#lose(operation.owned)
        break
      case "release":
      case "postpone":
      case "handOver":
        if (!Result.isSuccess(answer) || answer.success !== "mail-waiting") this.#lose([operation.owned])
        break
    }
  }

  /** Reads everything, and takes all that can be taken: what is left when all is done. */
  closing(): ReadonlyArray<Operation> {
    return [
      ...this.#batches.flatMap(
        (batch): ReadonlyArray<Operation> => [
          { does: "read", batch, after: 0, limit: 10_000, head: chainStart(batch) },
          { does: "mail", batch, limit: 100 },
        ],
      ),
      ...Array.from(
        { length: this.#partitions },
        (_, partition): Operation => ({ does: "feed", partition, after: "0-0", limit: 100_000 }),
      ),
      { does: "backlog" },
      { does: "counts" },
      { does: "wake", now: HUGE * 2, limit: 1_000 },
      { does: "sweep", before: HUGE * 2, now: HUGE * 2, limit: 1_000 },
      { does: "take", worker: "last", limit: 1_000 },
      { does: "takeOver", worker: "last", idleMs: 0, limit: 1_000 },
    ]
  }

  /** What may happen, as often as it stands here. */
  readonly #choices: ReadonlyArray<() => Operation | undefined> = [
    ...times(3, () => this.#open()),
    ...times(4, () => this.#enqueue()),
    ...times(1, () => this.#enqueueUnderIdOf()),
    ...times(10, () => this.#append()),
    ...times(4, () => this.#again()),
    ...times(2, () => this.#read()),
    ...times(2, () => this.#readMail()),
    ...times(3, () => this.#unlink()),
    ...times(2, () => this.#restore()),
    ...times(4, (): Operation => ({ does: "take", worker: this.#worker(), limit: this.#random.below(12) })),
    ...times(1, () => this.#takeOver()),
    ...times(2, () => this.#renew()),
    ...times(6, () => this.#release()),
    ...times(2, () => this.#postpone()),
    ...times(1, (): Operation => ({ does: "admit", limit: 1_000 })),
    ...times(2, () => this.#handOver()),
    ...times(1, (): Operation => ({ does: "retire", worker: this.#worker() })),
    ...times(1, (): Operation => ({ does: "wake", now: this.#around(), limit: 1 + this.#random.below(6) })),
    ...times(1, () => this.#sweep()),
    ...times(1, (): Operation => ({ does: "backlog" })),
    ...times(2, () => this.#feed()),
    ...times(1, () => this.#trim()),
  ]

  #open(): Operation | undefined {
    const batch = this.#random.of(this.#batches)
    if (batch === undefined || (this.#links.has(batch) && !this.#random.chance(20))) return undefined
    const count = this.#random.chance(8) ? 15 + this.#random.below(30) : 1 + this.#random.below(3)
    return this.#remember({ does: "open", batch, events: this.#events(count), command: this.#command() })
  }

  #enqueue(): Operation | undefined {
    const batch = this.#random.of(this.#batches)
    if (batch === undefined || (!this.#links.has(batch) && !this.#random.chance(5))) return undefined
    const digest = this.#digest()
    const command = {
      does: "enqueue",
      batch,
      at: this.#random.below(100),
      command: this.#command(),
      digest,
    } as const
    this.#enqueued = [...this.#enqueued, command].slice(-REMEMBERED_MAX)
    return this.#remember(command)
  }

  /** Asks whether a command was enqueued, or enqueues another one under its id. */
  #enqueueUnderIdOf(): Operation | undefined {
    const earlier = this.#random.of(this.#enqueued)
    if (earlier === undefined) return undefined
    const { batch, command, digest } = earlier
    return this.#random.chance(50)
      ? { does: "wasEnqueued", batch, command, digest: this.#random.chance(70) ? digest : this.#digest() }
      : { ...earlier, at: 100 + earlier.at, digest: this.#digest() }
  }

  #append(): Operation | undefined {
    const owned = this.#holder()
    if (owned === undefined) return undefined
    const links = this.#links.get(owned.batch) ?? []
    const tail = links.length - 1
    const version = this.#random.chance(5) ? this.#random.below(tail + 3) : tail
    const head = this.#random.chance(4) ? this.#random.of(links) : links[version]
    const handled = (this.#mail.get(owned.batch) ?? []).filter(() => this.#random.chance(60))
    const events = this.#events(this.#random.below(4))
    const wakeAt = this.#random.chance(40) ? this.#around() : undefined
    return this.#remember({
      does: "append",
      owned,
      version,
      head: head ?? "beyond the tail",
      events,
      handled,
      command: this.#command(),
      open: this.#random.chance(75),
      release:
        events.length > 0 && this.#random.chance(25) ? { wakeAt, admitted: this.#admitted() } : undefined,
    })
  }

  /** Something that was asked before, in the same words. */
  #again(): Operation | undefined {
    return this.#random.chance(60) ? this.#asked.at(-1) : this.#random.of(this.#asked)
  }

  #read(): Operation | undefined {
    const batch = this.#random.of(this.#batches)
    if (batch === undefined) return undefined
    const links = this.#links.get(batch) ?? [chainStart(batch)]
    const after = this.#random.below(links.length + 1)
    const head = this.#random.of([undefined, links[after], links[after], this.#random.of(links)])
    return { does: "read", batch, after, limit: 1 + this.#random.below(10), head }
  }

  #readMail(): Operation | undefined {
    const batch = this.#random.of(this.#batches)
    return batch && { does: "mail", batch, limit: 1 + this.#random.below(4) }
  }

  #unlink(): Operation | undefined {
    const batch = this.#random.of(this.#batches)
    if (batch === undefined || !this.#links.has(batch)) return undefined
    return { does: "unlink", batch, isArchivedAnew: this.#random.chance(85) }
  }

  #restore(): Operation | undefined {
    const batch = this.#random.of(this.#random.chance(70) ? [...this.#unlinked] : this.#batches)
    return batch && { does: "restore", batch }
  }

  #takeOver(): Operation {
    const idleMs = this.#random.chance(70) ? 0 : HUGE
    return { does: "takeOver", worker: this.#worker(), idleMs, limit: this.#random.below(5) }
  }

  #renew(): Operation {
    const worker = this.#worker()
    const mine = [...this.#owned, ...this.#lost].filter((owned) => owned.worker === worker)
    return { does: "renew", owned: mine.filter(() => this.#random.chance(50)) }
  }

  #release(): Operation | undefined {
    const owned = this.#holder()
    const wakeAt = this.#random.chance(40) ? this.#around() : undefined
    const leave = this.#random.chance(30)
    return owned && this.#remember({ does: "release", owned, wakeAt, leave, admitted: this.#admitted() })
  }

  #admitted(): Admitted {
    return this.#random.chance(30) ? "begun" : "next"
  }

  #postpone(): Operation | undefined {
    const owned = this.#holder()
    return owned && this.#remember({ does: "postpone", owned })
  }

  #handOver(): Operation | undefined {
    const owned = this.#holder(40)
    return owned && this.#remember({ does: "handOver", owned })
  }

  #sweep(): Operation {
    return { does: "sweep", before: this.#around(), now: this.now, limit: 1 + this.#random.below(6) }
  }

  #feed(): Operation {
    const partition = this.#random.below(this.#partitions)
    const after = this.#random.of(this.#feeds.get(partition) ?? []) ?? "0-0"
    return { does: "feed", partition, after, limit: 1 + this.#random.below(20) }
  }

  /** Forgets what was read of a feed, or a part of it. */
  #trim(): Operation | undefined {
    const partition = this.#random.below(this.#partitions)
    const before = this.#random.of(this.#feeds.get(partition) ?? [])
    return before === undefined ? undefined : { does: "trimFeed", partition, before }
  }

  #worker(): string {
    return this.#random.of(this.workers) ?? "w1"
  }

  /** Mostly one who may believe to own a batch; at times one who lost it. */
  #holder(lostPercent = 10): Ownership | undefined {
    if (!this.#random.chance(lostPercent)) return this.#random.of(this.#owned)
    // Of most that is lost nobody knows any more; what another worker holds now is what must not be touched.
    const taken = this.#lost.filter(({ entry, batch }) =>
      this.#owned.some((owned) => owned.batch === batch && owned.entry === entry),
    )
    return this.#random.of(taken.length > 0 && this.#random.chance(50) ? taken : this.#lost)
  }

  #around(): number {
    return this.now - 1_000 + this.#random.below(2_000)
  }

  #events(count: number): ReadonlyArray<number> {
    return Array.from({ length: count }, () => this.#random.below(1_000))
  }

  #command(): string {
    this.#commands += 1
    return `c${this.#commands}`
  }

  #digest(): string {
    return `d${this.#random.below(2)}`
  }

  #remember<Asked extends Of<Repeatable>>(asked: Asked): Asked {
    this.#asked = [...this.#asked, asked].slice(-REMEMBERED_MAX)
    return asked
  }

  /** A worker dies: it forgets all that it owned, and whoever pretends to be it holds what it has lost. */
  #crash(): void {
    const worker = this.#worker()
    this.#lose(this.#owned.filter((owned) => owned.worker === worker))
  }

  #own(taken: ReadonlyArray<Ownership>): void {
    this.#lose(this.#owned.filter(({ batch }) => taken.some((owned) => owned.batch === batch)))
    this.#owned = [...this.#owned, ...taken]
  }

  #lose(lost: ReadonlyArray<Ownership>): void {
    this.#owned = this.#owned.filter((owned) => !lost.includes(owned))
    this.#lost = [...this.#lost, ...lost].slice(-REMEMBERED_MAX)
  }

  #write(batch: BatchId, version: number, head: string, events: ReadonlyArray<number>): void {
    const links = this.#links.get(batch) ?? [chainStart(batch)]
    if (links.length === version + 1) links.push(...linked(head, events.map(closing)).map(({ hash }) => hash))
    this.#links.set(batch, links)
  }
}

const namesIn = (answer: Answer): ReadonlyArray<string> =>
  (Result.getOrElse(answer, () => []) as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)

const times = <A>(count: number, one: A): ReadonlyArray<A> => Array.from({ length: count }, () => one)
