import { Context, type Effect, Schema } from "effect"
import type { PostingKind } from "../../domain/events.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"

export interface LedgerPosting {
  /** The idempotency key of the posting. */
  readonly key: string
  readonly kind: PostingKind
  readonly partner: string
  readonly batch: BatchId
  readonly lines: ReadonlyArray<{ readonly item: number; readonly currency: string; readonly minor: bigint }>
}

/** The ledger understood the posting and refuses to book it, for example for lack of funds. Nothing was booked. */
export class PostingRefused extends Schema.TaggedError<PostingRefused>()("PostingRefused", {
  key: Schema.String,
  code: Schema.String,
}) {
  override get message() {
    return `the ledger refused posting ${this.key}: ${this.code}`
  }
}

/** The ledger: hold when screened, post when settled, release when failed, reverse when returned. */
export class Ledger extends Context.Service<
  Ledger,
  {
    /** Books all lines or none, once per key. Returns the ledger's id of the posting. */
    readonly post: (posting: LedgerPosting) => Effect.Effect<string, ProviderUnavailable | PostingRefused>
  }
>()("atlaspay/providers/Ledger") {}
