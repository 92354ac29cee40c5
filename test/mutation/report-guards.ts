/** Guards of the read models: rows that are the same however a log was cut, and queries that read no table from its begin. */
import type { StepGuard } from "./step-guards.ts"

const rows = "test/projections/batch-rows.test.ts"
const reports = "test/projections/report-queries.test.ts"
const plans = "test/projections/query-plans.test.ts"

export const reportGuards: ReadonlyArray<StepGuard> = [
  {
    name: "an item that an event names twice is counted once",
    file: "projections/day-tallies.ts",
    text: "changed.length > 1 ? new Set(changed) : changed",
    without: "changed",
    caughtIn: rows,
    caughtBy: "count what every item and attempt came to",
  },
  {
    name: "texts that Postgres stores as one are one key",
    file: "projections/day-tallies.ts",
    text: "keyText(ofCode)",
    without: "ofCode",
    caughtIn: rows,
    caughtBy: "are one for two codes that Postgres stores as the same text",
  },
  {
    name: "no policy is a person",
    file: "projections/personal-acts.ts",
    text: "if (by === POLICY && credential === undefined) return undefined",
    without: "",
    caughtIn: rows,
    caughtBy: "acts of people and of no policy",
  },
  {
    name: "days of a batch never go back",
    file: "projections/read-models-postgres.ts",
    text: "where excluded.version > payout_batch_days.version",
    without: "",
    caughtIn: "test/projections/projector.test.ts",
    caughtBy: "never goes back to an older version, whoever stores it",
  },
  {
    name: "a decision of the log and the trail is shown once",
    file: "projections/act-list-postgres.ts",
    text: "limit 1) is true)",
    without: "limit 1) is null)",
    caughtIn: reports,
    caughtBy: "show an act that the log and the audit trail have once",
  },
  {
    name: "a cursor of other days is refused",
    file: "projections/report-queries-postgres.ts",
    text: "if (cursor !== undefined && !isPlaceIn(filter, after)) return yield* new InvalidCursor()",
    without: "",
    caughtIn: reports,
    caughtBy: "refuse a cursor of another list",
  },
  {
    name: "a look-up reads no table from its begin",
    file: "projections/item-search-postgres.ts",
    text: "await sql`set local enable_seqscan = off`",
    without: "",
    caughtIn: plans,
    caughtBy: "search by an index",
  },
  {
    name: "a reference of ours is looked up with its batch, and in no index that is read from its begin",
    file: "projections/search-conditions.ts",
    text: "byIndex ? undefined : transferNamed(reference)",
    without: "transferNamed(reference)",
    caughtIn: plans,
    caughtBy: "our transfer, of another partner",
  },
  {
    name: "an act of a log that names no credential does not hide the entry of the audit trail that does",
    file: "projections/act-list-postgres.ts",
    text: "`} limit 1) is true)",
    without: "` && sql``} limit 1) is true)",
    caughtIn: reports,
    caughtBy: "show an act that the log and the audit trail have once",
  },
]
