import postgres from "postgres"

/** How far a follower of the log has come in the feed of a partition. */
export interface Cursor {
  readonly follower: string
  readonly partition: number
  readonly position: string
}

/** Reads the cursors of all followers from their table. */
export const readCursors = async (databaseUrl: string): Promise<ReadonlyArray<Cursor>> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    return await sql<Array<Cursor>>`
      select projection as follower, partition, position from projection_checkpoints
      -- Where the relay stands in its stream, which is no feed.
      where projection <> 'event-stream'`
  } finally {
    await sql.end()
  }
}
