/** The tree of a batch's events, from its log. The log's own hash chain is checked on the way: no text counts that it does not commit to. */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { visitRange } from "../streams/event-range.ts"
import { CorruptEntry, type EventStore, type LoggedEvent } from "../streams/event-store.ts"
import { chainStart, linkOf } from "../streams/hash-chain.ts"
import { type Hash, leafHash } from "./merkle-tree.ts"

/** The text of an event that follows from a link. Throws if the log has another hash for it. */
export const textAfter = (previous: string, { version, hash, text }: LoggedEvent): string => {
  if (text === undefined || linkOf(previous, text) !== hash)
    throw new Error(`the hash of version ${version} does not follow from its predecessor`)
  return text
}

/** Takes a log from its first event on, and gives the hash of each event as a leaf of the batch's tree. */
export class LogLeaves {
  #link: string
  #version = 0

  constructor(batch: BatchId) {
    this.#link = chainStart(batch)
  }

  /** The link at the last event. */
  get head(): string {
    return this.#link
  }

  get version(): number {
    return this.#version
  }

  /** The leaf of the next event. Throws if the event is not the next one of the chain. */
  next(event: LoggedEvent): { readonly leaf: Hash; readonly text: string } {
    if (event.version !== this.#version + 1) throw new Error(`version ${this.#version + 1} is missing`)
    const text = textAfter(this.#link, event)
    this.#link = event.hash
    this.#version = event.version
    return { leaf: leafHash(text), text }
  }
}

/**
 * Visits the events of a log up to a version with their leaves, page by page. Fails with {@link CorruptEntry} if the log ends before
 * that version, is broken, or has another hash there than `head`.
 */
export const visitLeaves = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  batch: BatchId,
  { version, head }: { readonly version: number; readonly head: string },
  visit: (event: LoggedEvent, leaf: Hash, text: string) => void,
) {
  const leaves = new LogLeaves(batch)
  yield* visitRange(store, batch, { version: 0, head: chainStart(batch) }, version, (event) => {
    const { leaf, text } = leaves.next(event)
    visit(event, leaf, text)
  })
  if (leaves.head !== head)
    return yield* new CorruptEntry({ batch, entry: `${version}-0`, reason: "the log has another hash there" })
})
