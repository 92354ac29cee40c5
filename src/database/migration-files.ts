/** The numbered files of `migrations/`: the one sequence by which every table comes about. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"

export interface Migration {
  readonly name: string
  readonly number: number
  readonly statements: string
  /** SHA-256 of the file, in hex. */
  readonly checksum: string
  /**
   * The last migration of the oldest release that can work with a database that has this one. Its own number, unless
   * its first line says otherwise: releases that do not know it then refuse to start.
   */
  readonly worksFrom: number
}

const fileName = /^(\d{4})-[a-z0-9-]+\.sql$/
/** "-- Works from 0015 on." as the first line. */
const worksFrom = /^-- Works from (\d{4}) on\.\n/

/** A migration by the name and the text of its file. Line ends count as line feeds, whatever the checkout made of them. */
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

/** All migrations of a folder in their order. Throws when a number is missing or there twice. */
export const readMigrations = (folder: URL): ReadonlyArray<Migration> => {
  const migrations = readdirSync(folder)
    .sort()
    .map((name) => readMigration(name, readFileSync(new URL(name, folder), "utf8")))
  for (const [index, { name, number }] of migrations.entries())
    if (number !== index + 1) throw new Error(`${name}: the migration after ${index} is ${index + 1}`)
  return migrations
}

/** The migrations of this release. */
export const migrations = readMigrations(new URL("migrations/", import.meta.url))
