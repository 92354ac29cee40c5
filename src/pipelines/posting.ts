import { hash } from "node:crypto"
import { type Array as Arr, Clock, Effect } from "effect"
import { type Batch, INSUFFICIENT_FUNDS } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import { type BatchId, postingKey } from "../domain/identifiers.ts"
import { cleanText } from "../domain/outside-text.ts"
import type { Work } from "../domain/plan.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { Ledger, PostingRefused } from "../providers/ledger/ledger.ts"
import type { Metrics } from "../telemetry/metrics.ts"
import { itemsOf } from "./batch-items.ts"
import type { Report } from "./call.ts"

type Book = Extract<Work, { readonly _tag: "Book" }>

interface PostingTerms {
  readonly ledger: Ledger["Service"]
  readonly metrics: Metrics
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
  readonly postingRetryDelaysMs: Arr.NonEmptyReadonlyArray<number>
}

/** Part of the posting's key, so that the ledger never takes another posting with the same number for this one. */
const digestOf = (kind: string, items: ReadonlyArray<number>): string =>
  hash("sha256", `${kind} ${items.join(",")}`, "hex").slice(0, 12)

/**
 * Books a requested posting. Every retry sends the same lines under the same key. A refusal by the ledger is reported as
 * well, with the time of the next try.
 */
export const posting =
  ({ ledger, metrics, pass, postingRetryDelaysMs }: PostingTerms) =>
  (id: BatchId, batch: Batch, { posting, kind, items }: Book, report: Report) => {
    const request = {
      key: `${postingKey(id, posting)}-${digestOf(kind, items)}`,
      kind,
      partner: batch.partner,
      batch: id,
      lines: itemsOf(batch, items).map(({ item, currency, minor }) => ({ item, currency, minor })),
    }
    const delayMs = delayAfter(refusalsOf(batch, items), postingRetryDelaysMs)
    const book = Effect.gen(function* () {
      const ledgerPostingId = yield* ledger.post(request)
      yield* pass("after-ledger-call")
      const at = yield* Clock.currentTimeMillis
      return { _tag: "RecordPosting", at, posting, ledgerPostingId } satisfies BatchCommand
    })
    const recordRefusal = Effect.fnUntraced(function* ({ code }: PostingRefused) {
      const reason = kind === "hold" && code === INSUFFICIENT_FUNDS ? "funds" : "other"
      metrics.postingsRefused.inc({ kind, reason })
      if (reason === "other")
        yield* Effect.logError("the ledger refused a posting", { batch: id, posting, kind, code })
      const at = yield* Clock.currentTimeMillis
      return {
        _tag: "RecordPostingRefusal",
        at,
        posting,
        code: cleanText(code),
        retryAt: at + delayMs,
      } satisfies BatchCommand
    })
    return book.pipe(Effect.catchTag("PostingRefused", recordRefusal), Effect.map(report))
  }

/** How often in a row the ledger refused items of a posting: the highest count among them. */
const refusalsOf = (batch: Batch, items: ReadonlyArray<number>): number =>
  items.reduce((most, item) => Math.max(most, batch.items.get(item)?.refusal?.times ?? 0), 0)

const delayAfter = (refusals: number, delaysMs: Arr.NonEmptyReadonlyArray<number>): number =>
  delaysMs[Math.min(refusals, delaysMs.length - 1)] ?? delaysMs[0]
