/** What a batch cannot do now because a bank takes no calls. It stays due, and other banks' items go on. */
import { Array as Arr } from "effect"
import type { Work } from "../domain/plan.ts"
import type { Activation } from "./activation.ts"

/** When an item that was not let through is looked at again, at the earliest: many of them wait for one to try. */
const LOOK_AGAIN_MS = 1_000

export class HeldItems {
  readonly #actor: Activation
  readonly #now: number
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

  #bankOf({ _tag }: Work, number: number): string {
    const { batch, desk } = this.#actor
    const item = batch.items.get(number)
    if (item === undefined) throw new Error(`item ${number} is planned and not in the batch`)
    if (_tag === "RequestTransfers") return desk.pipelines.route(item.currency)
    return item.transfer?.bank ?? ""
  }

  /** How many of a bank's items are let through. */
  #room({ _tag }: Work, bank: string, own: ReadonlyArray<number>): number {
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
