/**
 * Lists of items as files, CSV or NDJSON: page by page from the read models, as fast as the client takes them. What cannot be
 * completed is cut off, so that a part of a file is never taken for the whole.
 */
import { Effect, Schema } from "effect"
import type { Page } from "../../projections/batch-queries.ts"
import { streamedBody } from "../edge/answer-stream.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { TooManyRequests } from "../edge/failures.ts"
import { FairRoom } from "../edge/fair-room.ts"
import { csv, type ExportedItem, type ExportForm, exampleFile, ndjson } from "./export-lines.ts"

/** Exports under way in a process: each keeps a page in memory, and the read models busy. */
const EXPORTS_MAX = 8
const TAKEN_MS_MAX = 20_000
const LASTS_MS_MAX = 15 * 60_000

const exportsUnderWay = new FairRoom(EXPORTS_MAX)

/** Fewer items came than the batch has: the read models changed meanwhile. */
class ExportIncomplete extends Schema.TaggedError<ExportIncomplete>()("ExportIncomplete", {}) {}

/** What the answers of lists have that are also files. */
export const asFile = {
  headers: {
    "content-disposition": { description: "The name of the file, if the answer is one.", optional: true },
  },
  otherMediaTypes: {
    "text/csv": { example: exampleFile(csv) },
    "application/x-ndjson": { example: exampleFile(ndjson) },
  },
} as const

/** The form of file of a media type; `undefined` if it is none. */
export const exportForm = (
  mediaType: "application/json" | keyof (typeof asFile)["otherMediaTypes"],
): ExportForm | undefined => {
  if (mediaType === "text/csv") return csv
  return mediaType === "application/x-ndjson" ? ndjson : undefined
}

export interface Exported<E, R> {
  readonly name: string
  readonly owner: string
  readonly form: ExportForm
  /** The page after a cursor, or the first one. */
  readonly page: (cursor: string | undefined) => Effect.Effect<Page<ExportedItem>, E, R>
  /** How many items there have to be, if that is known. */
  readonly expected: number | undefined
}

/** Answers with all pages as one file. The first page is read before the answer begins, so that its failure is a problem. */
export const exportItems = Effect.fnUntraced(function* <E, R>(
  c: EdgeContext,
  { name, owner, form, page, expected }: Exported<E, R>,
) {
  const headers = {
    "content-type": form.mediaType,
    "content-disposition": `attachment; filename="${name}.${form.extension}"`,
    vary: "Accept",
  }
  let read: Page<ExportedItem> | undefined = yield* page(undefined)
  if (c.req.method === "HEAD") return c.body(null, 200, headers)
  if (!exportsUnderWay.admits(owner, 1))
    return yield* new TooManyRequests({ what: "exports at a time", retryAfterSeconds: 5 })
  exportsUnderWay.take(owner, 1)
  let [count, head, isEnded] = [0, form.head, false]
  let cursor: string | undefined
  const part = Effect.gen(function* () {
    if (isEnded) return undefined
    let text = head
    head = ""
    // A page of a search may be empty before the end.
    do {
      read ??= yield* page(cursor)
      for (const item of read.entries) text += form.line(item)
      count += read.entries.length
      cursor = read.next
      read = undefined
    } while (text === "" && cursor !== undefined)
    if (cursor !== undefined) return text
    if (expected !== undefined && count !== expected) return yield* new ExportIncomplete()
    isEnded = true
    return text + form.end(count) || undefined
  })
  const ended = () => exportsUnderWay.giveBack(owner, 1)
  const body = yield* streamedBody(c, part, { takenMsMax: TAKEN_MS_MAX, lastsMsMax: LASTS_MS_MAX, ended })
  return c.body(body, 200, headers)
})
