/** `?asOf=`: a batch as it was at a version of its log or at a time, folded from the log, wherever that is. */
import { Clock, Effect } from "effect"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { type Moment, momentOf } from "../../domain/moment.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import type { PastBatch } from "../../projections/past-batch.ts"
import { EventStore } from "../../streams/event-store.ts"
import { fairlyAtATime } from "../edge/at-a-time.ts"
import { InvalidRequest, OutsideHistory, VersionNotReached } from "../edge/failures.ts"
import { type Parameter, PlainWords } from "../routing/parameters.ts"
import { ownBatch, takeLook } from "./batch-from-log.ts"
import { PastFolds } from "./past-folds.ts"

/** Reads of past states under way or waiting in a process: each may fold a batch of the largest size. */
const LOOKS_MAX = 16

const ofLooks = fairlyAtATime(LOOKS_MAX, "reads of past states at a time")
const foldsOf = new WeakMap<EventStore["Service"], PastFolds>()

/** A version from 1, or a time with its offset (RFC 3339). */
export const asOfParameter: Parameter<Moment | undefined> = {
  description:
    "Show the state after this version of the log, or after the last event at or before this time, such as " +
    "2026-11-27T10:00:00Z. The answer says in `asOf` which version that is.",
  required: false,
  example: "12",
  schema: PlainWords,
  read: (written) => {
    if (written === undefined) return { value: undefined }
    const moment = momentOf(written)
    return moment === undefined
      ? { expected: "a version from 1, or a time with its offset such as 2026-11-27T10:00:00Z" }
      : { value: moment }
  },
}

/** The version that a past state is of, and when its event was logged: epoch milliseconds. */
export interface AsOf {
  readonly version: number
  readonly at: number
}

/** `asOf` as it is shown. */
export const shownAsOf = ({ version, at }: AsOf) => ({ version, at: new Date(at).toISOString() })

/** The present may not be asked for in the same request. */
export const refuseAtLeast = (atLeast: number) =>
  atLeast === 0
    ? Effect.void
    : Effect.fail(new InvalidRequest({ detail: "asOf: expected either asOf or atLeast." }))

/**
 * Passes a batch as of a moment to `use`. A version that the log does not have is refused with the last one it has, and so is a time
 * before the batch was received or after now.
 */
export const pastState = Effect.fnUntraced(function* <A>(
  id: BatchId,
  moment: Moment,
  use: (folded: Readonly<PastBatch>) => A,
) {
  const store = yield* EventStore
  const folds = foldsOf.get(store) ?? new PastFolds(store)
  foldsOf.set(store, folds)
  const now = yield* Clock.currentTimeMillis
  const found = yield* folds.show(id, moment, (folded) => {
    const { version, updatedAt } = folded.batch
    return refusalOf(folded, moment, now) ?? { asOf: { version, at: updatedAt }, shown: use(folded) }
  })
  return "asOf" in found ? found : yield* found
})

/** A partner's own batch, as its past is read: at a limited rate for each partner, which a whole file counts in once. */
export const ownPast = Effect.fnUntraced(function* (partner: PartnerId, id: string) {
  const own = yield* ownBatch(partner, id)
  yield* takeLook(partner)
  return own
})

const refusalOf = (
  { batch, latestAt }: Readonly<PastBatch>,
  moment: Moment,
  now: number,
): OutsideHistory | VersionNotReached | undefined => {
  if ("version" in moment)
    return batch.version < moment.version ? new VersionNotReached({ version: batch.version }) : undefined
  if (batch.version === 0) return new OutsideHistory({ reason: "The batch was received later." })
  // The clock of who logged an event may be ahead of this one.
  return moment.instant > Math.max(now, latestAt)
    ? new OutsideHistory({ reason: "This time has not come yet." })
    : undefined
}

/** Shares the looks at past states between callers. */
export const oneOfFew = <A, E, R>(caller: Caller, look: Effect.Effect<A, E, R>) =>
  ofLooks(ownerOf(caller), look)
