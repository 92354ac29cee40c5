/**
 * Cursors of lists of deliveries: the end of a page, as text that a client sends back unchanged. A cursor is bound to its partner and its
 * filters; with others it is refused, because the pages would not fit together. Nothing depends on its secrecy.
 */
import { hash } from "node:crypto"
import { Result, Schema } from "effect"

/** The end of a page: the time of a delivery in microseconds since the epoch, or the sequence of its event; and its position. */
export interface DeliveryPlace {
  readonly at: number
  readonly position: number
}

const Whole = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Cursor = Schema.fromJsonString(
  Schema.Tuple([Schema.Literal("deliveries"), Whole, Whole, Schema.String]),
)

const BINDING_CHARACTERS = 16

const boundTo = (list: string, { at, position }: DeliveryPlace): string =>
  hash("sha256", `${list.length}:${list}${at} ${position}`, "base64url").slice(0, BINDING_CHARACTERS)

/** The cursor after a place in the list that `list` names. */
export const deliveriesCursor = (list: string, place: DeliveryPlace): string =>
  Buffer.from(JSON.stringify(["deliveries", place.at, place.position, boundTo(list, place)])).toString(
    "base64url",
  )

/** Reads a cursor of the same list; `undefined` for any other text. */
export const parseDeliveriesCursor = (list: string, cursor: string): DeliveryPlace | undefined => {
  const parsed = Schema.decodeUnknownResult(Cursor)(Buffer.from(cursor, "base64url").toString())
  if (Result.isFailure(parsed)) return undefined
  const [, at, position, bound] = parsed.success
  return bound === boundTo(list, { at, position }) ? { at, position } : undefined
}
