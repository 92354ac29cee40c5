/** What a batch cannot do now because a bank takes no calls. It stays due, and other banks' items go on. */
import { Array as Arr } from "effect"
import { itemOf } from "../domain/batch.ts"
import type { Work } from "../domain/plan.ts"
import type { Destination } from "../domain/routing.ts"
import type { Activation } from "./activation.ts"

/** When an item that was not let through is looked at again, at the earliest: many of them wait for one to try. */
const LOOK_AGAIN_MS = 1_000

export class HeldItems {
  readonly #actor: Activation
  readonly #now: number
  readonly #destinations = new Map<number, Destination>()
  readonly items = new Set<number>()
  /** When the first of them may be looked at again, in epoch milliseconds. */
  until: number | undefined = undefined

  constructor(actor: Activation, now: number) {
    this.#actor = actor
    this.#now = now
  }

  /** The work, without what has to wait. */
  ready(work: Work): ReadonlyArray<Work> {
    if (work._tag !== "RequestTransfers" && work._tag !== "Inquire") return [work]
    const byBank = Map.groupBy(work.items, (item) => this.#bankOf(work, item))
    // As a rule a bank takes calls, and the work is what it was.
    const items = [...byBank].flatMap(([bank, own]) => own.slice(0, this.#room(work, bank, own)))
    if (items.length === work.items.length) return [work]
    return Arr.isReadonlyArrayNonEmpty(items) ? [{ ...work, items }] : []
  }

  /** Where an item goes; asked once, because to be let through may change how its bank is doing. */
  destinationOf(number: number): Destination | undefined {
    const known = this.#destinations.get(number)
    if (known !== undefined) return known
    const { batch, desk } = this.#actor
    const item = itemOf(batch, number)
    const asked = { partner: batch.partner, at: this.#now, after: item.reroute }
    const destination = desk.pipelines.routes.route(item, asked)
    if (destination !== undefined) this.#destinations.set(number, destination)
    return destination
  }

  /** Nothing for an item that no rule leads to a bank: it waits for none. */
  #bankOf({ _tag }: Work, number: number): string | undefined {
    return _tag === "RequestTransfers"
      ? this.destinationOf(number)?.bank
      : itemOf(this.#actor.batch, number).transfer?.bank
  }

  /** How many of a bank's items are let through. */
  #room({ _tag }: Work, bank: string | undefined, own: ReadonlyArray<number>): number {
    if (bank === undefined) return own.length
    const { pipelines } = this.#actor.desk
    const heldUntil = pipelines.heldUntil(bank, this.#now)
    const room =
      _tag === "RequestTransfers"
        ? pipelines.invite(bank, own.length, this.#now)
        : heldUntil > this.#now
          ? 0
          : own.length
    if (room < own.length) {
      for (const item of own.slice(room)) this.items.add(item)
      const until = Math.max(heldUntil, this.#now + LOOK_AGAIN_MS)
      this.until = Math.min(until, this.until ?? until)
    }
    return room
  }
}
