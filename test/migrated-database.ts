/** The database of a run of tests from which those of the tests are copied: a copy costs less than all migrations again. */
import { randomUUID } from "node:crypto"
import { Effect, Logger } from "effect"
import postgres from "postgres"
import { migrate } from "../src/database/migration-runner.ts"
import { Postgres } from "../src/platform/postgres.ts"

const MIGRATION_MS_MAX = 60_000

/** Creates a database with the tables of this release, to which nobody is connected. Gives its name, and what drops it. */
export const createMigratedDatabase = async (serverUrl: string) => {
  const name = `migrated_${randomUUID().slice(0, 8)}`
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} })
  const drop = async () => {
    try {
      await server.unsafe(`drop database if exists ${name} with (force)`)
    } finally {
      await server.end()
    }
  }
  try {
    await server.unsafe(`create database ${name}`)
    await migrated(serverUrl, name)
  } catch (error) {
    await drop()
    throw error
  }
  return { name, drop }
}

const migrated = (serverUrl: string, name: string): Promise<unknown> => {
  const database = Postgres.patient(databaseUrlAt(serverUrl, name), MIGRATION_MS_MAX)
  return Effect.runPromise(migrate.pipe(Effect.provide([database, Logger.layer([])])))
}

/** The URL of a database on a server. */
export const databaseUrlAt = (serverUrl: string, name: string): string => {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
