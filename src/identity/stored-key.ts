/** Partners and API keys as they are stored, without their hashes: what administrators see, and what the audit trail keeps. */
import { Schema } from "effect"
import { Credential } from "../domain/credential.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { isScope, type Operates, type Scope } from "./access.ts"
import type { Caller } from "./caller.ts"
import { actsIn } from "./roles.ts"

export interface Partner {
  readonly id: PartnerId
  /** For people. */
  readonly name: string
  readonly state: "active" | "suspended"
  /** What the contract lets the partner decide about its own batches, under keys with the scope for it. */
  readonly operates: ReadonlyArray<Operates>
  readonly createdAt: Date
  readonly createdBy: string
}

/** Whose a key is: one of a partner's keys, or an operator's. */
export type KeyOwner =
  | { readonly kind: "partner"; readonly partner: PartnerId; readonly name: string }
  | { readonly kind: "operator"; readonly name: string }

export interface StoredKey {
  /** 16 characters. It is part of the key, and no secret. */
  readonly id: string
  readonly owner: KeyOwner
  /** A partner's scopes, or an operator's roles and acts. */
  readonly scopes: ReadonlyArray<string>
  /** The networks from which the key works; from everywhere if there are none. */
  readonly networks: ReadonlyArray<string>
  readonly createdAt: Date
  readonly createdBy: string
  readonly expiresAt: Date | undefined
  /** When it ends because a successor replaced it. */
  readonly endsAt: Date | undefined
  readonly revokedAt: Date | undefined
  /** At most a minute older than the last use that is known. */
  readonly lastUsedAt: Date | undefined
  /** The key that this one replaces. */
  readonly replaces: string | undefined
}

const isCredential = Schema.is(Credential)
const isPartnerId = Schema.is(PartnerId)

/** The credential that the log records for acts under a key of this owner; `undefined` if the name is none. */
export const credentialOf = (owner: KeyOwner): Credential | undefined => {
  const text = owner.kind === "partner" ? `partner:${owner.partner}/${owner.name}` : `operator:${owner.name}`
  return isCredential(text) ? text : undefined
}

/** The scopes in a list of a partner's key. Others, which a later release may have added, permit nothing here. */
export const scopesIn = (list: ReadonlyArray<string>): ReadonlySet<Scope> => new Set(list.filter(isScope))

/** The caller who shows a key of this owner; `undefined` for a name that is no credential. */
export const callerOf = (owner: KeyOwner, scopes: ReadonlyArray<string>): Caller | undefined => {
  const credential = credentialOf(owner)
  if (credential === undefined) return undefined
  if (owner.kind === "operator") return { kind: "operator", credential, acts: actsIn(scopes) }
  return isPartnerId(owner.partner)
    ? { kind: "partner", partner: owner.partner, credential, scopes: scopesIn(scopes) }
    : undefined
}

/** The terms of a key, which never change: whose it is, what it permits, from where, and until when. */
export type KeyTerms = Pick<StoredKey, "owner" | "scopes" | "networks" | "expiresAt">

/** The terms as one text: what the stored hash is bound to, so that nobody can widen them in the table. */
export const textOfTerms = ({ owner, scopes, networks, expiresAt }: KeyTerms): string =>
  JSON.stringify([
    owner.kind,
    owner.kind === "partner" ? owner.partner : "",
    owner.name,
    scopes,
    networks,
    expiresAt?.getTime() ?? null,
  ])

/**
 * The time from which a key does not work, in milliseconds since 1970; infinite if there is none yet. That of a revoked key is
 * negative, the time of the revocation with a minus: it works by no clock, also not by one that is behind.
 */
export const endOf = ({
  expiresAt,
  endsAt,
  revokedAt,
}: Pick<StoredKey, "expiresAt" | "endsAt" | "revokedAt">): number =>
  revokedAt === undefined
    ? Math.min(...[expiresAt, endsAt].map((at) => at?.getTime() ?? Number.POSITIVE_INFINITY))
    : -revokedAt.getTime()

export type KeyState = "active" | "revoked" | "replaced" | "expired"

/** What has become of a key by a time, in milliseconds since 1970. A key with a successor is active until its overlap ends. */
export const stateOf = (key: StoredKey, now: number): KeyState => {
  if (key.revokedAt !== undefined) return "revoked"
  if (key.endsAt !== undefined && key.endsAt.getTime() <= now) return "replaced"
  return endOf(key) <= now ? "expired" : "active"
}
