/** The record of partners and keys: the port to Postgres for those who administer them. Each change is in the audit trail. */
import { Context, type Effect, Schema } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { PartnerSettings, StoredSettings } from "../domain/partner-settings.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Operates } from "./access.ts"
import type { Administrator } from "./audit-trail.ts"
import type { KeyTerms, Partner, StoredKey } from "./stored-key.ts"

/** There is no such partner or key. */
export class NoSuchSubject extends Schema.TaggedError<NoSuchSubject>()("NoSuchSubject", {
  what: Schema.Literals(["partner", "API key"]),
}) {}

/** The record refuses the act in its present state. */
export class AccessConflict extends Schema.TaggedError<AccessConflict>()("AccessConflict", {
  reason: Schema.Literals([
    "partner-exists",
    "too-many-partners",
    "name-in-use",
    "too-many-keys",
    "key-not-active",
    "key-already-replaced",
  ]),
}) {}

export const PARTNERS_MAX = 100_000
/** Keys of one partner, or of all operators, that work at a time. While keys and their successors overlap, twice as many. */
export const KEYS_PER_OWNER_MAX = 200
export const PARTNERS_PER_PAGE_MAX = 500
export const KEYS_PER_PAGE_MAX = 500

/** A key to store. */
export interface NewKey extends KeyTerms {
  readonly id: string
  readonly hash: string
}

/** The successor of a key: a new id and hash, and until when both work. */
export interface Successor {
  readonly id: string
  /** The hash of the new key, given its terms as one text. */
  readonly hashOf: (terms: string) => string
  /** `undefined`: as long from now as its predecessor had from its creation; without end if that had none. */
  readonly expiresAt: Date | undefined
  readonly overlapMs: number
}

/** Which keys to list: a partner's, the operators', or all; those after an id, by id. */
export interface KeyQuestion {
  readonly of?: PartnerId | "operators" | undefined
  readonly after?: string | undefined
  readonly limit: number
}

export interface PartnerState {
  readonly partner: Partner
  readonly changedMs: number
}

/** A sign-out of an operator, in milliseconds since 1970. */
export interface SignOut {
  readonly operator: string
  readonly atMs: number
}

type Refused = AccessConflict | NoSuchSubject | StoreUnavailable

export class AccessRegister extends Context.Service<
  AccessRegister,
  {
    readonly createPartner: (
      by: Administrator,
      partner: { readonly id: PartnerId; readonly name: string },
    ) => Effect.Effect<Partner, Refused>
    /** Partners by id, after an id. */
    readonly partners: (
      after: string | undefined,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<Partner>, StoreUnavailable>
    /** Sets a partner's state. A repetition changes nothing but gives the same. */
    readonly setPartnerState: (
      by: Administrator,
      id: PartnerId,
      state: Partner["state"],
      reason: string | undefined,
    ) => Effect.Effect<PartnerState, Refused>
    /** Sets what a partner's contract lets it decide. A repetition changes nothing but gives the same. */
    readonly setOperates: (
      by: Administrator,
      id: PartnerId,
      operates: ReadonlyArray<Operates>,
    ) => Effect.Effect<Partner, Refused>
    /** Notes that an operator is signed out from now on. Each time counts. */
    readonly signOut: (
      by: Administrator,
      operator: string,
      reason: string | undefined,
    ) => Effect.Effect<SignOut, Refused>
    /** A partner's settings, and their version. */
    readonly settings: (id: PartnerId) => Effect.Effect<StoredSettings, NoSuchSubject | StoreUnavailable>
    /** Changes a partner's settings, given those that are stored. A change that changes nothing has a later version, too. */
    readonly changeSettings: (
      by: Administrator,
      id: PartnerId,
      change: (stored: PartnerSettings) => PartnerSettings,
    ) => Effect.Effect<StoredSettings, Refused>
    readonly createKey: (by: Administrator, key: NewKey) => Effect.Effect<StoredKey, Refused>
    readonly keys: (question: KeyQuestion) => Effect.Effect<ReadonlyArray<StoredKey>, StoreUnavailable>
    readonly key: (id: string) => Effect.Effect<StoredKey, NoSuchSubject | StoreUnavailable>
    /** Stores a successor, and sets the end of the key that it replaces. */
    readonly rotateKey: (
      by: Administrator,
      id: string,
      successor: Successor,
    ) => Effect.Effect<{ readonly replaced: StoredKey; readonly key: StoredKey }, Refused>
    /** Revokes a key at once. A repetition changes nothing but gives the same. */
    readonly revokeKey: (
      by: Administrator,
      id: string,
      reason: string | undefined,
    ) => Effect.Effect<StoredKey, Refused>
  }
>()("atlaspay/identity/AccessRegister") {}
