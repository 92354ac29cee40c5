/**
 * The limit of a partner's day, counted exactly once for each accepted batch. A request counts its batch before it is opened. Who
 * dies in between leaves a count that is given back once no batch can be opened by it any more; a repetition of the request takes
 * the count over. What became of a count is in the log of its batch, and nowhere else.
 */
import { Clock, Effect } from "effect"
import { type AmountsByCurrency, totalsOf } from "../../domain/approval-threshold.ts"
import { type BatchId, isBatchId, type PartnerId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { DayLimit, type OpenCount } from "../../streams/day-limit.ts"
import { type CorruptEntry, EventStore } from "../../streams/event-store.ts"
import { DayLimitReached } from "../edge/failures.ts"
import { contentOf } from "./batch-identity.ts"
import { OPEN_WITHIN_MS, UNDER_WAY_MS } from "./earlier-payouts.ts"
import type { PartnerTerms } from "./partner-terms.ts"
import type { BatchRequest } from "./payout-batch-request.ts"

/** Counts of requests that died which one request looks into. Their work is a read of the first event of a log each. */
const LOOKED_INTO_MAX = 64
/** How long the store may take to note what became of a count. */
const NOTE_MS_MAX = 1_000

/** The request that is counted. */
interface Counted {
  readonly id: BatchId
  readonly partner: PartnerId
  readonly digest: string
}

interface Checked extends Counted {
  /** Whether it is in its log by now. */
  readonly accepted: Effect.Effect<boolean, CorruptEntry | StoreUnavailable, EventStore>
}

/** A count that was made, and until when its batch may be opened: epoch milliseconds by the store's clock. */
export interface DayCount extends OpenCount {
  readonly partner: PartnerId
  readonly openBy: number
}

/** Counts a request that was not accepted yet in its partner's day. Gives nothing if there is no limit, or if it was accepted meanwhile. */
export const countInDay = Effect.fnUntraced(function* (
  { id, partner, digest, accepted }: Checked,
  { dayMax }: PartnerTerms,
  { items }: BatchRequest,
) {
  if (dayMax === undefined) return undefined
  const limit = yield* DayLimit
  const amounts = [...totalsOf(items)].map(([currency, minor]) => ({
    currency,
    minor,
    max: dayMax[currency] ?? 0n,
  }))
  const count = `${id}:${digest}`
  let made = yield* limit.count(partner, count, amounts)
  if (made._tag === "Exceeded" && (yield* giveBackDead(partner, made.at)))
    made = yield* limit.count(partner, count, amounts)
  if (made._tag === "Counted")
    return {
      id: count,
      partner,
      at: made.at,
      openBy: made.at + OPEN_WITHIN_MS,
    } satisfies DayCount as DayCount
  // The same request may have been accepted in the meantime, and its answer is in the log.
  if (yield* accepted) return undefined
  return yield* reached(dayMax, made.currency)
})

/**
 * Fails as the count of a request would now, without counting it. A request that is in the log would not be counted again. The
 * digest is that of a request under a key; nothing if it has no key.
 */
export const lookInDay = Effect.fnUntraced(function* (
  { id, partner, digest }: Omit<Counted, "digest"> & { readonly digest: string | undefined },
  { dayMax }: PartnerTerms,
  { items }: BatchRequest,
) {
  if (dayMax === undefined || (yield* (yield* EventStore).read(id, 0, 1)).length > 0) return
  const limit = yield* DayLimit
  const exceeded = Effect.map(limit.taken(partner, `${id}:${digest ?? ""}`), (taken) =>
    [...totalsOf(items)].find(
      ([currency, minor]) => (taken.get(currency) ?? 0n) + minor > (dayMax[currency] ?? 0n),
    ),
  )
  let found = yield* exceeded
  // As the count itself would: what died does not stand in the way.
  if (found !== undefined && (yield* giveBackDead(partner, yield* Clock.currentTimeMillis)))
    found = yield* exceeded
  if (found !== undefined) return yield* reached(dayMax, found[0])
})

const reached = (dayMax: AmountsByCurrency, currency: string) =>
  new DayLimitReached({ setting: "dayMax", currency, max: formatAmount(dayMax[currency] ?? 0n, currency) })

/** Gives counts back by which no batch was opened, and none can be any more. Gives whether there were some. */
const giveBackDead = Effect.fnUntraced(function* (partner: PartnerId, now: number) {
  const limit = yield* DayLimit
  let isGivenBack = false
  for (const count of yield* limit.open(partner, now - UNDER_WAY_MS, LOOKED_INTO_MAX)) {
    if (yield* isOpenedBy(count)) yield* limit.opened(partner, count.id)
    else if (yield* limit.giveBack(partner, count)) isGivenBack = true
  }
  return isGivenBack
})

const isOpenedBy = Effect.fnUntraced(
  function* ({ id }: OpenCount) {
    const [batch = "", digest] = id.split(":")
    if (!isBatchId(batch)) return false
    const [first] = yield* (yield* EventStore).read(batch, 0, 1)
    return (
      first?.event._tag === "BatchReceived" &&
      contentOf(first.event.requestDigest, first.event.rejectedRows) === digest
    )
  },
  // There is a log, so its batch may be paid. It must not fail every request of its partner that is over the limit.
  Effect.catchTag("CorruptEntry", () => Effect.succeed(true)),
)

/** Notes what became of a count: that its batch is in the log, or that another request's is. Where that fails, the log says so. */
export const noteCount = Effect.fnUntraced(function* (count: DayCount | undefined, isOpened: boolean) {
  if (count === undefined) return
  const limit = yield* DayLimit
  const note = isOpened ? limit.opened(count.partner, count.id) : limit.giveBack(count.partner, count)
  yield* note.pipe(
    Effect.timeoutOrElse({ duration: NOTE_MS_MAX, orElse: () => Effect.fail(tooSlow) }),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("it is not noted what became of a count in a day", { step, reason }),
    ),
  )
})

const tooSlow = new StoreUnavailable({ store: "redis", step: "note a counted batch", reason: "TIMEOUT" })
