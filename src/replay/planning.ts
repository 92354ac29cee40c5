/**
 * What a code plans for a state, in circumstances that differ in what banks take, and in which clearances are good: so that a rule that
 * few batches ever meet is asked as well.
 */
import { type BankCapacity, type Capacities, noCapacities } from "../domain/bank-capacity.ts"
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

/** Plans by all circumstances at a time of the log, and by some of them later. */
export interface Plans {
  /** Banks take all, and no clearance grows old. */
  readonly freely: Planned
  readonly freelyWhenDue: Planned | undefined
  /** A day later nothing has happened, so that much is due at once. */
  readonly overdue: Planned
  /** Banks take little, items are in calls, and clearances are good for an hour, by the lists that the log named last. */
  readonly tightly: Planned
  readonly tightlyWhenDue: Planned | undefined
  /** The same while banks take nothing. */
  readonly shut: Planned
  /** All clearances but those of this moment are too old. */
  readonly aged: Planned
  /** Lists are announced by which nothing was screened. */
  readonly announced: Planned
  /** It is not known which lists are good. */
  readonly unknown: Planned
}

/** Every clearance is good. */
const anyTerms = { maxAgeMs: Number.POSITIVE_INFINITY, lists: undefined, retryMs: { min: 0, max: 0 } }
const AGE_MS_MAX = 3_600_000
const RETRY_MS = { min: 1_000, max: 60_000 }
/** For logs that are over in a second. */
const SHORT_RETRY_MS = { min: 5, max: 15 }
const SHUT_MS = 5_000
const DAY_MS = 86_400_000
const little: BankCapacity = { transfers: 2, inquiries: 2, admitsAgainAt: 0, isHealthy: true }

/**
 * The rules are no part of a domain's fold: payouts of a currency go one way, by its first bank if that is healthy; one amount in so many
 * leads nowhere; and after a refusal they go along their route.
 */
const routesOf = ({ wayAfter }: DomainCode): Routes => ({
  version: "replay",
  wayOf: ({ currency, minor }, { after }) => {
    if (after !== undefined) return wayAfter(after, () => true)
    if (minor % NOWHERE_EVERY === 3n) return { key: "nowhere", destination: () => undefined }
    const route = { rule: "replay", version: "replay" }
    return {
      key: currency,
      destination: ({ isHealthy }) => {
        const [first = "", second = ""] = banksOf(currency)
        return { bank: isHealthy(first) ? first : second, route }
      },
    }
  },
})

const NOWHERE_EVERY = 8n

const banksOf = (currency: string) => [`of-${currency}`, `second-of-${currency}`]

/** The lists that a log named last, and since when. */
export type NamedLists = { readonly version: string; readonly since: number } | undefined

interface Circumstances {
  readonly terms: ClearanceTerms
  readonly banks: Capacities
  readonly busy: Pick<ReadonlySet<number>, "has">
  /** Plans by the same lists share it. */
  readonly line: PayLine
}

/** Plans for one batch by one code. Its pay lines follow the batch. */
export class Planner {
  readonly #code: DomainCode
  readonly #lines: Readonly<Record<"free" | "tight" | "aged" | "announced" | "unknown", PayLine>>

  constructor(code: DomainCode) {
    this.#code = code
    const line = () => new code.PayLine(routesOf(code))
    this.#lines = { free: line(), tight: line(), aged: line(), announced: line(), unknown: line() }
  }

  /** Plans at `now`, in epoch milliseconds. `banks` are those that the log has. */
  plans(batch: Batch, now: number, lists: NamedLists, banks: ReadonlySet<string>): Plans {
    const { free, tight, aged, announced, unknown } = this.#lines
    const all = [...banks, ...[...batch.tallies.keys()].flatMap(banksOf)]
    const each = (capacity: BankCapacity): Capacities => new Map(all.map((bank) => [bank, capacity]))
    const freely = { terms: anyTerms, banks: noCapacities, busy: noBusy, line: free }
    const strict = { maxAgeMs: AGE_MS_MAX, lists, retryMs: RETRY_MS }
    const tightly = { terms: strict, banks: each(little), busy: someBusy, line: tight }
    const nothing = { transfers: 0, inquiries: 0, admitsAgainAt: now + SHUT_MS, isHealthy: false }
    const others = { version: "by which nothing was screened", since: batch.receivedAt }
    const [planned, bound] = [this.#plan(batch, now, freely), this.#plan(batch, now, tightly)]
    return {
      freely: planned,
      freelyWhenDue: this.#whenDue(batch, now, planned, freely),
      overdue: this.#plan(batch, now + DAY_MS, freely),
      tightly: bound,
      tightlyWhenDue: this.#whenDue(batch, now, bound, tightly),
      shut: this.#plan(batch, now, { ...tightly, banks: each(nothing), busy: noBusy }),
      aged: this.#plan(batch, now, { ...freely, terms: { ...anyTerms, maxAgeMs: 1 }, line: aged }),
      announced: this.#plan(batch, now, {
        ...freely,
        terms: { ...anyTerms, lists: others, retryMs: SHORT_RETRY_MS },
        line: announced,
      }),
      unknown: this.#plan(batch, now, { ...freely, terms: "unknown", line: unknown }),
    }
  }

  #whenDue(batch: Batch, now: number, { wakeAt }: Planned, by: Circumstances): Planned | undefined {
    return wakeAt === undefined || wakeAt <= now ? undefined : this.#plan(batch, wakeAt, by)
  }

  #plan(batch: Batch, now: number, { terms, banks, busy, line }: Circumstances): Planned {
    line.follow(batch, terms)
    const { plan, wakeAt } = this.#code
    const planned = plan(batch, { now, busy, terms, banks, line })
    return { ...planned, wakeAt: wakeAt(batch, { now, terms, banks, line }) }
  }
}

const noBusy = { has: () => false }
/** Every seventh item is in a call. */
const someBusy = { has: (item: number) => item % 7 === 3 }
