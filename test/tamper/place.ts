/** The stores of the world, as somebody with all rights sees them: what is there can be written as he likes, and put back exactly. */
import { Effect } from "effect"
import postgres, { type Sql } from "postgres"
import { type ArchivedChunk, CODEC, packed, unpacked } from "../../src/archive/archived-chunk.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart } from "../../src/streams/hash-chain.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"
import type { Line } from "./line-edits.ts"
import { PARTITIONS, type World } from "./world.ts"

export type Undo = () => Promise<void>

/** A row of a table, as JSON that Postgres reads back as it was. */
export type Row = Readonly<Record<string, unknown>>

export class Place implements AsyncDisposable {
  readonly world: World
  readonly sql: Sql

  constructor(world: World) {
    this.world = world
    this.sql = postgres(world.databaseUrl, {
      max: 1,
      onnotice: () => {},
      // The triggers that refuse changes do not hold for a superuser.
      connection: { session_replication_role: "replica" },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end()
  }

  keysOf(id: BatchId) {
    return partitionKeys(this.world.prefix, partitionOf(id, PARTITIONS))
  }

  async linesInRedis(id: BatchId): Promise<ReadonlyArray<Line>> {
    const entries = await this.world.redis.xrange(this.keysOf(id).log(id), "-", "+")
    return entries.map(lineOf)
  }

  /** Writes a log anew; without lines there is none. */
  async writeLog(id: BatchId, lines: ReadonlyArray<Line>): Promise<Undo> {
    const key = this.keysOf(id).log(id)
    const undo = await this.keeping(key)
    const pipeline = this.world.redis.pipeline().del(key)
    for (const { version, text, hash, command } of lines)
      pipeline.xadd(
        key,
        `${version}-0`,
        "e",
        text,
        "h",
        hash,
        ...(command === undefined ? [] : ["c", command]),
      )
    await pipeline.exec()
    return undo
  }

  /** Remembers what a key has. */
  async keeping(key: string): Promise<Undo> {
    const { redis } = this.world
    const dump = await redis.dumpBuffer(key)
    return async () => {
      await redis.del(key)
      if (dump !== null) await redis.restore(key, 0, dump)
    }
  }

  async chunksOf(id: BatchId): Promise<ReadonlyArray<ArchivedChunk>> {
    const rows = await this.sql<Array<Omit<ArchivedChunk, "events"> & { readonly events: Buffer }>>`
      select batch, after, version, base, head, codec, events from archived_chunks where batch = ${id} order by after`
    return rows
  }

  /** The text of chunks; nothing if one is not sound. */
  async linesInArchive(id: BatchId): Promise<ReadonlyArray<Line>> {
    const lines: Array<Line> = []
    for (const chunk of await this.chunksOf(id))
      for (const entry of await Effect.runPromise(unpacked(chunk))) lines.push(lineOf(entry))
    return lines
  }

  /** Writes the chunks of a log anew, cut as they were; and its row, if that is edited, too. */
  async writeArchive(id: BatchId, lines: ReadonlyArray<Line>, withRow: boolean): Promise<Undo> {
    const before = await this.chunksOf(id)
    const undoChunks = await this.keepingRows("archived_chunks", "batch", id)
    const undoRow = await this.keepingRows("archived_logs", "batch", id)
    await this.sql`delete from archived_chunks where batch = ${id}`
    for (const [index, { after, version }] of before.entries()) {
      const part = lines.slice(after, index === before.length - 1 ? undefined : version)
      const last = part.at(-1)
      if (last === undefined) continue
      const events = await Effect.runPromise(
        packed(part.map(({ text, hash }) => `${text}\n${hash}\n`).join("")),
      )
      await this.sql`
        insert into archived_chunks (batch, after, version, base, head, codec, events)
        values (${id}, ${after}, ${after + part.length}, ${lines[after - 1]?.hash ?? chainStart(id)}, ${last.hash},
          ${CODEC}, ${events})`
    }
    const tail = lines.at(-1)
    if (withRow && tail !== undefined)
      await this
        .sql`update archived_logs set version = ${lines.length}, head = ${tail.hash} where batch = ${id}`
    if (withRow && tail === undefined) await this.sql`delete from archived_logs where batch = ${id}`
    return async () => {
      await undoRow()
      await undoChunks()
    }
  }

  async rows(table: string, column: string, value: string | number): Promise<ReadonlyArray<Row>> {
    const rows = await this.sql<Array<{ readonly row: Row }>>`
      select to_jsonb(rows) as row from ${this.sql(table)} as rows where ${this.sql(column)} = ${value}`
    return rows.map(({ row }) => row)
  }

  /** Remembers rows of a table by the value of a column. */
  async keepingRows(table: string, column: string, value: string | number): Promise<Undo> {
    const rows = await this.rows(table, column, value)
    return async () => {
      await this.sql`delete from ${this.sql(table)} where ${this.sql(column)} = ${value}`
      await this.insert(table, rows)
    }
  }

  async insert(table: string, rows: ReadonlyArray<Row>): Promise<void> {
    await this.sql`
      insert into ${this.sql(table)} overriding system value
      select * from jsonb_populate_recordset(null::${this.sql(table)}, ${JSON.stringify(rows)}::text::jsonb)`
  }
}

const lineOf = ([id, [, text = "", , hash = "", , command]]: StreamEntry): Line => ({
  version: Number(id.split("-")[0]),
  text,
  hash,
  command,
})
