/**
 * Accepting comes first. While many requests for new batches are under way, workers yield: they start calls for a stated share
 * of the time and rest in between. So do those who follow the logs, with their steps. What is under way ends as usual, and settling never stops.
 */
import { Context, type Effect } from "effect"

/** From this many requests under way on, intake is pressed. Fewer are answered soon, whatever else runs. */
export const PRESSED_REQUESTS = 32
/** For how long after its last sign pressure counts, of this process and of others. Milliseconds. */
export const PRESSURE_MS = 1_000

/** How much of the time others have while batches are accepted. By default it is all of it. */
export const IntakePressure = Context.Reference<{
  /** Counts a request whose body has arrived as under way, for as long as its handling takes. */
  readonly accepting: <A, E, R>(handling: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * The share of the time for which workers start calls and followers take steps now, above 0: 1 unless intake is pressed, here or in another
   * process.
   */
  readonly share: () => number
}>("atlaspay/platform/IntakePressure", {
  defaultValue: () => ({ accepting: (handling) => handling, share: () => 1 }),
})

/** Whether intake is pressed, as this process knows. Times are in milliseconds of a monotonic clock. */
export class PressureSigns {
  #underWay = 0
  #ownAt = Number.NEGATIVE_INFINITY
  #othersUntil = Number.NEGATIVE_INFINITY
  #mark: string | undefined

  began(now: number): void {
    this.#underWay += 1
    this.#look(now)
  }

  ended(now: number): void {
    this.#look(now)
    this.#underWay -= 1
  }

  /**
   * Takes the mark that other processes leave while they are pressed, as last read; `undefined` if there was none. Only a
   * mark that changed counts, so what stays there by mistake has no effect after its time, whatever it is.
   */
  sawMark(mark: string | undefined, now: number): void {
    if (mark !== undefined && mark !== this.#mark) this.#othersUntil = now + PRESSURE_MS
    this.#mark = mark
  }

  /** Whether this process had more under way than it can answer soon, within so many milliseconds. */
  isOwn(now: number, withinMs = PRESSURE_MS): boolean {
    this.#look(now)
    return now < this.#ownAt + withinMs
  }

  /** Whether this process or another one is pressed. */
  isOn(now: number): boolean {
    return this.isOwn(now) || now < this.#othersUntil
  }

  #look(now: number): void {
    if (this.#underWay >= PRESSED_REQUESTS) this.#ownAt = now
  }
}
