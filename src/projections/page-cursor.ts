/** Cursors: the end of a page, as text that a client sends back unchanged. */
import { Result, Schema } from "effect"
import { BatchId, ItemNumber } from "../domain/identifiers.ts"

/** Milliseconds since the epoch, up to the year 9999: dates that JavaScript and the database can represent. */
const ReceivedAt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 }))

const BatchesCursor = Schema.fromJsonString(Schema.Tuple([Schema.Literal("batches"), ReceivedAt, BatchId]))
const ItemsCursor = Schema.fromJsonString(Schema.Tuple([Schema.Literal("items"), ItemNumber]))

/** The cursor after a batch. */
export const batchesCursor = (receivedAt: number, id: BatchId): string =>
  wrap(Schema.encodeSync(BatchesCursor)(["batches", receivedAt, id]))

/** The cursor after an item. */
export const itemsCursor = (item: number): string => wrap(Schema.encodeSync(ItemsCursor)(["items", item]))

/** Reads a cursor of {@link batchesCursor}; `undefined` for any other text. */
export const parseBatchesCursor = (cursor: string): { receivedAt: number; id: BatchId } | undefined => {
  const parsed = Schema.decodeUnknownResult(BatchesCursor)(unwrap(cursor))
  return Result.isSuccess(parsed) ? { receivedAt: parsed.success[1], id: parsed.success[2] } : undefined
}

/** Reads a cursor of {@link itemsCursor} as an item number; `undefined` for any other text. */
export const parseItemsCursor = (cursor: string): number | undefined => {
  const parsed = Schema.decodeUnknownResult(ItemsCursor)(unwrap(cursor))
  return Result.isSuccess(parsed) ? parsed.success[1] : undefined
}

const wrap = (json: string): string => Buffer.from(json).toString("base64url")
const unwrap = (cursor: string): string => Buffer.from(cursor, "base64url").toString()
