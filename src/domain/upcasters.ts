/**
 * Converts older events to the versions that this release reads. An event's version is in its JSON as `v`; absent means 1. A
 * list has, in order, the conversions from version 1 to 2, 2 to 3, and so on, so its length plus one is the current version.
 */
import { Result } from "effect"
import type { BatchEvent } from "./events.ts"
import { meaningOf } from "./failure-codes.ts"
import { kindsWithText, withCleanTexts } from "./outside-text.ts"

/**
 * The rules by which an event's texts were cleaned before it was appended, in its JSON as `clean`. If it is absent, the texts
 * are cleaned here. A new event version would do the same, but older releases could not read it.
 */
export const CLEAN = 1

export type EventJson = Readonly<Record<string, unknown>>

type Upcaster = (event: EventJson) => EventJson

const upcasters: Partial<Record<BatchEvent["_tag"], ReadonlyArray<Upcaster>>> = {
  // Version 2 added modes, approval and retries. Before, every batch was partial and tried once.
  BatchReceived: [(event) => ({ ...event, mode: "partial", submittedBy: event.partner, attemptsMax: 1 })],
  // Clearances had no numbers, because their requests were not recorded.
  ItemsScreened: [(event) => ({ ...event, clearance: 0 })],
  // The code was recorded without its meaning.
  TransferFailed: [
    (event) => {
      const meaning = meaningOf(String(event.code))
      return { ...event, category: meaning?.category ?? "technical", retryable: meaning?.retryable ?? false }
    },
  ],
}

/** Kinds that are no longer written, with their conversion to current kinds. */
const former: Readonly<Record<string, Upcaster | undefined>> = {
  // Each intent was a separate event.
  TransferRequested: ({ _tag, at, ...transfer }) => ({
    _tag: "TransfersRequested",
    at,
    transfers: [transfer],
  }),
}

const known: Readonly<Record<string, ReadonlyArray<Upcaster> | undefined>> = upcasters

/** The version in which this release writes events of a kind. */
export const currentVersion = (tag: string): number => 1 + (known[tag]?.length ?? 0)

/**
 * Converts an event to the current version. Fails with a sentence if this release does not know its version. Most kinds have no
 * text that could need cleaning. The reason of a refused command is one of ours, but a later release may have written it.
 */
export const upcast = (event: EventJson): Result.Result<EventJson, string> => {
  const tag = String(event._tag)
  const version = event.v ?? 1
  const current = currentVersion(tag)
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1 || version > current) {
    return Result.fail(`unknown version of ${tag}: this release reads 1 to ${current}`)
  }
  const renamed = former[tag]
  if (renamed !== undefined) return Result.succeed(renamed(event))
  let lifted = event
  if (version < current) for (const lift of known[tag]?.slice(version - 1) ?? []) lifted = lift(lifted)
  const isToBeCleaned = event.clean !== CLEAN && (kindsWithText.has(tag) || tag === "CommandRefused")
  return Result.succeed(isToBeCleaned ? withCleanTexts(lifted) : lifted)
}
