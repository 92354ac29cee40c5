import { hash } from "node:crypto"
import { Clock, Effect } from "effect"
import type { Ledger } from "../connectors/ledger.ts"
import type { Batch } from "../domain/batch.ts"
import { type BatchId, postingKey } from "../domain/identifiers.ts"
import type { Work } from "../domain/plan.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import { itemsOf } from "./batch-items.ts"
import type { Tell } from "./pipelines.ts"

type Book = Extract<Work, { readonly _tag: "Book" }>

/** The key says what is in the posting, so that another posting of the same number is never taken for it. */
const digestOf = (kind: string, items: ReadonlyArray<number>): string =>
  hash("sha256", `${kind} ${items.join(",")}`, "hex").slice(0, 12)

/** Books a requested posting: always the same lines under the same key, however often it is tried. */
export const posting =
  (ledger: Ledger["Service"], pass: (point: CrashPoint) => Effect.Effect<void>) =>
  (id: BatchId, batch: Batch, { posting: number, kind, items }: Book, tell: Tell) => {
    const request = {
      key: `${postingKey(id, number)}-${digestOf(kind, items)}`,
      kind,
      partner: batch.partner,
      batch: id,
      lines: itemsOf(batch, items).map(({ item, currency, minor }) => ({ item, currency, minor })),
    }
    return Effect.gen(function* () {
      const ledgerPostingId = yield* ledger.post(request)
      yield* pass("after-ledger-call")
      const at = yield* Clock.currentTimeMillis
      tell({ _tag: "RecordPosting", at, posting: number, ledgerPostingId })
    })
  }
