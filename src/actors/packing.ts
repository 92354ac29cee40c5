/**
 * Work is packed onto few workers. A batch that moves from one worker to another is read anew, and workers that share the work
 * gather less in each turn. So one worker, the taker, takes all batches while it has room, and others refrain: they do not read the
 * run queue. Two take where that helps: if the taker is full, and a machine has time to spare.
 *
 * The taker leaves a mark, which changes ten times a second while it works and expires by itself. It says whether the taker is full: by
 * its batches, by what it has begun, or by the processor time of its thread. It has room again below half of that. Load that
 * fills one worker is more than half of that for each of two, so they do not change places.
 *
 * A mark counts for {@link MARK_MS} since the reader saw it change. What a worker does that sees the mark of another:
 *
 * | | with room | full |
 * |---|---|---|
 * | the taker has room | refrains | takes, if there is time to spare or it uses much itself |
 * | the taker is full, and there is time to spare here | becomes the taker | takes |
 * | the taker is full, and there is none | refrains | takes, if it uses much itself |
 *
 * So workers fill one after the other, and on a machine without time to spare one of them takes.
 *
 * Without a mark everybody takes. Who was the taker last leaves its mark at once; the others a little later, because what it knows of
 * its batches, and its compiled code, are worth the wait. Until it is known who takes, each takes only a few.
 */

/** How long a mark is kept, and counts. Milliseconds. */
export const MARK_MS = 800
/** How long others wait for the last taker to leave its mark, while they work. Milliseconds. */
export const CEDE_MS = 500
/** The batches that a worker owns at most by taking while it is not known who takes. */
export const UNSURE_MAX = 8
/** The share of a core above which a worker is full, and below which it has room again. */
export const USED = { max: 0.7, min: 0.3 } as const
/** How the mark of a full worker ends. */
const FULL = ".full"

/** What a worker bears. */
export interface Load {
  /** The batches that it owns, and how many it may own. */
  readonly batches: number
  readonly batchesMax: number
  /** Whether it may begin no new batch because of those that it began. */
  readonly mayBeginNone: boolean
}

/** What a worker knows of who takes. Times are in milliseconds of a monotonic clock. */
export class Packing {
  readonly #name: string
  #marks = 0
  #isFull = false
  #used = 0
  #seen: string | undefined
  #changedAt = Number.NEGATIVE_INFINITY
  #refrainsUntil = Number.NEGATIVE_INFINITY
  /** Whether another one was the taker last, whether a mark of one counted since this worker woke, and since when there is none. */
  #isAnothers = false
  #sawAnother = false
  #noneSince: number | undefined
  #isSure = false

  /** `name` tells this worker from all others. */
  constructor(name: string) {
    this.#name = name
  }

  /** Notes what this worker bears now, and the share of a core that its thread uses. */
  bears({ batches, batchesMax, mayBeginNone }: Load, used: number): void {
    this.#used = used
    if (mayBeginNone || batches >= batchesMax || used > USED.max) this.#isFull = true
    else if (batches < batchesMax / 2 && used < USED.min) this.#isFull = false
  }

  /** A mark of this worker. It differs from all before. */
  nextMark(): string {
    return `${this.#name}.${++this.#marks}${this.#isFull ? FULL : ""}`
  }

  /** The worker begins to work after a rest. */
  wakes(): void {
    this.#sawAnother = false
    this.#noneSince = undefined
    this.#isSure = false
  }

  /** The worker comes to rest. If it saw nobody take meanwhile, it does not wait for a last taker any more. */
  rests(): void {
    this.#isAnothers &&= this.#sawAnother
  }

  /** It cannot be known who takes. */
  knowsNothing(): void {
    this.#isSure = true
    this.#refrainsUntil = Number.NEGATIVE_INFINITY
  }

  /** Whether this worker leaves its mark as soon as there is none. */
  get isNext(): boolean {
    return !this.#isAnothers
  }

  /**
   * Notes the mark that is there at `now`. Gives whether this worker's own is to be there in its place, if it works. `wouldHelp`
   * says whether it would help if two took; it is asked only if that matters.
   */
  saw(mark: string | undefined, now: number, wouldHelp: () => boolean): boolean {
    const isOthers = mark !== undefined && !mark.startsWith(`${this.#name}.`)
    if (isOthers && mark !== this.#seen) this.#changedAt = now
    this.#seen = mark
    this.#refrainsUntil = Number.NEGATIVE_INFINITY
    if (isOthers && now < this.#changedAt + MARK_MS) return this.#sawAnothers(mark, wouldHelp)
    this.#noneSince ??= now
    this.#isSure = mark !== undefined || !this.#isAnothers || now - this.#noneSince >= CEDE_MS
    if (this.#isSure) this.#isAnothers = false
    return this.#isSure
  }

  #sawAnothers(mark: string, wouldHelp: () => boolean): boolean {
    this.#isAnothers = true
    this.#sawAnother = true
    this.#noneSince = undefined
    this.#isSure = true
    const takesBeside = this.#isFull
      ? this.#used >= USED.min || wouldHelp()
      : mark.endsWith(FULL) && wouldHelp()
    if (!takesBeside) this.#refrainsUntil = this.#changedAt + MARK_MS
    return takesBeside && !this.#isFull
  }

  /** Whether this worker takes no more batches at `now`, if it owns so many. */
  refrains(now: number, batches: number): boolean {
    return now < this.#refrainsUntil || (!this.#isSure && batches >= UNSURE_MAX)
  }
}
