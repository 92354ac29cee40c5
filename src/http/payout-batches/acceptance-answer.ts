/** The answer to a batch that was accepted: the first one, and to each repetition of the request the same. */
import { Effect } from "effect"
import type { Batch } from "../../domain/batch.ts"
import type { BatchEvent, BatchEventOf } from "../../domain/events.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { IdempotencyKeyReused } from "../edge/failures.ts"
import { warningsOf } from "./acceptance-warnings.ts"
import { batchFromLog } from "./batch-from-log.ts"
import { contentOf } from "./batch-identity.ts"
import type { Existing } from "./batch-name.ts"
import type { BatchRequest } from "./payout-batch-request.ts"
import type { SettingAside } from "./set-aside.ts"

/** Of a request all that its answer shows, and by what a repetition of it is recognised. */
export interface Answerable {
  readonly digest: string
  readonly shown: Shown
  readonly settingAside: SettingAside | undefined
  /** What its batch would record of rows that were set aside. */
  readonly rejectedRows: BatchRequest["rejectedRows"]
}

/** What is to be answered of a request. */
export const answerable = (
  { items, totals, modulusFailures, rejectedRows }: BatchRequest,
  digest: string,
  { settingAside }: { readonly settingAside?: SettingAside },
): Answerable => ({
  digest,
  shown: { itemCount: items.length, totals, modulusFailures },
  settingAside,
  rejectedRows,
})

/** The answer to a batch that was opened now. */
export const firstAnswer = (id: BatchId, { shown, settingAside }: Answerable, received: Received): Response =>
  accepted(id, shown, received, {}, settingAside)

/** The first answer of a batch that is in the log. Fails if it is of another request. */
export const answerAgain = Effect.fnUntraced(function* (
  { digest, shown, settingAside, rejectedRows }: Answerable,
  { id, first }: Existing,
) {
  if (!isSameRequest(first, digest)) return yield* new IdempotencyKeyReused({ batch: id })
  // Which rows are in a batch was decided when it was accepted.
  if (settingAside !== undefined && JSON.stringify(rejectedRows) !== JSON.stringify(first.rejectedRows))
    return yield* answerFromLog(id, first, settingAside)
  return accepted(id, shown, first, replayed, settingAside)
})

/** The answer to a request whose batch is in its log, which begins with `first`. */
export const answerFromLog = Effect.fnUntraced(function* (
  id: BatchId,
  first: BatchEventOf<"BatchReceived">,
  settingAside?: SettingAside,
) {
  const shown = yield* batchFromLog(
    id,
    ({ batch }): Shown => ({ itemCount: batch.itemCount, totals: totalsAccepted(batch) }),
  )
  return accepted(id, shown, first, replayed, settingAside)
})

const totalsAccepted = ({ tallies }: Batch): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...tallies].map(([currency, states]) => {
      const minor = [...states.values()].reduce((sum, tally) => sum + tally.minor, 0n)
      return [currency, formatAmount(minor, currency)]
    }),
  )

const replayed = { "idempotent-replayed": "true" }

/** What the log says of a batch that was accepted: when it was, and what was found of payouts accepted before. */
export type Received = Pick<BatchEventOf<"BatchReceived">, "at" | "duplicates" | "rejectedRows">

/** What is shown of the request. Of a body that could not be read, the accounts were not looked at again. */
type Shown = Pick<BatchRequest, "totals"> & {
  readonly modulusFailures?: BatchRequest["modulusFailures"] | undefined
  readonly itemCount: number
}

/** The same for the first request and each repetition of it: the body has the same digest, the rest is the log's. */
const accepted = (
  id: BatchId,
  { itemCount, totals, modulusFailures }: Shown,
  { at, duplicates, rejectedRows }: Received,
  headers: Readonly<Record<string, string>>,
  settingAside: SettingAside | undefined,
): Response =>
  new Response(
    JSON.stringify({
      id,
      state: "received",
      itemCount,
      totals,
      receivedAt: new Date(at).toISOString(),
      ...warningsOf({ duplicates, modulusFailures }),
      ...(rejectedRows === undefined ? {} : { rejected: settingAside?.shown(rejectedRows) }),
    }),
    {
      status: 202,
      headers: { "content-type": "application/json", location: `/payout-batches/${id}`, ...headers },
    },
  )

/** Whether a batch, which begins with `first`, is that of a request and has the same rows of its file. */
export const hasContent = (
  first: BatchEvent,
  { digest, rejectedRows }: Pick<Answerable, "digest" | "rejectedRows">,
): boolean =>
  isSameRequest(first, digest) &&
  contentOf(first.requestDigest, first.rejectedRows) === contentOf(digest, rejectedRows)

/** Whether a batch, which begins with `first`, is that of a request. */
export const isSameRequest = (
  first: BatchEvent,
  requestDigest: string,
): first is BatchEventOf<"BatchReceived"> =>
  first._tag === "BatchReceived" && first.requestDigest === requestDigest
