/**
 * Deliveries that this process has claimed and that wait for a place (see shares.ts).
 *
 * To look for what is due and to claim it costs the database more than to store it. So new deliveries of an endpoint are
 * claimed when they are stored, and the others many at a time. Only endpoints that answer are claimed ahead for: as many
 * deliveries as they took within about a second. What waits for more than a few seconds, because the endpoint no longer
 * answers, is released: it is due again as before.
 *
 * These limits are no shares: whoever has no room here is looked for and gets places as ever.
 */
import { FadingCount } from "../platform/fading-count.ts"
import type { Delivery } from "./deliveries.ts"
import type { Waiting } from "./shares.ts"

/** The most deliveries that wait, of an endpoint and in all. What is claimed for free places may come on top of them. */
export const AHEAD_PER_ENDPOINT_MAX = 128
const AHEAD_MAX = 512
/** No delivery starts that waited longer. Milliseconds. */
export const AHEAD_MS_MAX = 5_000
/** What an endpoint took this long ago counts about a third. */
const FADE_MS = 1_000
const ENDPOINTS_REMEMBERED_MAX = 1_024

interface Held {
  readonly delivery: Delivery
  /** When it was claimed, or before. */
  readonly since: number
}

/** Times are in milliseconds, of one clock. */
export class ClaimedAhead {
  /** Is called when deliveries were added. Without it nobody starts any, and none are claimed ahead. */
  onAdded: (() => void) | undefined
  /** Endpoints whose due deliveries are being claimed: new ones must not be claimed before them. */
  beingClaimed: ReadonlySet<string> = new Set()
  readonly #held = new Map<string, Array<Held>>()
  readonly #taken = new Map<string, FadingCount>()
  /** Batches of ordered endpoints of which a delivery is being sent. */
  readonly #sending = new Map<string, Delivery>()
  #givenBack: Array<Delivery> = []
  #size = 0

  /** An endpoint took a delivery. */
  took(endpoint: string, now: number): void {
    const taken = this.#taken.get(endpoint) ?? new FadingCount(FADE_MS)
    taken.add(1, now)
    // The last ones are those that took something last.
    this.#taken.delete(endpoint)
    this.#taken.set(endpoint, taken)
    const [oldest] = this.#taken.keys()
    if (this.#taken.size > ENDPOINTS_REMEMBERED_MAX && oldest !== undefined) this.#taken.delete(oldest)
  }

  /** An endpoint did not take a delivery. It has to take others before something is claimed ahead for it again. */
  refused(endpoint: string): void {
    this.#taken.delete(endpoint)
  }

  /** How many deliveries may be claimed when they are stored, by endpoint; none for endpoints that are not in it. */
  rooms(now: number): ReadonlyMap<string, number> {
    if (this.onAdded === undefined) return new Map()
    return this.roomsOf(
      [...this.#taken.keys()].filter((endpoint) => !this.beingClaimed.has(endpoint)),
      now,
    )
  }

  /** How many deliveries of these endpoints may wait besides those that do. All together they are within the limit. */
  roomsOf(endpoints: Iterable<string>, now: number): ReadonlyMap<string, number> {
    const rooms = new Map<string, number>()
    let left = AHEAD_MAX - this.#size
    for (const endpoint of endpoints) {
      const took = Math.floor(this.#taken.get(endpoint)?.at(now) ?? 0)
      const waiting = this.#held.get(endpoint)?.length ?? 0
      const room = Math.min(Math.min(took, AHEAD_PER_ENDPOINT_MAX) - waiting, left)
      if (room <= 0) continue
      rooms.set(endpoint, room)
      left -= room
    }
    return rooms
  }

  /** Adds deliveries that were claimed at this time or later, behind those that wait. */
  add(deliveries: ReadonlyArray<Delivery>, since: number): void {
    for (const delivery of deliveries) {
      const held = this.#held.get(delivery.endpoint)
      if (held === undefined) this.#held.set(delivery.endpoint, [{ delivery, since }])
      else held.push({ delivery, since })
    }
    this.#size += deliveries.length
    if (deliveries.length > 0) this.onAdded?.()
  }

  has(endpoint: string): boolean {
    return this.#held.has(endpoint)
  }

  /** Endpoints for which something waits. */
  get endpoints(): ReadonlyArray<string> {
    return [...this.#held.keys()]
  }

  /**
   * Takes out the next delivery that may have a place, of the endpoints in turns. A batch in order has one at a time: the next one
   * comes when `ended` was called for it.
   */
  take(mayHaveMore: (waiting: Waiting) => boolean, now: number): Delivery | undefined {
    for (const [endpoint, held] of this.#held) {
      const place = held.findIndex(({ delivery }) => !this.#isSending(delivery))
      const first = held[place]
      if (first === undefined || isLate(first, now) || !mayHaveMore(first.delivery)) continue
      held.splice(place, 1)
      const { batch } = first.delivery
      if (batch !== undefined) this.#sending.set(inOrder(endpoint, batch), first.delivery)
      this.#size -= 1
      this.#held.delete(endpoint)
      if (held.length > 0) this.#held.set(endpoint, held)
      return first.delivery
    }
    return undefined
  }

  /** A delivery was sent. If it did not arrive, what is behind it in its batch must not overtake it, and is given back. */
  ended({ endpoint, batch }: Delivery, arrived: boolean): void {
    if (batch === undefined) return
    this.#sending.delete(inOrder(endpoint, batch))
    if (!arrived) this.giveBack(endpoint, batch)
  }

  /** Starts nothing more of what waits for an endpoint, or of one batch of it: `takeLate` takes it out. */
  giveBack(endpoint: string, batch?: string): void {
    const held = this.#held.get(endpoint) ?? []
    const [given, kept] = partition(held, ({ delivery }) => batch === undefined || delivery.batch === batch)
    if (kept.length > 0) this.#held.set(endpoint, kept)
    else this.#held.delete(endpoint)
    this.#givenBack.push(...given.map(({ delivery }) => delivery))
    this.#size -= given.length
  }

  /** Starts nothing more. What is being sent is cut off, so nothing behind it in its batch may start later either. */
  stop(): void {
    this.onAdded = undefined
    for (const { endpoint, batch } of this.#sending.values())
      if (batch !== undefined) this.giveBack(endpoint, batch)
    this.#sending.clear()
  }

  #isSending({ endpoint, batch }: Delivery): boolean {
    return batch !== undefined && this.#sending.has(inOrder(endpoint, batch))
  }

  /** Takes out what waited too long, and what was given back. */
  takeLate(now: number): ReadonlyArray<Delivery> {
    const late: Array<Delivery> = []
    for (const [endpoint, held] of this.#held) {
      if (!held.some((one) => isLate(one, now))) continue
      // What is behind them would be sent before them.
      late.push(...held.map(({ delivery }) => delivery))
      this.#held.delete(endpoint)
      this.#taken.delete(endpoint)
    }
    this.#size -= late.length
    return [...late, ...this.#takeGivenBack()]
  }

  #takeGivenBack(): ReadonlyArray<Delivery> {
    const given = this.#givenBack
    this.#givenBack = []
    return given
  }

  /** Takes out all. */
  takeAll(): ReadonlyArray<Delivery> {
    const all = [...this.#held.values()].flat().map(({ delivery }) => delivery)
    this.#held.clear()
    this.#size = 0
    return [...all, ...this.#takeGivenBack()]
  }
}

/** A clock that was set back makes everything late: nobody knows then how long the claim still holds. */
const isLate = ({ since }: Held, now: number): boolean => now - since > AHEAD_MS_MAX || now < since

const inOrder = (endpoint: string, batch: string): string => `${endpoint} ${batch}`

const partition = <A>(all: ReadonlyArray<A>, isOne: (one: A) => boolean): readonly [Array<A>, Array<A>] => [
  all.filter(isOne),
  all.filter((one) => !isOne(one)),
]
