/**
 * How many requests each key may send in a window of time, counted over all processes.
 *
 * A process leases requests of a key from the shared count, some at a time, and spends them without asking again. So a request
 * costs nothing but, once in a lease, a command in the background. The sum of all leases never exceeds the quota. What a
 * process has leased and not spent ends with the window: a key that uses several processes may get less, by one lease in each.
 */
/** Milliseconds. Windows begin at multiples of it since 1970, by the clock of each process. */
export const QUOTA_WINDOW_MS = 10_000
/** The part of a quota that is leased at a time, and the part of a lease at which the next one is asked for. */
const LEASES_PER_QUOTA = 50
const NEXT_LEASE_AT = 1 / 2

/** The name of the policy in `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10). */
const POLICY = "key"

/** What a key has in the window, of its lease and of what nobody has leased. */
interface Spending {
  /** The window, by its number since 1970. */
  readonly window: number
  /** Leased by this process, and not spent. */
  left: number
  /** Leased by all processes, as far as this one knows. */
  leased: number
  /** The lease that is under way. */
  leasing: Promise<void> | undefined
}

/** The answer to a request for one more. */
export interface Quota {
  readonly isWithin: boolean
  /** What the key may still send in this window, as far as this process knows. */
  readonly remaining: number
  /** Seconds until the window ends, rounded up. */
  readonly resetSeconds: number
}

/** The quotas of all keys in this process. Keys are known ones, so their number is bounded; it begins anew with each window. */
export class RequestQuotas {
  readonly #perWindow: number
  readonly #lease: number
  readonly #count: (name: string, amount: number) => Promise<number | undefined>
  readonly #spendings = new Map<string, Spending>()
  #window = 0

  constructor(perWindow: number, count: (name: string, amount: number) => Promise<number | undefined>) {
    this.#perWindow = perWindow
    this.#lease = Math.max(1, Math.floor(perWindow / LEASES_PER_QUOTA))
    this.#count = count
  }

  /** The value of `RateLimit-Policy`. */
  get policy(): string {
    return `"${POLICY}";q=${this.#perWindow};w=${QUOTA_WINDOW_MS / 1_000}`
  }

  /** Spends one request of a key at `now` (epoch milliseconds). A promise only if a lease has to be waited for. */
  take(key: string, now: number): Quota | Promise<Quota> {
    const spending = this.#spendingOf(key, now)
    if (spending.left > 0) {
      spending.left--
      if (spending.left <= this.#lease * NEXT_LEASE_AT) void this.#leaseMore(key, spending)
      return this.#quota(spending, now, true)
    }
    if (spending.leased >= this.#perWindow) return this.#quota(spending, now, false)
    // Others that waited may have spent the lease: then there is another, until the quota is leased.
    return this.#leaseMore(key, spending).then(() => this.take(key, now))
  }

  #spendingOf(key: string, now: number): Spending {
    const window = Math.floor(now / QUOTA_WINDOW_MS)
    // Who waited for a lease may have come in the window before. A clock that was set back begins anew.
    if (window > this.#window || window < this.#window - 1) {
      this.#spendings.clear()
      this.#window = window
    }
    let spending = this.#spendings.get(key)
    if (spending === undefined) {
      spending = { window: this.#window, left: 0, leased: 0, leasing: undefined }
      this.#spendings.set(key, spending)
    }
    return spending
  }

  /** One lease of a key is under way at a time. All requests that have nothing left wait for it. */
  #leaseMore(key: string, spending: Spending): Promise<void> {
    if (spending.leased >= this.#perWindow) return Promise.resolve()
    spending.leasing ??= this.#lend(key, spending)
    return spending.leasing
  }

  async #lend(key: string, spending: Spending): Promise<void> {
    try {
      const sum = await this.#count(`${key}:${spending.window}`, this.#lease)
      const before = sum === undefined ? spending.leased : sum - this.#lease
      spending.left += Math.max(0, Math.min(this.#lease, this.#perWindow - before))
      spending.leased = Math.max(spending.leased, before + this.#lease)
    } finally {
      spending.leasing = undefined
    }
  }

  #quota({ left, leased, window }: Spending, now: number, isWithin: boolean): Quota {
    const remaining = left + Math.max(0, this.#perWindow - leased)
    return {
      isWithin,
      remaining: isWithin ? remaining : 0,
      resetSeconds: Math.max(1, Math.ceil(((window + 1) * QUOTA_WINDOW_MS - now) / 1_000)),
    }
  }
}

/** The value of `RateLimit`. */
export const limitHeader = ({ remaining, resetSeconds }: Quota): string =>
  `"${POLICY}";r=${remaining};t=${resetSeconds}`
