/** Plans the migrations that a database still needs from those that it has recorded, or says why none may be applied. */
import { Result, Schema } from "effect"
import type { Migration } from "./migration-files.ts"
import { RECORDED_BY_NAME } from "./unrecorded-tables.ts"

/** This release cannot work with the database. Nothing was changed; `reason` says what to do. */
export class SchemaRefused extends Schema.TaggedError<SchemaRefused>()("SchemaRefused", {
  migration: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return this.reason
  }
}

/** A row of `schema_migrations`. Earlier releases recorded only the name. */
export interface Recorded {
  readonly name: string
  readonly checksum?: string | null
  readonly works_from?: number | null
}

export interface Step {
  readonly migration: Migration
  /** `adopt`: an earlier release applied it without a record, so it is only recorded. */
  readonly action: "apply" | "adopt"
}

export interface Plan {
  readonly steps: ReadonlyArray<Step>
  /** Migrations of newer releases that this one can work with. */
  readonly newer: ReadonlyArray<string>
}

/**
 * The steps that a database needs, in order. `found` are the numbers of migrations whose tables or columns exist without a
 * recorded checksum.
 */
export const planOf = (
  migrations: ReadonlyArray<Migration>,
  recorded: ReadonlyArray<Recorded>,
  found: ReadonlySet<number>,
): Result.Result<Plan, SchemaRefused> => {
  const newest = migrations.at(-1)
  const byName = new Map(recorded.map((row) => [row.name, row]))
  for (const migration of migrations) {
    const row = byName.get(migration.name)
    if (row !== undefined && row.checksum !== migration.checksum && !isByNameOnly(migration, row))
      return refuse(migration.name, wasChanged(migration, row))
  }
  const known = new Set(migrations.map(({ name }) => name))
  const newer = recorded.filter(({ name }) => !known.has(name))
  for (const { name, works_from } of newer) {
    if ((works_from ?? Number.POSITIVE_INFINITY) > (newest?.number ?? 0))
      return refuse(name, isTooNew(name, newest))
  }
  const pending = migrations.filter((migration) => {
    const row = byName.get(migration.name)
    return row === undefined || isByNameOnly(migration, row)
  })
  const [first] = pending
  const beyond = recorded.find(({ name, checksum }) => first !== undefined && checksum && name > first.name)
  if (first !== undefined && beyond !== undefined)
    return refuse(first.name, wasPassedOver(first.name, beyond.name))
  return Result.succeed({
    steps: pending.map((migration) => ({
      migration,
      action: byName.has(migration.name) || found.has(migration.number) ? "adopt" : "apply",
    })),
    newer: newer.map(({ name }) => name),
  })
}

const isByNameOnly = ({ number }: Migration, { checksum }: Recorded): boolean =>
  number <= RECORDED_BY_NAME && (checksum ?? null) === null

const refuse = (migration: string, reason: string) => Result.fail(new SchemaRefused({ migration, reason }))

const wasChanged = ({ name, checksum }: Migration, row: Recorded): string =>
  [
    `src/database/migrations/${name} is not the file that this database was migrated with`,
    `(SHA-256 ${row.checksum?.slice(0, 12) ?? "not recorded"} then, ${checksum.slice(0, 12)} now).`,
    "A migration never changes once it was applied:",
    "put the file back as it was released, and make the change in a new migration.",
  ].join(" ")

const isTooNew = (name: string, newest: Migration | undefined): string =>
  [
    `The database is newer than this release: it has the migration ${name},`,
    `which this release does not know (its last one is ${newest?.name ?? "none"}) and cannot work with.`,
    "Start the release that applied it, or a newer one; or restore the database from before it.",
  ].join(" ")

const wasPassedOver = (name: string, beyond: string): string =>
  [
    `The database has the migration ${beyond}, and not ${name}, which comes before it:`,
    "it was migrated by a release of another line.",
    `Start a release that knows both, or number ${name} after ${beyond}.`,
  ].join(" ")
