/** How long a place is kept: much longer than it takes to write an intent, and the attempt into the register. */
const KEPT_MS = 5_000

/**
 * Transfers that were invited into a channel and have not come yet: whoever plans next does not count on their places. A
 * transfer that never comes, as its batch was lost or it was called off, gives its place back when the time is over.
 */
export class Invitations {
  #sent: Array<{ count: number; readonly until: number }> = []

  /** How many places are kept at `now`, in epoch milliseconds. */
  kept(now: number): number {
    this.#forget(now)
    return this.#sent.reduce((sum, { count }) => sum + count, 0)
  }

  send(count: number, now: number): void {
    if (count > 0) this.#sent.push({ count, until: now + KEPT_MS })
  }

  /** An invited transfer has come: nobody knows by which invitation, so it is taken for the oldest that still holds. */
  came(now: number): void {
    this.#forget(now)
    const [oldest] = this.#sent
    if (oldest !== undefined) oldest.count -= 1
  }

  #forget(now: number): void {
    this.#sent = this.#sent.filter(({ count, until }) => count > 0 && until > now)
  }
}
