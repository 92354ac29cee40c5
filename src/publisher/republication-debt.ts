/** What has to be published again to a stream that lost it, and how far that is done. It is stored among the cursors. */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import { type Cursor, FEED_START } from "../streams/cursor-store.ts"

export interface RepublicationDebt {
  /** Tells one loss from the next, so that what was done for one does not count for the other. */
  readonly loss: string
  /** Events that happened at this time or later are owed, and nothing is published before this time (epoch milliseconds). */
  readonly since: number
  readonly notBefore: number
  /** Batches up to this id are done. */
  readonly after: string
}

export const newDebt = (owed: Pick<RepublicationDebt, "since" | "notBefore">): RepublicationDebt => ({
  ...owed,
  loss: randomUUID(),
  after: "",
})

const DebtHead = Schema.fromJsonString(Schema.Struct({ since: Schema.Finite, notBefore: Schema.Finite }))

const PAID = "paid"

export const debtToCursor = ({ loss, after, since, notBefore }: RepublicationDebt): Cursor => ({
  position: `${loss}:${after}`,
  head: JSON.stringify({ since, notBefore }),
})

/** The cursor of a debt that is paid. */
export const paid = ({ loss }: RepublicationDebt): Cursor => ({
  position: `${PAID}:${loss}`,
  head: undefined,
})

/** The debt in a stored cursor; `undefined` if nothing is owed. */
export const debtFromCursor = ({ position, head }: Cursor): RepublicationDebt | undefined => {
  if (position === FEED_START || head === undefined) return undefined
  const [loss = "", after = ""] = position.split(":")
  return { loss, after, ...Schema.decodeUnknownSync(DebtHead)(head) }
}
