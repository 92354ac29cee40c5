/**
 * Stray callbacks: signed reports of providers about transfers or clearances that no log knows. They belong to somebody
 * else, or a log has lost them. A person has to look at them. They are kept in Redis, so that a callback needs no other
 * store.
 */
import { Context, type Effect, Schema } from "effect"
import type { TransferOutcome } from "../domain/commands.ts"
import { cleanText, OutsideText } from "../domain/outside-text.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** How many are kept. Beyond this, the oldest are dropped. */
export const STRAYS_MAX = 5_000

/** What was reported, and why it matches nothing of ours. Its texts come from outside, so they are cleaned. */
export const StrayCallback = Schema.Struct({
  provider: OutsideText,
  /** The reference of the transfer or the clearance. */
  reference: OutsideText,
  /** The reported outcome, such as "settled" or "decided". */
  said: Schema.String,
  code: Schema.optionalKey(OutsideText),
  /** The provider's id of the callback, if known. */
  id: Schema.optionalKey(OutsideText),
  why: Schema.String,
})
export type StrayCallback = typeof StrayCallback.Type

/** As it was first received, at `receivedAt` (epoch milliseconds). */
export interface KeptCallback extends StrayCallback {
  readonly receivedAt: number
}

/** A bank's report of a transfer. */
export const strayOf = (
  { bank, reference, id }: { readonly bank: string; readonly reference: string; readonly id?: string },
  outcome: TransferOutcome,
  why: string,
): StrayCallback => ({
  provider: cleanText(bank),
  reference: cleanText(reference),
  said: outcome._tag.toLowerCase(),
  ...("code" in outcome ? { code: outcome.code } : {}),
  ...(id === undefined ? {} : { id: cleanText(id) }),
  why,
})

/** The compliance engine's decision on a clearance. Whom it is about and what was found is not kept: it is not our data. */
export const strayClearance = (clearanceId: string, id: string, why: string): StrayCallback => ({
  provider: cleanText("compliance-engine"),
  reference: cleanText(clearanceId),
  said: "decided",
  id: cleanText(id),
  why,
})

export class StrayCallbacks extends Context.Service<
  StrayCallbacks,
  {
    /** Keeps a callback, once however often it is repeated. Gives whether it is new. */
    readonly keep: (stray: StrayCallback, receivedAt: number) => Effect.Effect<boolean, StoreUnavailable>
    /** The newest first. */
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<KeptCallback>, StoreUnavailable>
  }
>()("atlaspay/streams/StrayCallbacks") {}
