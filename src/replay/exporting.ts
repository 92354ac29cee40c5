/** Exports a log: folds it first, so that only a whole and legal log is exported, and then writes it scrubbed. */
import { Effect, Result, Schema } from "effect"
import { emptyBatch } from "../domain/batch.ts"
import { decodeEvent, encodeEvent } from "../domain/event-codec.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { CorruptEntry } from "../streams/event-store.ts"
import { chainStart, linkOf } from "../streams/hash-chain.ts"
import { type Pseudonyms, pseudonyms } from "./pseudonyms.ts"
import { eventLine, headerLine } from "./scrubbed-log.ts"
import { scrubbed } from "./scrubbing.ts"
import { type StoredLogs, visitWritten, type WrittenEvent } from "./stored-logs.ts"

/** How a log is exported; the stand-ins are new ones each time, unless a test gives them. */
export interface ExportTerms {
  /** Whether amounts are replaced. */
  readonly amounts: boolean
  readonly names?: Pseudonyms
}

/** A line cannot be written. */
export class NotWritten extends Schema.TaggedError<NotWritten>()("NotWritten", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/**
 * Writes the lines of an export, as they are made. Gives the name that the batch has in it, and how many events it has; none if there
 * is no log. The log is read twice: what comes to it meanwhile is left out. Fails with {@link CorruptEntry} if the log is not legal, or
 * has a field that nobody has decided about, and with {@link NotWritten} if `write` throws.
 */
export const exportLog = Effect.fnUntraced(function* (
  logs: Pick<StoredLogs["Service"], "entries">,
  from: BatchId,
  { amounts, names = pseudonyms() }: ExportTerms,
  write: (line: string) => void,
) {
  const to = names.batch(from)
  const batch = emptyBatch()
  let head = chainStart(to)
  const read = (written: WrittenEvent) => {
    const event = Result.getOrThrowWith(decodeEvent(written.text), (reason) => new Error(reason))
    const text = encodeEvent(scrubbed(event, { names, from, to, amounts }))
    head = linkOf(head, text)
    return { event, text }
  }
  const { version: events, head: originalHead } = yield* visitWritten(logs, from, (written) => {
    evolve(batch, read(written).event)
    return true
  })
  if (events === 0) return { batch: to, events }
  let failed: NotWritten | undefined
  const put = (line: string): boolean => {
    try {
      write(line)
    } catch (error) {
      failed = new NotWritten({ reason: error instanceof Error ? error.message : String(error) })
    }
    return failed === undefined
  }
  put(headerLine({ batch: to, events, head, originalHead, amounts: amounts ? "replaced" : "kept" }))
  head = chainStart(to)
  const { head: again } = yield* visitWritten(logs, from, (written) => {
    const { text } = read(written)
    return put(eventLine(written.version, text, head)) && written.version < events
  })
  if (failed !== undefined) return yield* failed
  if (again !== originalHead)
    return yield* new CorruptEntry({ batch: from, entry: `${events}-0`, reason: "the log changed meanwhile" })
  return { batch: to, events }
})
