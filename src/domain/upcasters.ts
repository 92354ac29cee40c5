/**
 * Older events, lifted to what this release reads. An event's version is in its JSON as `v`; absent means 1. A list
 * holds, in order, what lifts version 1 to 2, 2 to 3, and so on: its length plus one is the version written today.
 */
import { Result } from "effect"
import type { BatchEvent } from "./events.ts"
import { meaningOf } from "./failure-codes.ts"
import { withCleanTexts } from "./outside-text.ts"

/**
 * How the text of others in an event was cleaned before it was appended, in its JSON as `clean`: by these rules. Where it is
 * absent the text is as they said it, and is cleaned here. A new version would do as well, but an older release would not
 * read it.
 */
export const CLEAN = 1

export type EventJson = Readonly<Record<string, unknown>>

type Upcaster = (event: EventJson) => EventJson

const upcasters: Partial<Record<BatchEvent["_tag"], ReadonlyArray<Upcaster>>> = {
  // Modes, approval and retries came with version 2; before, every batch was partial and tried once.
  BatchReceived: [(event) => ({ ...event, mode: "partial", submittedBy: event.partner, attemptsMax: 1 })],
  // Clearances were not numbered, because their requests were not recorded.
  ItemsScreened: [(event) => ({ ...event, clearance: 0 })],
  // The code was kept without its meaning.
  TransferFailed: [
    (event) => {
      const meaning = meaningOf(String(event.code))
      return { ...event, category: meaning?.category ?? "technical", retryable: meaning?.retryable ?? false }
    },
  ],
}

/** Kinds that are no longer written, and what they are today. */
const former: Readonly<Record<string, Upcaster | undefined>> = {
  // Each intent was an event of its own.
  TransferRequested: ({ _tag, at, ...transfer }) => ({
    _tag: "TransfersRequested",
    at,
    transfers: [transfer],
  }),
}

const known: Readonly<Record<string, ReadonlyArray<Upcaster> | undefined>> = upcasters

/** The version in which this release writes events of a kind. */
export const currentVersion = (tag: string): number => 1 + (known[tag]?.length ?? 0)

/** Lifts an event to the current version, or says which version it is that nobody here knows. */
export const upcast = (event: EventJson): Result.Result<EventJson, string> => {
  const tag = String(event._tag)
  const version = event.v ?? 1
  const current = currentVersion(tag)
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1 || version > current) {
    return Result.fail(`unknown version of ${tag}: this release reads 1 to ${current}`)
  }
  const renamed = former[tag]
  if (renamed !== undefined) return Result.succeed(renamed(event))
  const lifts = known[tag]?.slice(version - 1) ?? []
  const lifted = lifts.reduce((lifted, lift) => lift(lifted), event)
  return Result.succeed(event.clean === CLEAN ? lifted : withCleanTexts(lifted))
}
