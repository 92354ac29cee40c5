/** The second record of announced lists, in a table of its own, which is made when it is first needed. */
import { Effect } from "effect"
import type { Postgres } from "../platform/postgres.ts"
import { tableCreation } from "../platform/table-creation.ts"
import { LISTS_MAX, type ListStore } from "./announced-lists.ts"

const TABLE = "announced_lists"

const creation = tableCreation(
  TABLE,
  `create table ${TABLE} (
     version text collate "C" primary key,
     /** Milliseconds since the epoch. */
     since bigint not null
   );
   create index on ${TABLE} (since)`,
)

/** The announcements in a Postgres. */
export const postgresListStore = ({ query }: Postgres["Service"]): ListStore => {
  let isThere = false
  const create = Effect.suspend(() =>
    isThere
      ? Effect.void
      : Effect.map(
          query("create the table of lists", (sql) => sql.unsafe(creation)),
          () => {
            isThere = true
          },
        ),
  )
  return {
    since: (listVersion) =>
      create.pipe(
        Effect.andThen(
          query(
            "read lists",
            (sql) => sql<Array<{ since: string }>>`
              select since from announced_lists where version = ${listVersion}`,
          ),
        ),
        Effect.map(([row]) => (row === undefined ? undefined : Number(row.since))),
      ),
    keep: (listVersion, at) =>
      create.pipe(
        Effect.andThen(
          query(
            "announce lists",
            (sql) => sql`
              insert into announced_lists (version, since) values (${listVersion}, ${at})
              on conflict (version) do update set since = excluded.since
                where announced_lists.since > excluded.since`,
          ),
        ),
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
    latest: create.pipe(
      Effect.andThen(
        query(
          "read lists",
          (sql) => sql<Array<{ version: string; since: string }>>`
            select version, since from announced_lists order by since desc, version desc limit 1`,
        ),
      ),
      Effect.map(([row]) => row && { version: row.version, since: Number(row.since) }),
    ),
  }
}
