/** The most keys that are counted. Beyond that the oldest count as never seen. */
const keysMax = 1_000_000

/** The requests that reached a server since it started, whatever the weather did to them. The books only show what was done. */
export class RequestTally {
  readonly #byKey = new Map<string, number>()
  #orders = 0
  #ordersPerKeyMax = 0
  #inquiries = 0

  count(isOrder: boolean, key: string): void {
    if (!isOrder) {
      this.#inquiries += 1
      return
    }
    const times = (this.#byKey.get(key) ?? 0) + 1
    this.#byKey.set(key, times)
    this.#orders += 1
    this.#ordersPerKeyMax = Math.max(this.#ordersPerKeyMax, times)
    const [oldest = key] = this.#byKey.size > keysMax ? this.#byKey.keys() : []
    if (oldest !== key) this.#byKey.delete(oldest)
  }

  /** The answer to `GET /sandbox/requests`. */
  show() {
    return { orders: this.#orders, ordersPerKeyMax: this.#ordersPerKeyMax, inquiries: this.#inquiries }
  }
}
