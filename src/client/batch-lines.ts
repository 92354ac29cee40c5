/** A batch in a few lines of text. */

import { isRest, itemStates } from "../domain/item-state.ts"
import { aligned } from "../terminal/text-table.ts"
import type { ShownBatch, Warning } from "./service-client.ts"

/** States from which nothing goes on by itself. A service that is newer may know others. */
const resting: ReadonlySet<string> = new Set(itemStates.filter(isRest))

interface Count {
  readonly currency: string
  readonly state: string
  readonly count: number
  readonly amount: string
}

const countsOf = ({ states }: ShownBatch): ReadonlyArray<Count> =>
  Object.entries(states).flatMap(([currency, byState]) =>
    Object.entries(byState)
      .filter(([, { count }]) => count > 0)
      .map(([state, { count, amount }]) => ({ currency, state, count, amount })),
  )

const sum = (counts: ReadonlyArray<Count>): number => counts.reduce((total, { count }) => total + count, 0)

const atRest = (counts: ReadonlyArray<Count>): number => sum(counts.filter(({ state }) => resting.has(state)))

/** Items that are neither final nor waiting for a person. */
export const openItems = (batch: ShownBatch): number => batch.itemCount - atRest(countsOf(batch))

/** "settled 180, pending 15, …" over all currencies. */
export const stateCounts = (batch: ShownBatch): string =>
  [...Map.groupBy(countsOf(batch), ({ state }) => state)]
    .map(([state, counts]) => `${state} ${sum(counts)}`)
    .join(", ")

const BAR_WIDTH = 30

/** A line for each currency: how far it is, and what is in which state. */
export const currencyLines = (batch: ShownBatch): ReadonlyArray<string> =>
  [...Map.groupBy(countsOf(batch), ({ currency }) => currency)].map(([currency, counts]) => {
    const [done, all] = [atRest(counts), sum(counts)]
    const filled = Math.floor((BAR_WIDTH * done) / Math.max(all, 1))
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled)
    const states = counts.map(({ state, count }) => `${state} ${count}`).join(", ")
    return `  ${currency} ${bar} ${String(done).padStart(5)}/${all}  ${states}`
  })

/** "settling", or "scheduled for 2026-12-01T06:00:00.000Z". */
export const stateOf = ({ state, executeAt }: ShownBatch): string =>
  state === "scheduled" && executeAt !== undefined ? `scheduled for ${executeAt}` : state

const WARNINGS_SHOWN_MAX = 20

/** What the service said of a batch that it accepted, a line for each of the first 20. */
export const warningLines = (warnings: ReadonlyArray<Warning>): ReadonlyArray<string> => {
  const shown = warnings
    .slice(0, WARNINGS_SHOWN_MAX)
    .map(({ item, field, detail }) =>
      ["warning", item === undefined ? "" : `item ${item}`, field ?? "", detail].filter(Boolean).join(": "),
    )
  const more = warnings.length - shown.length
  return more > 0 ? [...shown, `… and ${more} more warnings`] : shown
}

/** A batch as `batches show` prints it. */
export const batchLines = (batch: ShownBatch): ReadonlyArray<string> => [
  `${batch.id}  ${batch.state}  ${batch.itemCount} items  version ${batch.version}`,
  ...(batch.executeAt === undefined ? [] : [`nothing is paid before ${batch.executeAt}`]),
  ...aligned(
    countsOf(batch).map(({ currency, state, count, amount }) => [state, String(count), currency, amount]),
  ),
]
