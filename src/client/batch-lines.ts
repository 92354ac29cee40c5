/** A batch as a few lines of text. */

import { isRest, publicItemStates } from "../domain/item-state.ts"
import { aligned } from "../terminal/text-table.ts"
import type { ShownBatch } from "./command-client.ts"

/** States from which nothing goes on by itself. A service that is newer may know others. */
const resting: ReadonlySet<string> = new Set(publicItemStates.filter(isRest))

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

/** A line for each currency: its progress, and how many items are in which state. */
export const currencyLines = (batch: ShownBatch): ReadonlyArray<string> =>
  [...Map.groupBy(countsOf(batch), ({ currency }) => currency)].map(([currency, counts]) => {
    const [done, all] = [atRest(counts), sum(counts)]
    const filled = Math.floor((BAR_WIDTH * done) / Math.max(all, 1))
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled)
    const states = counts.map(({ state, count }) => `${state} ${count}`).join(", ")
    return `  ${currency} ${bar} ${String(done).padStart(5)}/${all}  ${states}`
  })

/**
 * "settling"; "settling, needs attention" while only a person can move the batch; "scheduled for 2026-12-01T06:00:00.000Z"
 * while it waits for its time.
 */
export const stateLabel = ({ state, needsAttention, executeAt }: ShownBatch): string => {
  const label = state === "scheduled" && executeAt !== undefined ? `scheduled for ${executeAt}` : state
  return needsAttention === true ? `${label}, needs attention` : label
}

/** A batch as `batches show` prints it. */
export const batchLines = (batch: ShownBatch): ReadonlyArray<string> => [
  `${batch.id}  ${stateLabel(batch)}  ${batch.itemCount} items  version ${batch.version}`,
  ...(batch.executeAt === undefined ? [] : [`nothing is paid before ${batch.executeAt}`]),
  ...aligned(
    countsOf(batch).map(({ currency, state, count, amount }) => [state, String(count), currency, amount]),
  ),
]
