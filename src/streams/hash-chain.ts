/**
 * The hash chain of a log. The link of an event is the SHA-256 of its predecessor's link and of the event as it is
 * written, in base64url; the first follows the id of the batch. Whoever knows the last link can tell whether anything
 * before it was changed, left out, or taken from another log.
 */
import { hash } from "node:crypto"
import { encodeEvent } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"

/** What the first event's link follows. */
export const chainStart = (batch: BatchId): string => batch

/** The link of an event, given its predecessor's and the event's own text. */
export const linkOf = (previous: string, text: string): string =>
  hash("sha256", `${previous}\n${text}`, "base64url")

/** An event as it is written, and the link of the chain that ends with it. */
export interface LinkedEvent {
  readonly text: string
  readonly hash: string
}

/** Links events to a log whose last link is given, or to the start of one. */
export const linked = (head: string, events: ReadonlyArray<BatchEvent>): ReadonlyArray<LinkedEvent> => {
  let link = head
  return events.map((event) => {
    const text = encodeEvent(event)
    link = linkOf(link, text)
    return { text, hash: link }
  })
}
