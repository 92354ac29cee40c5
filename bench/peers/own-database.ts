/** A database in which a peer keeps its tables: empty at the start of a run, and dropped at its end. */
import { Client } from "pg"

export interface OwnDatabase {
  readonly url: string
  readonly drop: () => Promise<void>
}

/** Creates the database on the server in DATABASE_URL. */
export const ownDatabase = async (name: string): Promise<OwnDatabase> => {
  const server = process.env.DATABASE_URL
  if (server === undefined) throw new Error("DATABASE_URL is not set")
  const onServer = async (...statements: ReadonlyArray<string>): Promise<void> => {
    const client = new Client({ connectionString: server })
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }
  const dropping = `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`
  await onServer(dropping, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = name
  return { url: url.href, drop: () => onServer(dropping) }
}
