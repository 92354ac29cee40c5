/**
 * The hash chain of a log. The link of an event is the SHA-256 of its predecessor's link and the event's text, in
 * base64url. The first event follows the id of its batch. With the last link, a reader can check that no earlier event
 * was changed, left out, or taken from another log.
 */
import { hash } from "node:crypto"
import { encodeEvent } from "../domain/event-codec.ts"
import type { BatchEvent } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"

/** The link before the first event. */
export const chainStart = (batch: BatchId): string => batch

/** The link of an event, from its predecessor's link and its own text. */
export const linkOf = (previous: string, text: string): string =>
  hash("sha256", `${previous}\n${text}`, "base64url")

/** Room for a text of so many units of UTF-16, each of which has at most three bytes. Few texts are longer. */
const UNITS_MAX = 64 * 1024
const room = Buffer.allocUnsafeSlow(3 * UNITS_MAX)
const encoder = new TextEncoder()

/** Writes a link and a text, a line each, to the room; gives the bytes up to the end of the text. Joined, both would be copied first. */
const inRoom = (previous: string, text: string): Buffer => {
  const from = room.write(`${previous}\n`, "latin1")
  const to = from + encoder.encodeInto(text, room.subarray(from)).written
  room[to] = NEW_LINE
  return room.subarray(0, to + 1)
}

const NEW_LINE = 0x0a

/** The link of an event from its predecessor's, like {@link linkOf}, and its text as a line in UTF-8, encoded once for both. */
export const linkedBytes = (
  previous: string,
  text: string,
): { readonly line: Buffer; readonly hash: string } => {
  const bytes =
    previous.length + text.length + 2 > UNITS_MAX
      ? Buffer.from(`${previous}\n${text}\n`)
      : inRoom(previous, text)
  // A link is in ASCII, as is the id of a batch.
  return {
    line: Buffer.from(bytes.subarray(previous.length + 1)),
    hash: hash("sha256", bytes.subarray(0, -1), "base64url"),
  }
}

/** The text of an event, and its link. */
export interface LinkedEvent {
  readonly text: string
  readonly hash: string
}

/** Links events after `head`: a log's last link, or {@link chainStart}. */
export const linked = (head: string, events: ReadonlyArray<BatchEvent>): ReadonlyArray<LinkedEvent> => {
  let link = head
  return events.map((event) => {
    const text = encodeEvent(event)
    link = linkOf(link, text)
    return { text, hash: link }
  })
}
