/** What is due in a story in which no call is under way, every bank takes all, and rules lead all payouts the same way. */
import { noCapacities } from "../../src/domain/bank-capacity.ts"
import type { Batch } from "../../src/domain/batch.ts"
import { anyClearance, type ClearanceTerms } from "../../src/domain/clearance.ts"
import { PayLine } from "../../src/domain/pay-line.ts"
import { plan, type Work, wakeAt } from "../../src/domain/plan.ts"
import { type Routes, wayAfter } from "../../src/domain/routing.ts"
import { along } from "./batch-story.ts"

const routes: Routes = {
  version: "v1",
  wayOf: (_payout, { after }) =>
    after === undefined
      ? { key: "euros", destination: () => along("north", "south", "west") }
      : wayAfter(after, () => true),
}

export const workDue = (
  batch: Batch,
  now: number,
  terms: ClearanceTerms = anyClearance,
): ReadonlyArray<Work> => {
  const line = lineOf(batch, terms)
  return plan(batch, { now, busy: new Set(), terms, banks: noCapacities, line }).work
}

export const wakes = (batch: Batch, terms: ClearanceTerms = anyClearance): number | undefined =>
  wakeAt(batch, { now: 0, terms, banks: noCapacities, line: lineOf(batch, terms) })

const lineOf = (batch: Batch, terms: ClearanceTerms): PayLine => {
  const line = new PayLine(routes)
  line.follow(batch, terms)
  return line
}
