/**
 * What people did, from the logs (`payout_acts`) and from the audit trail. A review or a resolution is in both: the trail has it from
 * when it was registered, the log from when the batch took it up. They have the same command, and are shown once, by the log.
 */
import { Effect } from "effect"
import type { ISql } from "postgres"
import type { Database } from "../database/database.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { InvalidCursor, type PageRequest } from "./batch-queries.ts"
import { pageSize } from "./batch-views.ts"
import { parsePlaceCursor, placeCursor } from "./page-cursor.ts"
import type { BatchAct } from "./personal-acts.ts"
import { type ActFilter, type ActView, type BatchActView, REPORT_ENTRIES_MAX } from "./report-queries.ts"
import { filterText } from "./search-filter.ts"

type Query = Database["Service"]["query"]

interface ActRowRead {
  readonly batch: BatchId
  readonly version: number
  readonly partner: string
  readonly at: Date
  readonly act: BatchAct
  readonly outcome: string
  readonly credential: string | null
  readonly name: string
  readonly item: number | null
  readonly items: number | null
  readonly reason: string | null
  readonly command: string | null
}

/** An act of a log, with its entry in the audit trail if it is there as well. */
type LoggedRow = ActRowRead & { readonly sequence: string | null; readonly address: string | null }

interface TrailRow {
  readonly sequence: string
  /** Its time in microseconds since the Unix epoch, for the cursor. */
  readonly place: string
  readonly at: Date
  readonly who: string
  readonly address: string | null
  readonly name: string | null
  readonly act: string
  readonly subject: string
  readonly command: string | null
  readonly reason: string | null
}

/** The acts on a batch, in the order of its log. */
export const listBatchActs = (query: Query) =>
  Effect.fn("ReportQueries.batchActs")(function* (
    partner: PartnerId,
    batch: BatchId,
    after: number,
    limit: number,
  ) {
    const rows = yield* query(
      "list acts on a batch",
      (sql) => sql<Array<ActRowRead>>`
        select * from payout_acts where batch = ${batch} and version > ${after} and partner = ${partner}
        order by version limit ${pageSize(limit, REPORT_ENTRIES_MAX + 1)}`,
    )
    return rows.map(actView)
  })

/** Where a page of acts begins in each of the two lists that it is made of. */
interface Places {
  readonly logged: readonly [at: string, batch: string, version: string] | undefined
  readonly trail: readonly [at: string, sequence: string] | undefined
}

/**
 * A page of all acts, the newest first: of both lists so many, and of these the newest. The trail is read no further back than the acts of
 * logs that a page has room for: most of it may be what the logs have as well.
 */
export const listActs = (query: Query) =>
  Effect.fn("ReportQueries.acts")(function* ({ cursor, limit, ...filter }: PageRequest<ActFilter>) {
    const list = `acts ${filterText(filter)}`
    const places = cursor === undefined ? { logged: undefined, trail: undefined } : placesIn(list, cursor)
    if (places === undefined) return yield* new InvalidCursor()
    const size = pageSize(limit, REPORT_ENTRIES_MAX)
    const logged = yield* query("list acts of logs", (sql) =>
      loggedActs(sql, filter, places.logged, size + 1),
    )
    const from = logged.length > size ? (logged.at(-1)?.at.getTime() ?? filter.from) : filter.from
    const trail = yield* query("list acts of the trail", (sql) =>
      trailActs(sql, { ...filter, from }, places.trail, size + 1),
    )
    const merged = [
      ...logged.map((row) => ({ at: row.at.getTime(), logged: row, trail: undefined })),
      ...trail.map((row) => ({ at: row.at.getTime(), logged: undefined, trail: row })),
    ].sort((one, other) => other.at - one.at)
    const shown = merged.slice(0, size)
    const lastLogged = shown.findLast((one) => one.logged !== undefined)?.logged
    const last = shown.at(-1)
    const next: Places = {
      logged:
        lastLogged === undefined
          ? places.logged
          : [String(lastLogged.at.getTime()), lastLogged.batch, String(lastLogged.version)],
      trail: last === undefined ? places.trail : trailAfter(last.at, shown, places.trail),
    }
    return {
      entries: shown.map(({ logged, trail }) =>
        logged === undefined ? trailView(trail) : loggedView(logged),
      ),
      next: merged.length > size ? cursorOf(list, next) : undefined,
    }
  })

/** Where the trail goes on after a page, which has all of it that is newer than its last act. */
const trailAfter = (
  lastAt: number,
  shown: ReadonlyArray<{ readonly at: number; readonly trail: TrailRow | undefined }>,
  before: Places["trail"],
): Places["trail"] => {
  const last = shown.findLast((one) => one.at === lastAt && one.trail !== undefined)?.trail
  if (last !== undefined) return [last.place, last.sequence]
  const newer = (lastAt + 1) * 1_000
  return before !== undefined && Number(before[0]) <= newer ? before : [String(newer), "0"]
}

const NOWHERE = ""
/** A time or a number that Postgres and JavaScript can hold, or nothing. */
const DIGITS = /^(?:[0-9]{1,16})?$/

const cursorOf = (list: string, { logged, trail }: Places): string =>
  placeCursor(list, [...(logged ?? [NOWHERE, NOWHERE, NOWHERE]), ...(trail ?? [NOWHERE, NOWHERE])])

const placesIn = (list: string, cursor: string): Places | undefined => {
  const place = parsePlaceCursor(list, cursor)
  if (place?.length !== 5) return undefined
  const [at = "", batch = "", version = "", trailAt = "", sequence = ""] = place
  if (![at, version, trailAt, sequence].every((text) => DIGITS.test(text))) return undefined
  return {
    logged: at === NOWHERE ? undefined : [at, batch, version],
    trail: trailAt === NOWHERE ? undefined : [trailAt, sequence],
  }
}

const loggedActs = (sql: ISql, { from, to, who }: ActFilter, after: Places["logged"], limit: number) =>
  sql<Array<LoggedRow>>`
    select acts.*, entry.sequence::text as sequence, entry.address
    from (
      select * from payout_acts
      where at >= ${new Date(from)} and at < ${new Date(to)}
        ${who === undefined ? sql`` : sql`and credential = ${who}`}
        ${
          after === undefined
            ? sql``
            : sql`and (at, batch, version) < (${new Date(Number(after[0]))}, ${after[1]}, ${after[2]}::text::int)`
        }
      order by at desc, batch desc, version desc limit ${limit}
    ) acts
    left join lateral (
      select sequence, address from audit_trail
      where after ->> 'commandId' = acts.command and subject = 'payout-item:' || acts.batch || '/' || acts.item
      order by sequence limit 1
    ) entry on true
    order by acts.at desc, acts.batch desc, acts.version desc`

const trailActs = (sql: ISql, { from, to, who }: ActFilter, after: Places["trail"], limit: number) =>
  sql<Array<TrailRow>>`
    select sequence::text, (extract(epoch from at) * 1000000)::bigint::text as place, at, who, address, name, act, subject,
      after ->> 'commandId' as command, after ->> 'reason' as reason
    from audit_trail
    where at >= ${new Date(from)} and at < ${new Date(to)}
      ${who === undefined ? sql`` : sql`and who = ${who}`}
      ${
        after === undefined
          ? sql``
          : sql`and (at, sequence) < (
        timestamptz 'epoch' + ${after[0]}::text::bigint * interval '1 microsecond', ${after[1]}::text::bigint)`
      }
      and not (
        act in ('payout-item.review', 'payout-item.resolve')
        and (select true from payout_acts where command = after ->> 'commandId'
          ${who === undefined ? sql`` : sql`and credential = ${who}`} limit 1) is true)
    order by audit_trail.at desc, audit_trail.sequence desc limit ${limit}`

const actView = ({ at, credential, item, items, reason, command, ...row }: ActRowRead): BatchActView => ({
  batch: row.batch,
  version: row.version,
  partner: row.partner,
  act: row.act,
  outcome: row.outcome,
  name: row.name,
  at: at.getTime(),
  credential: credential ?? undefined,
  item: item ?? undefined,
  items: items ?? undefined,
  reason: reason ?? undefined,
  commandId: command ?? undefined,
})

const loggedView = (row: LoggedRow): ActView => {
  const { credential, ...act } = actView(row)
  const isOfItem = act.act.startsWith("payout-item.") && act.item !== undefined
  return {
    ...act,
    who: credential ?? act.name,
    subject: isOfItem ? `payout-item:${act.batch}/${act.item}` : `payout-batch:${act.batch}`,
    sequence: row.sequence === null ? undefined : Number(row.sequence),
    address: row.address ?? undefined,
  }
}

const trailView = ({
  at,
  who,
  name,
  act,
  subject,
  command,
  reason,
  sequence,
  address,
}: TrailRow): ActView => ({
  at: at.getTime(),
  who,
  name: name ?? undefined,
  act,
  subject,
  outcome: undefined,
  reason: reason ?? undefined,
  partner: undefined,
  batch: undefined,
  version: undefined,
  item: undefined,
  items: undefined,
  commandId: command ?? undefined,
  sequence: Number(sequence),
  address: address ?? undefined,
})
