/**
 * Limits how many attempts each partner and host may have under way in this process, so that an endpoint that hangs
 * delays only its own deliveries.
 *
 * No share has a fixed size: a single partner may use a quarter of all places, and the more partners hang, the fewer
 * places each may take. The rule is that of shared buffers with dynamic thresholds (Choudhury and Hahne, 1998): a partner
 * that uses half as many places as are free gets no more. The same rule applies to each host, for the endpoints of all
 * partners, and within a partner's share to its hosts.
 *
 * By this rule alone, partners that begin to hang one after the other would take all places: each takes half of what the
 * last one left. So a quarter of the places is set aside. A partner with no attempt under way gets one of them, at a host
 * with no attempt under way.
 */

/** Attempts under way at a time. */
export const UNDER_WAY_MAX = 256
/** Of these, the places set aside for partners and hosts that have no attempt under way. */
export const SET_ASIDE = UNDER_WAY_MAX / 4
/** At one endpoint. docs/WEBHOOKS.md says how far events may overtake each other because of it. */
export const UNDER_WAY_PER_ENDPOINT_MAX = 16

/** An endpoint with a due delivery. */
export interface Waiting {
  readonly endpoint: string
  readonly partner: string
  /** The host that is connected to, without the port. */
  readonly host: string
  /** It gets the events of a batch in order. */
  readonly ordered?: boolean
  /** There is a limit to how many attempts begin in a second. */
  readonly limited?: boolean
}

/** Those that may have no more attempts for now, so that their due deliveries need not be read. */
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

  /** Whether an endpoint has few enough attempts under way for a look at what else it is owed. */
  hasEased(endpoint: string): boolean {
    return 2 * (this.#endpoints.get(endpoint) ?? 0) <= UNDER_WAY_PER_ENDPOINT_MAX
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

  /** How many more attempts each endpoint may have. They are dealt out one by one in turns, so that shares are fair. */
  allot(waiting: ReadonlyArray<Waiting>): ReadonlyMap<string, number> {
    const given: Array<Waiting> = []
    for (let inTurn = waiting; inTurn.length > 0; ) {
      const served: Array<Waiting> = []
      for (const one of inTurn) {
        if (!this.mayHaveMore(one)) continue
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

  /** The most attempts that a partner or host may have, except for a first one. */
  get #share(): number {
    return halfOf(Math.max(0, this.free - SET_ASIDE))
  }

  /** Whether an endpoint may have one more attempt now. */
  mayHaveMore(one: Waiting): boolean {
    if (!this.#partners.has(one.partner) && !this.#hosts.has(one.host)) return this.free > 0
    const share = this.#share
    return (
      (this.#hosts.get(one.host) ?? 0) < share &&
      this.#pairMayHaveMore(one, share) &&
      (this.#endpoints.get(one.endpoint) ?? 0) < UNDER_WAY_PER_ENDPOINT_MAX
    )
  }

  /** Whether a partner's host has less than half of what its partner may still have. Never if the partner is full. */
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

/** Rounded up, so that a last free place can be taken. */
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
