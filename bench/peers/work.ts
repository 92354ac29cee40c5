/** The work that every engine does: one clearance, then the transfers, then one ledger posting per batch. */
import { setTimeout as sleep } from "node:timers/promises"

/** The progress of a batch after its clearance. */
interface Batch {
  isPosted: boolean
  readonly paid: Set<number>
}

/**
 * The calls that an engine makes, each of `callMs` milliseconds, and a record of them. A call that is made twice, or
 * before the calls that it depends on, is refused: such a run would measure something else.
 */
export class Work {
  readonly #callMs: number
  readonly #items: number
  readonly #batches = new Map<string, Batch>()
  #problem: string | undefined

  constructor(items: number, callMs: number) {
    this.#items = items
    this.#callMs = callMs
  }

  async clear(name: string): Promise<string> {
    await sleep(this.#callMs)
    if (this.#batches.has(name)) this.#refuse(`${name} was cleared twice`)
    this.#batches.set(name, { isPosted: false, paid: new Set() })
    return `cleared ${name}`
  }

  async transfer(name: string, item: number): Promise<string> {
    const { paid } = this.#batch(name)
    await sleep(this.#callMs)
    if (paid.has(item)) this.#refuse(`item ${item} of ${name} was paid twice`)
    paid.add(item)
    return `paid ${name} ${item}`
  }

  async post(name: string): Promise<string> {
    const batch = this.#batch(name)
    if (batch.paid.size !== this.#items) this.#refuse(`${name} was posted after ${batch.paid.size} transfers`)
    await sleep(this.#callMs)
    if (batch.isPosted) this.#refuse(`${name} was posted twice`)
    batch.isPosted = true
    return `posted ${name}`
  }

  /** The number of transfers of these batches. Throws if any call was wrong, or if a batch was not posted. */
  transfersOf(names: ReadonlyArray<string>): number {
    if (this.#problem !== undefined) throw new Error(this.#problem)
    return names.reduce((sum, name) => {
      const batch = this.#batch(name)
      if (!batch.isPosted) throw new Error(`${name} was not posted`)
      return sum + batch.paid.size
    }, 0)
  }

  #batch(name: string): Batch {
    return this.#batches.get(name) ?? this.#refuse(`${name} is not cleared`)
  }

  /** Recorded as well as thrown: an engine may repeat a failed call. */
  #refuse(problem: string): never {
    this.#problem ??= problem
    throw new Error(problem)
  }
}
