/**
 * Where recorded payouts would have gone by other rules. Each item is routed when its first intent was written, with all banks healthy.
 * As long as it goes to a bank that the log has an answer of, that answer counts: after a refusal that another bank may mend it goes on
 * along its new route, and if it failed and was tried again, the rules route it again then. At a bank that was not asked, nothing is
 * known, and nothing is guessed.
 */
import { type Attempt, attemptsOf, type Batch, emptyBatch, type Item } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import type { Route } from "../domain/route.ts"
import { type Destination, type Rule, type Way, wayAfter, waysBy } from "../domain/routing.ts"

/** The rules of a providers' file, and the banks that they lead to. */
export interface OtherRules {
  readonly version: string
  readonly banks: ReadonlySet<string>
  readonly routes: ReadonlyArray<Rule>
}

/** Items and their sum in minor units of the currency. */
export interface Sum {
  items: number
  minor: bigint
}

/** What a bank of a currency was sent, and would have been sent. */
export interface BankSums {
  /** First attempts, and all attempts, that the log has. */
  readonly before: Sum
  readonly beforeAll: Sum
  /** The same by the other rules, of attempts that follow from what is known. */
  readonly after: Sum
  readonly afterAll: Sum
}

/** All of a currency. */
export interface CurrencySums {
  readonly banks: Map<string, BankSums>
  /** Those that would have gone elsewhere first, by the first bank before and after: `north → south`. */
  readonly moved: Map<string, Sum>
  /** Where they would have ended: the recorded outcome, or `unknown` at a bank that was not asked. */
  readonly ends: Map<string, Sum>
  readonly unroutedBefore: Sum
  readonly unroutedAfter: Sum
  /** Items that were never to be paid, or not yet. */
  readonly notRouted: Sum
}

const noSum = (): Sum => ({ items: 0, minor: 0n })

/** Adds up the logs that are given to it, one by one. */
export class WhatIf {
  readonly currencies = new Map<string, CurrencySums>()
  batches = 0
  readonly #rules: OtherRules
  readonly #wayOf: (item: Item, partner: string) => Way
  /** Banks that are configured: others of a route are left out. */
  readonly #isKnown = (bank: string): boolean => this.#rules.banks.has(bank)

  constructor(rules: OtherRules) {
    this.#rules = rules
    this.#wayOf = waysBy({ version: rules.version, rules: rules.routes })
  }

  /** A log to which events are given in order; its sums are added at the end. */
  log(): { readonly take: (event: BatchEvent) => void; readonly end: () => void } {
    const batch = emptyBatch()
    /** When no rule led an item anywhere, in epoch milliseconds. */
    const unrouted = new Map<number, number>()
    return {
      take: (event) => {
        evolve(batch, event)
        if (event._tag !== "ItemsUnrouted") return
        for (const item of event.items)
          if (!unrouted.has(item) && batch.items.get(item)?.attempt === undefined)
            unrouted.set(item, event.at)
      },
      end: () => {
        this.batches += 1
        for (const item of batch.items.values()) this.#add(batch, item, unrouted.get(item.item))
      },
    }
  }

  #add(batch: Batch, item: Item, unroutedAt: number | undefined): void {
    const sums = this.#sumsOf(item.currency)
    const attempts = attemptsOf(item)
    const [first] = attempts
    const at = unroutedAt ?? first?.requestedAt
    if (at === undefined) {
      add(sums.notRouted, item)
      return
    }
    if (unroutedAt !== undefined) add(sums.unroutedBefore, item)
    else if (first !== undefined) add(this.#bankOf(sums, first.bank).before, item)
    for (const { bank } of attempts) add(this.#bankOf(sums, bank).beforeAll, item)
    const destination = this.#wayOf(item, batch.partner).destination({ at, isHealthy })
    const [from, to] = [
      unroutedAt === undefined ? (first?.bank ?? NOWHERE) : NOWHERE,
      destination?.bank ?? NOWHERE,
    ]
    if (from !== to) add(kept(sums.moved, `${from} → ${to}`, noSum), item)
    if (destination === undefined) {
      add(sums.unroutedAfter, item)
      return
    }
    add(this.#bankOf(sums, destination.bank).after, item)
    add(kept(sums.ends, this.#follow(sums, batch.partner, item, destination), noSum), item)
  }

  /** Follows an item through the rounds that the log has, as far as answers are known. Gives where it ends. */
  #follow(sums: CurrencySums, partner: string, item: Item, first: Destination): string {
    const attempts = attemptsOf(item)
    const [begun, ...later] = [...Map.groupBy(attempts, ({ round }) => round).values()]
    let end = this.#followRound(sums, item, first, answersFor(attempts, begun ?? []))
    for (const round of later) {
      if (end !== "failed") return end
      const at = round[0]?.requestedAt ?? 0
      const next = this.#wayOf(item, partner).destination({ at, isHealthy })
      end = next === undefined ? NOWHERE : this.#followRound(sums, item, next, answersFor(attempts, round))
    }
    return end
  }

  /** Follows an item along one route, from bank to bank. */
  #followRound(
    sums: CurrencySums,
    item: Item,
    first: Destination,
    answers: ReadonlyMap<string, Attempt>,
  ): string {
    let next: Destination | undefined = first
    let end = "failed"
    // A route leads to each of its banks once.
    for (let tries = 0; next !== undefined && tries <= this.#rules.banks.size; tries++) {
      const { bank, route }: { readonly bank: string; readonly route: Route } = next
      add(this.#bankOf(sums, bank).afterAll, item)
      const attempt = answers.get(bank)
      if (attempt === undefined) return "unknown"
      end = attempt.outcome ?? "open"
      if (end !== "failed" || !attempt.reroutable) return end
      next = wayAfter(route, this.#isKnown).destination({ at: attempt.concludedAt ?? 0, isHealthy })
    }
    return end
  }

  #sumsOf(currency: string): CurrencySums {
    return kept(this.currencies, currency, () => ({
      banks: new Map(),
      moved: new Map(),
      ends: new Map(),
      unroutedBefore: noSum(),
      unroutedAfter: noSum(),
      notRouted: noSum(),
    }))
  }

  #bankOf({ banks }: CurrencySums, bank: string): BankSums {
    return kept(banks, bank, () => ({
      before: noSum(),
      beforeAll: noSum(),
      after: noSum(),
      afterAll: noSum(),
    }))
  }
}

const NOWHERE = "nowhere"

const isHealthy = (): boolean => true

/** The last answer of each bank, in a round if it was asked in it. */
const answersFor = (
  attempts: ReadonlyArray<Attempt>,
  round: ReadonlyArray<Attempt>,
): ReadonlyMap<string, Attempt> => new Map([...attempts, ...round].map((attempt) => [attempt.bank, attempt]))

const add = (sum: Sum, { minor }: Item): void => {
  sum.items += 1
  sum.minor += minor
}

const kept = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
