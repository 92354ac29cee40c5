/** Plans for a story by rules, within what banks take, and counts what is looked at for that. */
import type { BankCapacity, Capacities } from "../../src/domain/bank-capacity.ts"
import { nextAttempt } from "../../src/domain/batch.ts"
import { PayLine } from "../../src/domain/pay-line.ts"
import { type Plan, plan } from "../../src/domain/plan.ts"
import type { PlannedTransfer } from "../../src/domain/plan-transfers.ts"
import { type Routes, type Rule, wayAfter, wayOf } from "../../src/domain/routing.ts"
import { intent, type Story } from "./batch-story.ts"

export const closedUntil = (admitsAgainAt: number): BankCapacity => ({
  transfers: 0,
  inquiries: 0,
  admitsAgainAt,
  isHealthy: false,
})

export const taking = (transfers: number, isHealthy = true): BankCapacity => ({
  transfers,
  inquiries: Number.POSITIVE_INFINITY,
  admitsAgainAt: 0,
  isHealthy,
})

export const routesBy = (rules: ReadonlyArray<Rule>): Routes => ({
  version: "v1",
  wayOf: (payout, { partner, after }) =>
    after === undefined ? wayOf({ version: "v1", rules }, payout, partner) : wayAfter(after, () => true),
})

/** Keeps one line all the time, as an actor does. */
export class Planner {
  readonly story: Story
  readonly line: PayLine
  readonly busy = new Set<number>()
  /** How often it was asked for an item, whether one is busy, where a way leads, and which way a payout goes. */
  looks = 0
  readonly #routes: Routes

  constructor(story: Story, routes: Routes) {
    this.story = story
    this.#routes = routes
    this.line = new PayLine(this.#counted(routes))
    const { items } = story.batch
    const get = items.get.bind(items)
    items.get = (item) => {
      this.looks += 1
      return get(item)
    }
  }

  /** The work by the line that follows the batch. */
  plan(banks: Capacities): Plan {
    const busy = {
      has: (item: number) => {
        this.looks += 1
        return this.busy.has(item)
      },
    }
    return this.#planned(this.line, banks, busy)
  }

  /** The same by a line that was just made. */
  planAnew(banks: Capacities): Plan {
    return this.#planned(new PayLine(this.#routes), banks, this.busy)
  }

  /** Writes intents for what was planned. */
  send(transfers: ReadonlyArray<PlannedTransfer>): void {
    for (const { item, destination } of transfers) {
      const payout = this.story.batch.items.get(item)
      if (payout === undefined) throw new Error(`planned, and not there: ${item}`)
      this.story.tell(intent(item, nextAttempt(payout), destination))
    }
  }

  #planned(line: PayLine, banks: Capacities, busy: Pick<ReadonlySet<number>, "has">): Plan {
    const { batch, now, terms } = this.story
    line.follow(batch, terms)
    return plan(batch, { now, terms, banks, busy, line })
  }

  #counted({ version, wayOf }: Routes): Routes {
    return {
      version,
      wayOf: (payout, asked) => {
        this.looks += 1
        const { key, destination } = wayOf(payout, asked)
        return {
          key,
          destination: (circumstances) => {
            this.looks += 1
            return destination(circumstances)
          },
        }
      },
    }
  }
}

export const transfersOf = ({ work }: Plan): ReadonlyArray<PlannedTransfer> =>
  work.flatMap((work) => (work._tag === "RequestTransfers" ? work.transfers : []))

/** The items of all work of a kind. */
export const itemsOf = (
  { work }: Plan,
  tag: "Inquire" | "RecordUnrouted" | "RequestScreening",
): ReadonlyArray<number> => work.flatMap((work) => (work._tag === tag ? work.items : []))
