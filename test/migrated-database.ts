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
  await server.unsafe(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const silent = Logger.layer([])
  await Effect.runPromise(
    migrate.pipe(Effect.provide([Postgres.patient(url.href, MIGRATION_MS_MAX), silent])),
  )
  const drop = async () => {
    await server.unsafe(`drop database ${name}`)
    await server.end()
  }
  return { name, drop }
}
