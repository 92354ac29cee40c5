/** Guards of the schema, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const runner = "test/database/migration-runner.test.ts"
const upgrade = "test/database/upgrade.test.ts"
const migrationFiles = "test/database/migration-files.test.ts"

export const databaseGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a misnamed migration is refused",
    file: "database/migration-files.ts",
    text: "/^[^.].*\\.sql$/i.test(name)",
    without: "fileName.test(name)",
    caughtIn: migrationFiles,
    caughtBy: "has no 3-vault.sql, which is misnamed",
  },
  {
    name: "a migration that was changed after it was applied is refused",
    file: "database/migration-plan.ts",
    text: "row.checksum !== migration.checksum && !isByNameOnly(migration, row)",
    without: "row.checksum === undefined",
    caughtIn: runner,
    caughtBy: "is refused by name, and nothing is applied",
  },
  {
    name: "a database is refused that is newer than the release can work with",
    file: "database/migration-plan.ts",
    text: "(works_from ?? Number.POSITIVE_INFINITY) > (newest?.number ?? 0)",
    without: "works_from === 0",
    caughtIn: runner,
    caughtBy: "is refused by name otherwise, and nothing is changed",
  },
  {
    name: "what nobody vouches for is no migration that this release can work with",
    file: "database/migration-plan.ts",
    text: "works_from ?? Number.POSITIVE_INFINITY",
    without: "works_from ?? 0",
    caughtIn: runner,
    caughtBy: "is refused when nobody said which releases can work with what is new there",
  },
  {
    name: "a database of another line is refused",
    file: "database/migration-plan.ts",
    text: "if (first !== undefined && beyond !== undefined)",
    without: "if (first === undefined && beyond !== undefined)",
    caughtIn: runner,
    caughtBy: "a migration that comes before one that was applied is refused",
  },
  {
    name: "processes that migrate take turns",
    file: "database/migration-runner.ts",
    text: "select pg_advisory_xact_lock(",
    without: "select abs(",
    caughtIn: runner,
    caughtBy: "are applied once by processes that start together",
  },
  {
    name: "whoever was overtaken plans anew",
    file: "database/migration-runner.ts",
    text: "reason === OVERTAKEN && round < PLANS_MAX",
    without: "round > PLANS_MAX",
    caughtIn: runner,
    caughtBy: "are applied once by processes that start together",
  },
  {
    name: "what earlier releases have made is not made again",
    file: "database/migration-runner.ts",
    text: "if not (",
    without: "if true or not (",
    caughtIn: upgrade,
    caughtBy: "has rows in every table, and they are all there afterwards",
  },
]
