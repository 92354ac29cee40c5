/**
 * What the relay knows of the stream to which it published, to notice that the stream lost messages. The position is a number
 * of the stream and the id of the message there, as a cursor is a position in a feed and the hash of the entry there. It is
 * stored among the cursors.
 */
import { Schema } from "effect"
import type { Cursor } from "../streams/cursor-store.ts"

/** When a stream was created tells it from another one of its name. */
export interface StreamMark {
  readonly created: string
  /** The number of the last message that is known to be stored, and its id. 0 and "" in a stream that never had one. */
  readonly sequence: number
  readonly id: string
  /** The last message of the stream when it was last found complete: its number, and when it was stored (epoch ms). */
  readonly checked: { readonly sequence: number; readonly at: number }
}

/**
 * How a stream lost messages. `other-stream`: it was deleted and created again, or the settings name another one. `older`: it
 * was restored from a backup, or lost its end. `purged`: its messages were removed before their time.
 */
export type StreamLoss = "other-stream" | "older" | "purged"

/** A stream as it is now. */
export interface StreamFacts {
  readonly created: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** By the server's clock, epoch milliseconds. */
  readonly now: number
  /** 0 if messages do not end by age. */
  readonly ageMsMax: number
  /** Whether a limit of bytes or messages may have removed the oldest ones. */
  readonly isFull: boolean
  /** Whether a newer message may replace an older one of its subject. */
  readonly replaces: boolean
  /** The id of the message that has the mark's number; `undefined` if there is none. */
  readonly idAtMark: string | undefined
}

/** Clocks differ, and JetStream removes messages a little after their time. */
const AGE_TOLERANCE_MS = 5 * 60_000

/** How the stream lost messages since the mark was made; `undefined` if it did not. */
export const lossOf = (mark: StreamMark, facts: StreamFacts): StreamLoss | undefined => {
  if (facts.created !== mark.created) return "other-stream"
  if (facts.lastSequence < mark.sequence) return "older"
  if (mark.sequence >= facts.firstSequence && mark.sequence > 0) {
    if (facts.idAtMark !== undefined && facts.idAtMark !== mark.id) return "older"
    if (facts.idAtMark === undefined && !facts.replaces) return "purged"
  }
  const { sequence, at } = mark.checked
  const isGone = sequence > 0 && sequence < facts.firstSequence
  const isOld = facts.ageMsMax > 0 && at <= facts.now - facts.ageMsMax + AGE_TOLERANCE_MS
  return isGone && !isOld && !facts.isFull ? "purged" : undefined
}

const MarkHead = Schema.fromJsonString(
  Schema.Struct({ created: Schema.String, id: Schema.String, checkedAt: Schema.Finite }),
)

/** The mark as a cursor. Its position says all that changes while the stream stays the same. */
export const markToCursor = ({ created, sequence, id, checked }: StreamMark): Cursor => ({
  position: `${sequence}-${checked.sequence}`,
  head: JSON.stringify({ created, id, checkedAt: checked.at }),
})

/** The mark in a stored cursor; `undefined` if there is none yet. */
export const markFromCursor = ({ position, head }: Cursor): StreamMark | undefined => {
  if (head === undefined) return undefined
  const { created, id, checkedAt } = Schema.decodeUnknownSync(MarkHead)(head)
  const [sequence = 0, checked = 0] = position.split("-").map(Number)
  return { created, sequence, id, checked: { sequence: checked, at: checkedAt } }
}
