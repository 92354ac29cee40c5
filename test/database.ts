import { randomUUID } from "node:crypto"
import postgres from "postgres"
import { inject } from "vitest"

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
