/** Invariant 4: at every prefix, per currency, total = settled + failed + returned + open, in count and amount. */
import type { Batch, Tally } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"

export class SumCheck {
  /** What was received, per currency, added up from the events themselves. */
  readonly #received = new Map<string, Tally>()

  /** What does not add up after an event was folded; nothing if all does. */
  after(batch: Batch, event: BatchEvent): { readonly expected: string; readonly found: string } | undefined {
    if (event._tag === "ItemsReceived") for (const item of event.items) this.#add(item)
    for (const [currency, received] of this.#received) {
      let [count, minor] = [0, 0n]
      for (const tally of batch.tallies.get(currency)?.values() ?? []) {
        if (tally.count < 0 || tally.minor < 0n)
          return { expected: "no state below zero", found: `${tally.minor} ${currency} in a state` }
        count += tally.count
        minor += tally.minor
      }
      if (count !== received.count || minor !== received.minor)
        return { expected: textOf(currency, received), found: textOf(currency, { count, minor }) }
    }
    return undefined
  }

  /** What the items add up to at the end, one by one; nothing if that is what the sums say. */
  ofItems(batch: Batch): { readonly expected: string; readonly found: string } | undefined {
    const byState = new Map<string, Tally>()
    for (const { currency, state, minor } of batch.items.values()) {
      const tally = byState.get(`${currency} ${state}`) ?? { count: 0, minor: 0n }
      tally.count += 1
      tally.minor += minor
      byState.set(`${currency} ${state}`, tally)
    }
    for (const [currency, states] of batch.tallies)
      for (const [state, told] of states) {
        const { count, minor } = byState.get(`${currency} ${state}`) ?? { count: 0, minor: 0n }
        if (count !== told.count || minor !== told.minor)
          return {
            expected: textOf(`${currency} ${state}`, { count, minor }),
            found: textOf(`${currency} ${state}`, told),
          }
      }
    return undefined
  }

  #add({ currency, minor }: { readonly currency: string; readonly minor: bigint }): void {
    const sum = this.#received.get(currency) ?? { count: 0, minor: 0n }
    sum.count += 1
    sum.minor += minor
    this.#received.set(currency, sum)
  }
}

const textOf = (name: string, { count, minor }: Tally): string => `${count} items of ${minor} ${name}`
