/** The second record of announced lists: a table in Postgres. */
import { Effect } from "effect"
import type { Database } from "../database/database.ts"
import { LISTS_MAX, type ListStore } from "./announced-lists.ts"

/** The announcements kept in Postgres. */
export const postgresListStore = ({ query }: Database["Service"]): ListStore => ({
  since: (listVersion) =>
    query(
      "read lists",
      (sql) => sql<Array<{ since: string }>>`
        select since from announced_lists where version = ${listVersion}`,
    ).pipe(Effect.map(([row]) => (row === undefined ? undefined : Number(row.since)))),
  keep: (listVersion, at) =>
    query(
      "announce lists",
      (sql) => sql`
        insert into announced_lists (version, since) values (${listVersion}, ${at})
        on conflict (version) do update set since = excluded.since
          where announced_lists.since > excluded.since`,
    ).pipe(
      Effect.andThen(
        query(
          "trim lists",
          (sql) => sql`
            delete from announced_lists where version in (
              select version from announced_lists order by since desc, version desc offset ${LISTS_MAX})`,
        ),
      ),
      Effect.asVoid,
    ),
  latest: query(
    "read lists",
    (sql) => sql<Array<{ version: string; since: string }>>`
      select version, since from announced_lists order by since desc, version desc limit 1`,
  ).pipe(Effect.map(([row]) => row && { version: row.version, since: Number(row.since) })),
})
