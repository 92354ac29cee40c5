/**
 * The keys that seal beneficiaries' accounts: each partner has its own, so that one partner's can be destroyed. They
 * are stored wrapped by a master key that only the settings hold.
 */
import type { KeyObject } from "node:crypto"
import { Context, type Effect, Schema } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"

/** A partner's key as it seals and opens. A `KeyObject` shows nothing of itself, neither printed nor as JSON. */
export interface DataKey {
  readonly id: string
  readonly key: KeyObject
}

/** The id of the key that something was made with: it comes first, before a dot. */
export const keyIdOf = (made: string): string => made.slice(0, made.indexOf("."))

/** What is stored of a partner's keys, the newest last: it is the one that seals. */
export interface KeyRing {
  readonly partner: string
  readonly keys: ReadonlyArray<{ readonly id: string; readonly master: string }>
  readonly forgotten: boolean
}

/** The keys cannot be had for now, or not with these master keys. Nothing is lost: it is tried again later. */
export class VaultUnavailable extends Schema.TaggedError<VaultUnavailable>()("VaultUnavailable", {
  reason: Schema.String,
}) {}

/** The partner's keys were destroyed on purpose; nothing is sealed for it until somebody makes new ones. */
export class KeysForgotten extends Schema.TaggedError<KeysForgotten>()("KeysForgotten", {
  partner: Schema.String,
}) {}

/** For how long a process may go on with what it last read of a partner's keys, in milliseconds. */
export const KEYS_FRESH_MS = 60_000

export class PartnerKeys extends Context.Service<
  PartnerKeys,
  {
    /** The key that seals for a partner; its first use makes it. At most {@link KEYS_FRESH_MS} old. */
    readonly current: (partner: PartnerId) => Effect.Effect<DataKey, KeysForgotten | VaultUnavailable>
    /** The partner's key with an id, or `undefined` when it is gone for good. */
    readonly find: (partner: string, id: string) => Effect.Effect<DataKey | undefined, VaultUnavailable>
    /** What is stored of each partner that ever had a key. */
    readonly list: Effect.Effect<ReadonlyArray<KeyRing>, VaultUnavailable>
    /**
     * Makes a new key that seals from now on, and gives its id; the older ones go on opening. With `anew` also for a
     * partner whose keys were forgotten. Another process learns of it within {@link KEYS_FRESH_MS}.
     */
    readonly rotate: (
      partner: PartnerId,
      anew?: "anew",
    ) => Effect.Effect<string, KeysForgotten | VaultUnavailable>
    /**
     * Destroys all keys of a partner: what they sealed cannot be read any more by anybody. Another process may go on
     * for {@link KEYS_FRESH_MS} with the keys that it holds.
     */
    readonly forget: (partner: PartnerId) => Effect.Effect<void, VaultUnavailable>
    /** Wraps a partner's keys with the first master key; gives how many were not yet. */
    readonly rewrap: (partner: PartnerId) => Effect.Effect<number, VaultUnavailable>
  }
>()("atlaspay/vault/PartnerKeys") {}
