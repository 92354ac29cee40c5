/**
 * The keys that seal beneficiaries' accounts. Each partner has keys of its own, so that they can be destroyed alone. They
 * are stored wrapped by a master key, which only the settings have.
 */
import type { KeyObject } from "node:crypto"
import { Context, type Effect, Schema } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"

/** A partner's key, unwrapped. A `KeyObject` does not show the key, neither printed nor as JSON. */
export interface DataKey {
  readonly id: string
  readonly key: KeyObject
}

/** The id of the key of a sealed text: the part before the first dot. */
export const keyIdOf = (made: string): string => made.slice(0, made.indexOf("."))

/** A partner's stored keys, the newest last. The newest one seals. */
export interface KeyRing {
  readonly partner: string
  readonly keys: ReadonlyArray<{ readonly id: string; readonly master: string }>
  readonly forgotten: boolean
}

/** The keys are unavailable for now, or do not unwrap with these master keys. Nothing is lost; callers retry later. */
export class VaultUnavailable extends Schema.TaggedError<VaultUnavailable>()("VaultUnavailable", {
  reason: Schema.String,
}) {}

/** The partner's keys were destroyed on purpose. Nothing is sealed for it until somebody makes new ones. */
export class KeysForgotten extends Schema.TaggedError<KeysForgotten>()("KeysForgotten", {
  partner: Schema.String,
}) {}

/** How long a process may use a partner's keys as it last read them, in milliseconds. */
export const KEYS_FRESH_MS = 60_000

export class PartnerKeys extends Context.Service<
  PartnerKeys,
  {
    /** The key that seals for a partner, read at most {@link KEYS_FRESH_MS} ago. The first use makes it. */
    readonly current: (partner: PartnerId) => Effect.Effect<DataKey, KeysForgotten | VaultUnavailable>
    /** The partner's key with an id, or `undefined` if it was destroyed. */
    readonly find: (partner: string, id: string) => Effect.Effect<DataKey | undefined, VaultUnavailable>
    /** The stored keys of each partner that ever had one. */
    readonly list: Effect.Effect<ReadonlyArray<KeyRing>, VaultUnavailable>
    /**
     * Makes a new key, which seals from now on, and gives its id. Older keys still open. With `anew` also for a partner
     * whose keys were forgotten. Other processes use the new key within {@link KEYS_FRESH_MS}.
     */
    readonly rotate: (
      partner: PartnerId,
      anew?: "anew",
    ) => Effect.Effect<string, KeysForgotten | VaultUnavailable>
    /**
     * Destroys all keys of a partner. Nobody can read any more what they sealed. Another process may still use the keys
     * in its memory for {@link KEYS_FRESH_MS}.
     */
    readonly forget: (partner: PartnerId) => Effect.Effect<void, VaultUnavailable>
    /** Wraps a partner's keys with the first master key. Gives how many were wrapped with another one. */
    readonly rewrap: (partner: PartnerId) => Effect.Effect<number, VaultUnavailable>
  }
>()("atlaspay/vault/PartnerKeys") {}
