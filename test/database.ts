import { randomUUID } from "node:crypto"
import { Layer } from "effect"
import postgres from "postgres"
import { inject } from "vitest"
import { Database } from "../src/database/database.ts"
import { Postgres } from "../src/platform/postgres.ts"

/** A pool on the database of the settings, and the tables of this release in it. */
export const databaseLayer = Database.layer.pipe(Layer.provideMerge(Postgres.layer))

/** A database of the test's own on the test stack's server, and the way to drop it. */
export const ownDatabase = async (): Promise<{
  readonly url: string
  readonly drop: () => Promise<void>
}> => {
  const name = `t_${randomUUID().slice(0, 8)}`
  const server = postgres(inject("databaseUrl"), { max: 1, onnotice: () => {} })
  await server.unsafe(`create database ${name}`)
  const url = new URL(inject("databaseUrl"))
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: async () => {
      await server.unsafe(`drop database ${name} with (force)`)
      await server.end()
    },
  }
}
