/**
 * Who may have how many attempts under way in this process, so that endpoints that hang hold up nobody but themselves.
 *
 * Nobody has a share of a fixed size: a partner alone may use a quarter of all places, and the more partners hang, the
 * less each of them may take. The rule is that of shared buffers with dynamic thresholds (Choudhury and Hahne, 1998):
 * whoever has under way half as many as are free gets no more. It holds for partners, for hosts whosever endpoints they
 * serve, and within a partner's share for its hosts.
 *
 * By that rule alone partners that begin to hang one after the other take all there is: each halves what the last one
 * left. So a quarter of the places is never shared like that. It is for partners that have nothing under way, at hosts
 * that have nothing under way, and each gets one of it.
 */

/** Attempts under way at a time. */
export const UNDER_WAY_MAX = 256
/** Of these, for partners and hosts that have none. */
export const SET_ASIDE = UNDER_WAY_MAX / 4
/** At one endpoint; it is told in docs/WEBHOOKS.md how far events may overtake each other. */
export const UNDER_WAY_PER_ENDPOINT_MAX = 16

/** An endpoint that something is due at. */
export interface Waiting {
  readonly endpoint: string
  readonly partner: string
  /** As it is connected to, whatever the port. */
  readonly host: string
}

/** Those that may have nothing more under way for now: it is of no use to look at what is due there. */
export interface Full {
  readonly partners: ReadonlyArray<string>
  readonly hosts: ReadonlyArray<string>
  readonly endpoints: ReadonlyArray<string>
  /** Hosts that are full for one partner. */
  readonly pairs: ReadonlyArray<Pair>
}

type Pair = Pick<Waiting, "partner" | "host">

export class Shares {
  #total = 0
  readonly #partners = new Map<string, number>()
  readonly #hosts = new Map<string, number>()
  readonly #pairs = new Map<string, number>()
  readonly #endpoints = new Map<string, number>()

  get free(): number {
    return UNDER_WAY_MAX - this.#total
  }

  add(waiting: Waiting): void {
    this.#count(waiting, 1)
  }

  remove(waiting: Waiting): void {
    this.#count(waiting, -1)
  }

  get full(): Full {
    const share = this.#share
    const atLeast = (counts: ReadonlyMap<string, number>, limit: number) =>
      [...counts].filter(([, count]) => count >= limit).map(([name]) => name)
    return {
      partners: atLeast(this.#partners, share),
      hosts: atLeast(this.#hosts, share),
      endpoints: atLeast(this.#endpoints, UNDER_WAY_PER_ENDPOINT_MAX),
      pairs: [...this.#pairs.keys()].map(pairIn).filter((pair) => !this.#pairMayHaveMore(pair, share)),
    }
  }

  /** How many more each endpoint may have, given out one by one in turns so that none is ahead of another by more than one. */
  allot(waiting: ReadonlyArray<Waiting>): ReadonlyMap<string, number> {
    const given: Array<Waiting> = []
    for (let inTurn = waiting; inTurn.length > 0; ) {
      const served: Array<Waiting> = []
      for (const one of inTurn) {
        if (!this.#mayHaveMore(one)) continue
        this.add(one)
        served.push(one)
      }
      given.push(...served)
      inTurn = served
    }
    for (const one of given) this.remove(one)
    const allotted = new Map<string, number>()
    for (const { endpoint } of given) allotted.set(endpoint, (allotted.get(endpoint) ?? 0) + 1)
    return allotted
  }

  /** What nobody who has something under way may have more of. */
  get #share(): number {
    return halfOf(Math.max(0, this.free - SET_ASIDE))
  }

  #mayHaveMore(one: Waiting): boolean {
    if (!this.#partners.has(one.partner) && !this.#hosts.has(one.host)) return this.free > 0
    const share = this.#share
    return (
      (this.#hosts.get(one.host) ?? 0) < share &&
      this.#pairMayHaveMore(one, share) &&
      (this.#endpoints.get(one.endpoint) ?? 0) < UNDER_WAY_PER_ENDPOINT_MAX
    )
  }

  /** Whether a partner's host has less than half of what its partner may still have: nothing once the partner is full. */
  #pairMayHaveMore(pair: Pair, share: number): boolean {
    const left = share - (this.#partners.get(pair.partner) ?? 0)
    return (this.#pairs.get(pairOf(pair)) ?? 0) < halfOf(left)
  }

  #count(one: Waiting, by: number): void {
    this.#total += by
    change(this.#partners, one.partner, by)
    change(this.#hosts, one.host, by)
    change(this.#pairs, pairOf(one), by)
    change(this.#endpoints, one.endpoint, by)
  }
}

/** Rounded up: one that is free may be taken by somebody. */
const halfOf = (count: number): number => Math.ceil(count / 2)

const pairOf = ({ partner, host }: Pair): string => JSON.stringify([partner, host])
const pairIn = (text: string): Pair => {
  const [partner, host] = JSON.parse(text) as [string, string]
  return { partner, host }
}

const change = (counts: Map<string, number>, name: string, by: number): void => {
  const count = (counts.get(name) ?? 0) + by
  if (count > 0) counts.set(name, count)
  else counts.delete(name)
}
