/**
 * What takes access away, in the store that every process asks every second or two: the times from which keys no longer work, the
 * partners that are suspended, and which settings of partners are out of date. Postgres has the record; these marks make a
 * process refuse a key while Postgres is away.
 *
 * Marks only move one way: the time of a key only becomes earlier, and of two states or settings of a partner, or sign-outs, the
 * later one counts. So they can be written again at any time, in any order.
 */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** A partner's state, and when it was set, in milliseconds since 1970. */
export interface PartnerMark {
  readonly suspended: boolean
  readonly changedMs: number
}

export interface Marks {
  /**
   * By the id of a key: the time in milliseconds since 1970 from which it does not work, or if it was revoked, that time with a
   * minus.
   */
  readonly ended: ReadonlyMap<string, number>
  readonly partners: ReadonlyMap<string, PartnerMark>
  /** By partner: the version of its settings, which is when they were set. An older one that a process knows does not count. */
  readonly settings: ReadonlyMap<string, number>
  /** By the name of an operator: when the person was signed out, in milliseconds since 1970. Older tokens do not work. */
  readonly signedOut: ReadonlyMap<string, number>
}

export const NO_MARKS: Marks = {
  ended: new Map(),
  partners: new Map(),
  settings: new Map(),
  signedOut: new Map(),
}

/** Marks, and the version by which a reader finds out whether there are others. */
export interface VersionedMarks extends Marks {
  readonly version: string
}

/** How long a key's mark is kept after its time. No process uses what it knows of a key for as long. */
export const MARKS_KEPT_MS = 90 * 24 * 3_600_000

/** How long a sign-out is kept: longer than any token works, as `OIDC_TOKEN_AGE_MS_MAX` allows at most. */
export const SIGN_OUTS_KEPT_MS = 25 * 3_600_000

export class AccessMarks extends Context.Service<
  AccessMarks,
  {
    /** All marks, or `known` itself if it is still what there is. */
    readonly read: (known?: VersionedMarks) => Effect.Effect<VersionedMarks, StoreUnavailable>
    /** Adds marks. Resolves once they survive a failover; a process reads them within a second or two. */
    readonly write: (marks: Marks) => Effect.Effect<void, StoreUnavailable>
  }
>()("atlaspay/identity/AccessMarks") {}
