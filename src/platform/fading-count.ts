/** A count of what happened lately: what is older counts less. Times are in milliseconds. */
export class FadingCount {
  readonly #fadeMs: number
  #count = 0
  #at = 0

  /** Of what is `fadeMs` old about a third still counts. */
  constructor(fadeMs: number) {
    this.#fadeMs = fadeMs
  }

  add(count: number, now: number): void {
    this.#count = this.at(now) + count
    this.#at = now
  }

  /** A clock that was set back lets nothing fade. */
  at(now: number): number {
    return this.#count * Math.exp(-Math.max(now - this.#at, 0) / this.#fadeMs)
  }
}
