/**
 * Whether the read models say what the logs say: the rows as they are in Postgres against the raw logs in Redis, by rules of the checker's
 * own. Each check gives its violations in words; none is good.
 */
import postgres from "postgres"
import { brokenChain } from "./invariants.ts"
import { type LogStory, tellStory } from "./log-story.ts"
import type { Place } from "./logged-event.ts"
import type { LogEntry, RedisSnapshot } from "./redis-snapshot.ts"

/** A row of `payout_batches`. */
export interface BatchRow {
  readonly id: string
  readonly version: number
  readonly head: string | null
  readonly closed: boolean
  readonly itemCount: number
  readonly totals: Readonly<
    Record<string, Readonly<Record<string, { readonly count: number; readonly minor: string }>>>
  >
}

/** A row of `payout_items`. */
export interface ItemRow {
  readonly batch: string
  readonly item: number
  readonly reference: string
  readonly currency: string
  readonly minor: string
  readonly state: string
  readonly version: number
}

/** A row of `closed_batches`. */
export interface ClosedRow {
  readonly batch: string
  readonly version: number
  readonly head: string
}

export interface ReadModelRows {
  readonly batches: ReadonlyArray<BatchRow>
  readonly items: ReadonlyArray<ItemRow>
  readonly closed: ReadonlyArray<ClosedRow>
}

/** Reads all rows as of one moment. */
export const readReadModels = async (databaseUrl: string): Promise<ReadModelRows> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    const [rows] = await sql<Array<ReadModelRows>>`
      select
        coalesce((select json_agg(json_build_object(
          'id', id, 'version', version, 'head', head, 'closed', closed_at is not null, 'itemCount', item_count,
          'totals', totals)) from payout_batches), '[]') as batches,
        coalesce((select json_agg(json_build_object(
          'batch', batch, 'item', item, 'reference', reference, 'currency', currency, 'minor', minor::text,
          'state', state, 'version', version)) from payout_items), '[]') as items,
        coalesce((select json_agg(json_build_object(
          'batch', batch, 'version', version, 'head', head)) from closed_batches), '[]') as closed`
    if (rows === undefined) throw new Error("Postgres gave no row")
    return rows
  } finally {
    await sql.end()
  }
}

/** Invariants 7 to 11, once the read models are at the end of the logs. */
export const readModelViolations = (redis: RedisSnapshot, rows: ReadModelRows): ReadonlyArray<string> => {
  const itemsOf = Map.groupBy(rows.items, ({ batch }) => batch)
  const known = new Set(rows.batches.map(({ id }) => id))
  return [
    ...[...redis.logs].flatMap(([batch, entries]) => [
      ...brokenChain(batch, entries),
      ...tellStory(batch, entries).faults,
      ...(known.has(batch) ? [] : [`${batch} is not shown`]),
      ...wrongClosed(batch, entries, rows.closed),
    ]),
    ...rows.batches.flatMap((row) => {
      const entries = redis.logs.get(row.id)
      if (entries === undefined) return [`${row.id} is shown and has no log`]
      return wrongBatch(row, entries, itemsOf.get(row.id) ?? [])
    }),
    ...[...itemsOf.keys()]
      .filter((batch) => !known.has(batch))
      .map((batch) => `items of ${batch} are shown and the batch is not`),
  ]
}

/** Invariants 9 and 10: no version is beyond the log's end, and it has the log's hash. Each closed batch is known as such. */
const wrongClosed = (
  batch: string,
  entries: ReadonlyArray<LogEntry>,
  closed: ReadonlyArray<ClosedRow>,
): ReadonlyArray<string> => {
  const row = closed.find((one) => one.batch === batch)
  if (row === undefined)
    return tellStory(batch, entries).isClosed
      ? [`${batch} is closed, which closed_batches does not have`]
      : []
  return wrongHead(`closed_batches ${batch}`, row, entries)
}

const wrongHead = (
  what: string,
  { version, head }: { readonly version: number; readonly head: string | null },
  entries: ReadonlyArray<LogEntry>,
): ReadonlyArray<string> => {
  const entry = entries[version - 1]
  if (entry === undefined) return [`${what} is at version ${version}, beyond the log's ${entries.length}`]
  return entry.hash === head ? [] : [`${what} has another hash at version ${version} than the log`]
}

/** Invariant 11: the rows are what the log says at its end. */
const wrongBatch = (
  row: BatchRow,
  entries: ReadonlyArray<LogEntry>,
  items: ReadonlyArray<ItemRow>,
): ReadonlyArray<string> => {
  const { id, version, itemCount, closed } = row
  const story = tellStory(id, entries)
  const rows = new Map(items.map((item) => [item.item, item]))
  return [
    ...wrongHead(`payout_batches ${id}`, row, entries),
    ...(version < entries.length
      ? [`${id} is shown at version ${version}, and the log is at ${entries.length}`]
      : []),
    ...(itemCount === story.itemCount ? [] : [`${id} is shown with ${itemCount} items`]),
    ...(closed === story.isClosed ? [] : [`${id} is shown as ${closed ? "closed" : "open"}`]),
    ...[...story.items.keys()].flatMap((item) => wrongItem(id, story, item, rows.get(item))),
    ...items.flatMap(({ item, version: at }) => [
      ...(story.items.has(item) ? [] : [`${id} item ${item} is shown and not in the log`]),
      ...(at > version ? [`${id} item ${item} is at version ${at}, beyond its batch`] : []),
    ]),
    ...wrongTotals(row, items),
  ]
}

const wrongItem = (
  batch: string,
  { items, places }: LogStory,
  number: number,
  row: ItemRow | undefined,
): ReadonlyArray<string> => {
  const item = items.get(number)
  const name = `${batch} item ${number}`
  if (row === undefined || item === undefined) return [`${name} is not shown`]
  const place = places.get(number) ?? "open"
  return [
    ...(placeShown(row.state) === place ? [] : [`${name} is shown as ${row.state}, and is ${place}`]),
    ...(row.reference === item.reference && row.currency === item.currency && row.minor === item.minor
      ? []
      : [`${name} is shown with another payout`]),
  ]
}

const ends: ReadonlyArray<string> = ["settled", "failed", "returned", "rejected", "cancelled"]
const placeShown = (state: string): Place => (ends.includes(state) ? (state as Place) : "open")

/** Invariant 4 in the read models: the totals are the sums of the items that are shown. */
const wrongTotals = ({ id, totals }: BatchRow, items: ReadonlyArray<ItemRow>): ReadonlyArray<string> => {
  const sums = new Map<string, { count: number; minor: bigint }>()
  for (const { currency, state, minor } of items) {
    const sum = sums.get(`${currency} ${state}`) ?? { count: 0, minor: 0n }
    sums.set(`${currency} ${state}`, { count: sum.count + 1, minor: sum.minor + BigInt(minor) })
  }
  const summed = [...sums].map(([key, { count, minor }]) => `${key} ${count} ${minor}`)
  const shown = Object.entries(totals).flatMap(([currency, states]) =>
    Object.entries(states).map(([state, { count, minor }]) => `${currency} ${state} ${count} ${minor}`),
  )
  return summed.sort().join() === shown.sort().join() ? [] : [`${id}: the totals are not those of its items`]
}
