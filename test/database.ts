import { randomUUID } from "node:crypto"
import { Layer } from "effect"
import postgres from "postgres"
import { inject } from "vitest"
import { Database } from "../src/database/database.ts"
import { Postgres } from "../src/platform/postgres.ts"
import { databaseUrlAt } from "./migrated-database.ts"

/** A pool on the database of the settings, and the tables of this release in it. */
export const databaseLayer = Database.layer.pipe(Layer.provideMerge(Postgres.layer))

/** A database on the test stack's server. */
export interface OwnDatabase {
  readonly url: string
  readonly drop: () => Promise<void>
}

/**
 * A database of the test's own, with the tables of this release. It does not wait for the disk at a commit: no test of a
 * single file kills the server that all files share.
 */
export const ownDatabase = (): Promise<OwnDatabase> =>
  create(inject("migratedDatabase"), "set synchronous_commit = off")

/** A database of the test's own without any tables, as a server makes it. */
export const emptyDatabase = (): Promise<OwnDatabase> => create("template1", undefined)

const create = async (template: string, setting: string | undefined): Promise<OwnDatabase> => {
  const name = `t_${randomUUID().slice(0, 8)}`
  const server = postgres(inject("databaseUrl"), { max: 1, onnotice: () => {} })
  await server.unsafe(`create database ${name} template ${template}`)
  if (setting !== undefined) await server.unsafe(`alter database ${name} ${setting}`)
  return {
    url: databaseUrlAt(inject("databaseUrl"), name),
    drop: async () => {
      await server.unsafe(`drop database ${name} with (force)`)
      await server.end()
    },
  }
}
