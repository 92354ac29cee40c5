/**
 * What providers told, signed, of what nobody here asked them for: another's, or ours that a log has lost. Either
 * way a person has to know, so it is kept beside the logs, where a callback needs nothing but Redis.
 */
import { Context, type Effect, Schema } from "effect"
import type { TransferOutcome } from "../domain/commands.ts"
import { cleanText, OutsideText } from "../domain/outside-text.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** Those that are kept; beyond, the oldest go. */
export const STRAYS_MAX = 5_000

/** What was said, and why it is not of ours. All of it is a stranger's text, so it is cleaned. */
export const StrayCallback = Schema.Struct({
  provider: OutsideText,
  /** Of the transfer or the clearance. */
  reference: OutsideText,
  said: Schema.String,
  code: Schema.optionalKey(OutsideText),
  /** The provider's own id of what it said, where it is known. */
  id: Schema.optionalKey(OutsideText),
  why: Schema.String,
})
export type StrayCallback = typeof StrayCallback.Type

/** As it was first heard, at `heardAt` (epoch milliseconds). */
export interface KeptCallback extends StrayCallback {
  readonly heardAt: number
}

/** What a bank told of a transfer. */
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

/** What the compliance engine told of a clearance; of whom, and what it found, is not ours to keep. */
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
    /** Keeps it, once however often it is told, and gives whether it is news. */
    readonly keep: (stray: StrayCallback, heardAt: number) => Effect.Effect<boolean, StoreUnavailable>
    /** The newest first. */
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<KeptCallback>, StoreUnavailable>
  }
>()("atlaspay/streams/StrayCallbacks") {}
