/**
 * What a code plans for a state, in two circumstances: banks that take all and clearances that never grow old; and banks that take
 * little, items in calls, and clearances by the lists that the log named last, of at most an hour.
 */
import type { BankCapacity, Capacities } from "../domain/bank-capacity.ts"
import type { Batch } from "../domain/batch.ts"
import type { ClearanceTerms } from "../domain/clearance.ts"
import type { PayLine } from "../domain/pay-line.ts"
import type { Plan } from "../domain/plan.ts"
import type { Routes } from "../domain/routing.ts"
import type { DomainCode } from "./domain-code.ts"

/** What is planned at a time, and when to look again. */
interface Planned extends Plan {
  readonly wakeAt: number | undefined
}

/** Plans by both circumstances, at a time of the log and at the time for which each asks to be woken. */
export interface Plans {
  readonly freely: Planned
  readonly freelyWhenDue: Planned | undefined
  readonly tightly: Planned
  readonly tightlyWhenDue: Planned | undefined
}

const anyTerms: ClearanceTerms = {
  maxAgeMs: Number.POSITIVE_INFINITY,
  lists: undefined,
  retryMs: { min: 0, max: 0 },
}
const AGE_MS_MAX = 3_600_000
const RETRY_MS = { min: 1_000, max: 60_000 }
const tight: BankCapacity = { transfers: 2, inquiries: 2, admitsAgainAt: 0, isHealthy: true }

/** The rules are no part of a domain's fold: all payouts of a currency go one way, and after a refusal along their route. */
const routesOf = ({ wayAfter }: DomainCode): Routes => ({
  version: "replay",
  wayOf: ({ currency }, { after }) =>
    after === undefined
      ? {
          key: currency,
          destination: () => ({ bank: `of-${currency}`, route: { rule: "replay", version: "replay" } }),
        }
      : wayAfter(after, () => true),
})

/** Plans for one batch by one code. Its pay lines follow the batch. */
export class Planner {
  readonly #code: DomainCode
  readonly #free: PayLine
  readonly #tight: PayLine

  constructor(code: DomainCode) {
    this.#code = code
    this.#free = new code.PayLine(routesOf(code))
    this.#tight = new code.PayLine(routesOf(code))
  }

  /** Plans at `now`, in epoch milliseconds. `lists` are those that the log named last, `banks` those that it has. */
  plans(
    batch: Batch,
    now: number,
    lists: { readonly version: string; readonly since: number } | undefined,
    banks: ReadonlySet<string>,
  ): Plans {
    const strict: ClearanceTerms = { maxAgeMs: AGE_MS_MAX, lists, retryMs: RETRY_MS }
    const little: Capacities = new Map(
      [...banks, ...[...batch.tallies.keys()].map((currency) => `of-${currency}`)].map((bank) => [
        bank,
        tight,
      ]),
    )
    const freely = (at: number) => this.#plan(batch, at, anyTerms, new Map(), this.#free, noBusy)
    const tightly = (at: number) => this.#plan(batch, at, strict, little, this.#tight, someBusy)
    const [free, bound] = [freely(now), tightly(now)]
    const later = (planned: Planned, plan: (at: number) => Planned) =>
      planned.wakeAt === undefined || planned.wakeAt <= now ? undefined : plan(planned.wakeAt)
    return {
      freely: free,
      freelyWhenDue: later(free, freely),
      tightly: bound,
      tightlyWhenDue: later(bound, tightly),
    }
  }

  #plan(
    batch: Batch,
    now: number,
    terms: ClearanceTerms,
    banks: Capacities,
    line: PayLine,
    busy: Pick<ReadonlySet<number>, "has">,
  ): Planned {
    line.follow(batch, terms)
    const { plan, wakeAt } = this.#code
    const planned = plan(batch, { now, busy, terms, banks, line })
    return { ...planned, wakeAt: wakeAt(batch, { now, terms, banks, line }) }
  }
}

const noBusy = { has: () => false }
/** Every seventh item is in a call. */
const someBusy = { has: (item: number) => item % 7 === 3 }
