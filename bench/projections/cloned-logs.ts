/**
 * Fills the logs up to a number of events with copies of those that the engine wrote: the same events under other ids, also in the
 * references of transfers, chained anew.
 * They are in no feed, as those of batches that closed long ago.
 */
import { randomBytes } from "node:crypto"
import type { Redis } from "ioredis"
import type { Sql } from "postgres"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart, linkOf } from "../../src/streams/hash-chain.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"

const PARTITIONS = 16
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
/** Entries that go out together. */
const TOGETHER = 2_000
/** Logs of the engine that are copied, in turn. */
const MODELS = 40

const newId = (): BatchId =>
  `pb_${[...randomBytes(22)].map((byte) => ALPHABET[byte % 32]).join("")}` as BatchId

/** Adds copies, and registers their attempts, until there are as many events as wanted. Gives how many there are. */
export const cloneLogs = async (
  { redis, prefix, sql }: { readonly redis: Redis; readonly prefix: string; readonly sql: Sql },
  there: number,
  wanted: number,
): Promise<number> => {
  const models = await modelsOf(redis, prefix)
  let events = there
  for (let index = 0; events < wanted; index += 1) {
    const model = models[index % models.length]
    if (model === undefined || model.texts.length === 0) throw new Error("the engine wrote no log to copy")
    const id = newId()
    const texts = renamed(model, id)
    const head = await writeLog(redis, prefix, id, texts)
    await register(sql, id, texts, head)
    events += model.texts.length
  }
  return events
}

interface Model {
  readonly id: BatchId
  readonly texts: ReadonlyArray<string>
}

/** The events with the names of another batch. References have its id without `pb_`, in capitals. */
const renamed = ({ id, texts }: Model, to: BatchId): ReadonlyArray<string> => {
  const inReference = (batch: BatchId) => batch.slice(3).toUpperCase()
  return texts.map((text) => text.replaceAll(id, to).replaceAll(inReference(id), inReference(to)))
}

const modelsOf = async (redis: Redis, prefix: string): Promise<ReadonlyArray<Model>> => {
  const models: Array<Model> = []
  let cursor = "0"
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}:{*}:log:*`, "COUNT", 1_000)
    for (const key of keys.slice(0, MODELS - models.length)) {
      const entries = await redis.xrange(key, "-", "+")
      models.push({
        id: key.slice(key.lastIndexOf(":") + 1) as BatchId,
        texts: entries.map(([, fields]) => fields[1] ?? ""),
      })
    }
    cursor = next
  } while (cursor !== "0" && models.length < MODELS)
  return models
}

/** The attempts of a log and its tail, as workers register them before they call a bank. */
const register = async (sql: Sql, batch: BatchId, texts: ReadonlyArray<string>, head: string) => {
  const transfers = texts.flatMap((text): ReadonlyArray<{ item: number; attempt: number; bank: string }> => {
    const event = JSON.parse(text)
    return event._tag === "TransfersRequested" ? event.transfers : []
  })
  await sql`
    with tail as (
      insert into instruction_tails (batch, version, head) values (${batch}, ${texts.length}, ${head})
    )
    insert into instruction_register (batch, item, attempt, bank)
    select ${batch}, item, attempt, bank
    from json_to_recordset(${JSON.stringify(transfers)}::text::json) as transfers (item int, attempt int, bank text)`
}

const writeLog = async (redis: Redis, prefix: string, id: BatchId, texts: ReadonlyArray<string>) => {
  const key = partitionKeys(prefix, partitionOf(id, PARTITIONS)).log(id)
  let head = chainStart(id)
  let pipeline = redis.pipeline()
  for (const [index, text] of texts.entries()) {
    head = linkOf(head, text)
    pipeline.xadd(key, `${index + 1}-0`, "e", text, "h", head)
    if (pipeline.length >= TOGETHER) {
      await pipeline.exec()
      pipeline = redis.pipeline()
    }
  }
  await pipeline.exec()
  return head
}
