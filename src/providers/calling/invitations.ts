/** How long a place is kept: much longer than writing an intent to the log and the attempt to the register takes. */
const KEPT_MS = 5_000

/**
 * Transfers that were invited into a channel and have not come yet, so that planning does not give their places away again. If
 * a transfer never comes, because its batch was lost or it was called off, its place becomes free after a while.
 */
export class Invitations {
  #sent: Array<{ count: number; readonly until: number }> = []

  /** The number of places that are kept at `now`, in epoch milliseconds. */
  kept(now: number): number {
    this.#forget(now)
    return this.#sent.reduce((sum, { count }) => sum + count, 0)
  }

  send(count: number, now: number): void {
    if (count > 0) this.#sent.push({ count, until: now + KEPT_MS })
  }

  /** An invited transfer has come. It does not say by which invitation, so it uses the oldest one that is still valid. */
  came(now: number): void {
    this.#forget(now)
    const [oldest] = this.#sent
    if (oldest !== undefined) oldest.count -= 1
  }

  /** Also those that are kept for longer than any is: the clock was set back since. */
  #forget(now: number): void {
    this.#sent = this.#sent.filter(({ count, until }) => count > 0 && until > now && until <= now + KEPT_MS)
  }
}
