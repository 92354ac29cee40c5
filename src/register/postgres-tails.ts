/** Writes the tails of logs, together with records that are based on them. */
import type { ISql } from "postgres"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { LogTail } from "./log-tail.ts"

/** A `with` part of a statement that records tails. All writers order the rows in the same way, so they do not deadlock. */
export const upsertTails = (sql: ISql, all: ReadonlyArray<LogTail>) => {
  const tails = furthest(all)
  return sql`tails as (
    insert into instruction_tails (batch, version, head)
    select * from unnest(
      ${arrayText(tails.map(({ batch }) => batch))}::text[],
      ${arrayText(tails.map(({ version }) => version))}::int[],
      ${arrayText(tails.map(({ head }) => head))}::text[]
    ) as tails (batch, version, head)
    order by batch
    on conflict (batch) do update set version = excluded.version, head = excluded.head, noted_at = now()
      where instruction_tails.version < excluded.version
  )`
}

/** One tail for each batch: a statement may touch a row once. */
const furthest = (tails: ReadonlyArray<LogTail>): ReadonlyArray<LogTail> => [
  ...new Map(tails.toSorted((a, b) => a.version - b.version).map((tail) => [tail.batch, tail])).values(),
]
