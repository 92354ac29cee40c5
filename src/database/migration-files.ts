/** The numbered files of `migrations/`: one sequence creates every table. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"

export interface Migration {
  readonly name: string
  readonly number: number
  readonly statements: string
  /** SHA-256 of the file, in hex. */
  readonly checksum: string
  /**
   * The last migration of the oldest release that can work with a database that has this one. Unless its first line gives
   * another number, it is its own: then releases that do not know it refuse to start.
   */
  readonly worksFrom: number
}

const fileName = /^(\d{4})-[a-z0-9-]+\.sql$/
/** "-- Works from 0015 on." as the first line. */
const worksFrom = /^-- Works from (\d{4}) on\.\n/

/** Makes a migration of the name and text of its file. CRLF counts as LF, so that a checkout cannot change the checksum. */
export const readMigration = (name: string, text: string): Migration => {
  const [, digits] = fileName.exec(name) ?? []
  if (digits === undefined) throw new Error(`${name}: a migration is called 0001-what-it-does.sql`)
  const statements = text.replaceAll("\r\n", "\n")
  const number = Number(digits)
  return {
    name,
    number,
    statements,
    checksum: createHash("sha256").update(statements).digest("hex"),
    worksFrom: Number(worksFrom.exec(statements)?.[1] ?? number),
  }
}

/**
 * All migrations of a folder, in order. Throws if a number is missing or occurs twice, and if a `*.sql` file is not named as
 * a migration. Ignores other files, such as an editor's backup or a hidden file.
 */
export const readMigrations = (folder: URL): ReadonlyArray<Migration> => {
  const migrations = readdirSync(folder)
    .filter((name) => /^[^.].*\.sql$/i.test(name))
    .sort()
    .map((name) => readMigration(name, readFileSync(new URL(name, folder), "utf8")))
  for (const [index, { name, number }] of migrations.entries())
    if (number !== index + 1) throw new Error(`${name}: the migration after ${index} is ${index + 1}`)
  return migrations
}

/** The migrations of this release. */
export const migrations = readMigrations(new URL("migrations/", import.meta.url))
