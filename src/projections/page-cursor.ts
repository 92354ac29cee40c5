/**
 * Cursors: the end of a page, as text that a client sends back unchanged. A cursor is bound to its list: to the partner, the
 * batch and the filter. With another one it is refused, because the pages would not fit together. Nothing depends on its
 * secrecy: every query is scoped by partner, whatever the cursor says.
 */
import { hash } from "node:crypto"
import { Result, Schema } from "effect"
import { BatchId, ItemNumber } from "../domain/identifiers.ts"

/** Milliseconds since the epoch, up to the year 9999: dates that JavaScript and the database can represent. */
const ReceivedAt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 }))

const Version = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Earlier releases gave cursors without the binding; these are read as well. */
const binding = Schema.optionalKey(Schema.String)

const BatchesCursor = Schema.fromJsonString(
  Schema.Tuple([Schema.Literal("batches"), ReceivedAt, BatchId, binding]),
)
const ItemsCursor = Schema.fromJsonString(Schema.Tuple([Schema.Literal("items"), ItemNumber, binding]))
const SearchCursor = Schema.fromJsonString(
  Schema.Tuple([Schema.Literal("search"), ReceivedAt, BatchId, ItemNumber, Schema.String]),
)

const PastItemsCursor = Schema.fromJsonString(
  Schema.Tuple([Schema.Literal("past-items"), Version, ItemNumber, Schema.String]),
)

/** A place in a list of batches, newest first. */
export interface BatchPlace {
  readonly receivedAt: number
  readonly id: BatchId
}

/** A place in the list of a batch's items as of a version of its log. */
export interface PastItemPlace {
  readonly version: number
  readonly item: number
}

/** A place in a list of items: by their batches, newest first, then by number. */
export interface ItemPlace extends BatchPlace {
  readonly item: number
}

/** The cursor after a batch, in the list that `list` names. */
export const batchesCursor = (list: string, { receivedAt, id }: BatchPlace): string =>
  wrap(Schema.encodeSync(BatchesCursor)(["batches", receivedAt, id, boundTo(list, `${receivedAt} ${id}`)]))

/** The cursor after an item of a batch, in the list that `list` names. */
export const itemsCursor = (list: string, item: number): string =>
  wrap(Schema.encodeSync(ItemsCursor)(["items", item, boundTo(list, `${item}`)]))

/** The cursor after an item of any batch, in the list that `list` names. */
export const searchCursor = (list: string, { receivedAt, id, item }: ItemPlace): string =>
  wrap(
    Schema.encodeSync(SearchCursor)([
      "search",
      receivedAt,
      id,
      item,
      boundTo(list, `${receivedAt} ${id} ${item}`),
    ]),
  )

/** The cursor after an item of a batch as of a version, in the list that `list` names. */
export const pastItemsCursor = (list: string, { version, item }: PastItemPlace): string =>
  wrap(Schema.encodeSync(PastItemsCursor)(["past-items", version, item, boundTo(list, `${version} ${item}`)]))

/** Reads a cursor of {@link pastItemsCursor} of the same list; `undefined` for any other text. */
export const parsePastItemsCursor = (list: string, cursor: string): PastItemPlace | undefined => {
  const parsed = Schema.decodeUnknownResult(PastItemsCursor)(unwrap(cursor))
  if (Result.isFailure(parsed)) return undefined
  const [, version, item, bound] = parsed.success
  return isBound(bound, list, `${version} ${item}`) ? { version, item } : undefined
}

/** Reads a cursor of {@link batchesCursor} of the same list; `undefined` for any other text. */
export const parseBatchesCursor = (list: string, cursor: string): BatchPlace | undefined => {
  const parsed = Schema.decodeUnknownResult(BatchesCursor)(unwrap(cursor))
  if (Result.isFailure(parsed)) return undefined
  const [, receivedAt, id, bound] = parsed.success
  return isBound(bound, list, `${receivedAt} ${id}`) ? { receivedAt, id } : undefined
}

/** Reads a cursor of {@link itemsCursor} of the same list as an item number; `undefined` for any other text. */
export const parseItemsCursor = (list: string, cursor: string): number | undefined => {
  const parsed = Schema.decodeUnknownResult(ItemsCursor)(unwrap(cursor))
  if (Result.isFailure(parsed)) return undefined
  const [, item, bound] = parsed.success
  return isBound(bound, list, `${item}`) ? item : undefined
}

/** Reads a cursor of {@link searchCursor} of the same list; `undefined` for any other text. */
export const parseSearchCursor = (list: string, cursor: string): ItemPlace | undefined => {
  const parsed = Schema.decodeUnknownResult(SearchCursor)(unwrap(cursor))
  if (Result.isFailure(parsed)) return undefined
  const [, receivedAt, id, item, bound] = parsed.success
  return isBound(bound, list, `${receivedAt} ${id} ${item}`) ? { receivedAt, id, item } : undefined
}

/** No control characters: Postgres does not take them all. */
const PlaceText = Schema.String.check(Schema.isPattern(/^\P{Cc}{0,600}$/u))
const PlaceCursor = Schema.fromJsonString(
  Schema.Tuple([Schema.Literal("place"), Schema.Array(PlaceText), Schema.String]),
)

/** The cursor after a place in another list: what is compared in its order, as texts. */
export const placeCursor = (list: string, place: ReadonlyArray<string>): string =>
  wrap(Schema.encodeSync(PlaceCursor)(["place", place, boundTo(list, JSON.stringify(place))]))

/** Reads a cursor of {@link placeCursor} of the same list; `undefined` for any other text. */
export const parsePlaceCursor = (list: string, cursor: string): ReadonlyArray<string> | undefined => {
  const parsed = Schema.decodeUnknownResult(PlaceCursor)(unwrap(cursor))
  if (Result.isFailure(parsed)) return undefined
  const [, place, bound] = parsed.success
  return isBound(bound, list, JSON.stringify(place)) ? place : undefined
}

const BINDING_CHARACTERS = 16

const boundTo = (list: string, place: string): string =>
  hash("sha256", `${list.length}:${list}${place}`, "base64url").slice(0, BINDING_CHARACTERS)

const isBound = (bound: string | undefined, list: string, place: string): boolean =>
  bound === undefined || bound === boundTo(list, place)

const wrap = (json: string): string => Buffer.from(json).toString("base64url")
const unwrap = (cursor: string): string => Buffer.from(cursor, "base64url").toString()
