/**
 * What administrators do with partners and keys, at the command line and over HTTP. A change that takes access away is done
 * once both stores have it: Postgres, with its entry in the audit trail, and the marks in Redis that every process reads. If the
 * second store fails, the failure says so, and the same act can be repeated. Only a rotation cannot: its successor is stored, and
 * its text is lost, so the successor is rotated in turn.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { isOperatorName } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoredSettings } from "../domain/partner-settings.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { PartnerKeys, type VaultUnavailable } from "../vault/partner-keys.ts"
import { isScope, type Operates, operatorActs, scopes } from "./access.ts"
import { AccessMarks, NO_MARKS } from "./access-marks.ts"
import {
  type AccessConflict,
  AccessRegister,
  type KeyQuestion,
  type NoSuchSubject,
  type SignOut,
} from "./access-register.ts"
import { newApiKey } from "./api-key.ts"
import { apiKeyHashes } from "./api-key-hash.ts"
import type { Administrator } from "./audit-trail.ts"
import { type GrantRefused, requireGrants, SETTINGS } from "./grants.ts"
import { isNetwork } from "./networks.ts"
import { isRoleOrAct, operatorRoles } from "./roles.ts"
import {
  credentialOf,
  endOf,
  type KeyTerms,
  type Partner,
  type StoredKey,
  textOfTerms,
} from "./stored-key.ts"

/** A term of a new key, or of a rotation, is invalid: `reason` says what was expected of `field`. */
export class InvalidKeyTerms extends Schema.TaggedError<InvalidKeyTerms>()("InvalidKeyTerms", {
  field: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.field}: ${this.reason}`
  }
}

export type AdministrationFailure =
  | AccessConflict
  | InvalidKeyTerms
  | NoSuchSubject
  | StoreUnavailable
  | VaultUnavailable

/** A stored key with its text, which is shown this once and stored nowhere. */
export interface IssuedKey {
  readonly key: StoredKey
  readonly text: string
}

export const OVERLAP_MS_MAX = 30 * 24 * 3_600_000
export const NETWORKS_MAX = 32

export class Administration extends Context.Service<
  Administration,
  {
    readonly createPartner: (
      by: Administrator,
      partner: Pick<Partner, "id" | "name">,
    ) => Effect.Effect<Partner, AdministrationFailure>
    /** Partners by id, after an id. */
    readonly partners: AccessRegister["Service"]["partners"]
    /** Refuses all keys of a partner from now on, those of the settings too. What was accepted is paid all the same. */
    readonly suspendPartner: (
      by: Administrator,
      id: PartnerId,
      reason?: string,
    ) => Effect.Effect<Partner, AdministrationFailure>
    readonly resumePartner: (
      by: Administrator,
      id: PartnerId,
      reason?: string,
    ) => Effect.Effect<Partner, AdministrationFailure>
    /** What a partner may decide about its own batches from now on, under keys with the scope for it. */
    readonly setOperates: (
      by: Administrator,
      id: PartnerId,
      operates: ReadonlyArray<Operates>,
    ) => Effect.Effect<Partner, AccessConflict | GrantRefused | NoSuchSubject | StoreUnavailable>
    /**
     * Refuses tokens of an operator that an issuer issued until now: no process accepts one five seconds after this resolved. The
     * operator is named as credentials do, such as `sso-…` or `alice`. Keys of the same name work on.
     */
    readonly signOut: (
      by: Administrator,
      operator: string,
      reason?: string,
    ) => Effect.Effect<SignOut, AdministrationFailure>
    /** A partner's settings. */
    readonly settings: AccessRegister["Service"]["settings"]
    /** Changes what new batches of a partner are held to: in every process within five seconds after this resolved. */
    readonly changeSettings: (
      ...asked: Parameters<AccessRegister["Service"]["changeSettings"]>
    ) => Effect.Effect<StoredSettings, AccessConflict | GrantRefused | NoSuchSubject | StoreUnavailable>
    readonly createKey: (
      by: Administrator,
      terms: KeyTerms,
    ) => Effect.Effect<IssuedKey, AdministrationFailure | GrantRefused>
    readonly keys: (question: KeyQuestion) => Effect.Effect<ReadonlyArray<StoredKey>, StoreUnavailable>
    readonly key: (id: string) => Effect.Effect<StoredKey, NoSuchSubject | StoreUnavailable>
    /**
     * Makes a successor with the same owner, scopes and networks. Both work for `overlapMs`, at most
     * {@link OVERLAP_MS_MAX}; then the old key ends.
     */
    readonly rotateKey: (
      by: Administrator,
      id: string,
      terms: { readonly overlapMs: number; readonly expiresAt?: Date | undefined },
    ) => Effect.Effect<IssuedKey & { readonly replaced: StoredKey }, AdministrationFailure | GrantRefused>
    /** Ends a key at once: no process accepts it five seconds after this resolved. */
    readonly revokeKey: (
      by: Administrator,
      id: string,
      reason?: string,
    ) => Effect.Effect<StoredKey, AdministrationFailure>
  }
>()("atlaspay/identity/Administration") {
  static readonly layer = Layer.effect(
    Administration,
    Effect.gen(function* () {
      const register = yield* AccessRegister
      const marks = yield* AccessMarks
      const hashes = apiKeyHashes(yield* PartnerKeys)
      const markEnd = (key: StoredKey) => marks.write({ ...NO_MARKS, ended: new Map([[key.id, endOf(key)]]) })
      const setState = (state: Partner["state"]) =>
        Effect.fnUntraced(function* (by: Administrator, id: PartnerId, reason?: string) {
          const { partner, changedMs } = yield* register.setPartnerState(by, id, state, reason)
          const mark = { suspended: state === "suspended", changedMs }
          yield* marks.write({ ...NO_MARKS, partners: new Map([[id, mark]]) })
          return partner
        })
      return Administration.of({
        ...register,
        setOperates: Effect.fnUntraced(function* (by, id, operates) {
          yield* requireGrants(by, operates)
          return yield* register.setOperates(by, id, operates)
        }),
        suspendPartner: setState("suspended"),
        resumePartner: setState("active"),
        signOut: Effect.fn("Administration.signOut")(function* (by, operator, reason) {
          if (!isOperatorName(operator))
            return yield* invalid("operator", "expected lower-case letters, digits and hyphens")
          const out = yield* register.signOut(by, operator, reason)
          yield* marks.write({ ...NO_MARKS, signedOut: new Map([[operator, out.atMs]]) })
          return out
        }),
        changeSettings: Effect.fn("Administration.changeSettings")(function* (by, id, change) {
          yield* requireGrants(by, [SETTINGS])
          const stored = yield* register.changeSettings(by, id, change)
          yield* marks.write({ ...NO_MARKS, settings: new Map([[id, stored.version]]) })
          return stored
        }),
        createKey: Effect.fn("Administration.createKey")(function* (by, terms) {
          yield* checkedTerms(terms)
          yield* requireGrants(by, terms.scopes)
          const { id, text } = newApiKey(terms.owner.kind)
          const hash = (yield* hashes.maker)(text, textOfTerms(terms))
          const key = yield* register.createKey(by, { ...terms, id, hash })
          return { key, text }
        }),
        rotateKey: Effect.fn("Administration.rotateKey")(function* (by, old, { overlapMs, expiresAt }) {
          yield* checkedExpiry(expiresAt)
          if (!(overlapMs >= 0 && overlapMs <= OVERLAP_MS_MAX))
            return yield* invalid("overlapSeconds", `expected 0 to ${OVERLAP_MS_MAX / 1_000}`)
          const { owner, scopes: granted } = yield* register.key(old)
          // Who gets the text of the successor may do what the key may.
          yield* requireGrants(by, granted)
          const { id, text } = newApiKey(owner.kind)
          const make = yield* hashes.maker
          const hashOf = (terms: string) => make(text, terms)
          const rotated = yield* register.rotateKey(by, old, { id, hashOf, expiresAt, overlapMs })
          yield* markEnd(rotated.replaced)
          return { ...rotated, text }
        }),
        revokeKey: Effect.fn("Administration.revokeKey")(function* (by, id, reason) {
          const key = yield* register.revokeKey(by, id, reason)
          yield* markEnd(key)
          return key
        }),
      })
    }),
  )
}

const invalid = (field: string, reason: string) => new InvalidKeyTerms({ field, reason })

const checkedTerms = Effect.fnUntraced(function* ({ owner, scopes: asked, networks, expiresAt }: KeyTerms) {
  const [isKnown, known] =
    owner.kind === "partner" ? [isScope, scopes] : [isRoleOrAct, [...operatorActs, ...operatorRoles]]
  if (credentialOf(owner) === undefined)
    return yield* invalid(
      owner.kind === "partner" ? "name" : "operator",
      "expected lower-case letters, digits and hyphens",
    )
  if (asked.length === 0 || !asked.every((scope) => isKnown(scope)) || new Set(asked).size < asked.length)
    return yield* invalid("scopes", `expected some of ${known.join(", ")}`)
  if (networks.length > NETWORKS_MAX || !networks.every(isNetwork))
    return yield* invalid("networks", `expected at most ${NETWORKS_MAX} networks such as 203.0.113.0/24`)
  yield* checkedExpiry(expiresAt)
})

const checkedExpiry = Effect.fnUntraced(function* (expiresAt: Date | undefined) {
  if (expiresAt !== undefined && !(expiresAt.getTime() > Date.now()))
    return yield* invalid("expiresAt", "expected a time in the future")
})
