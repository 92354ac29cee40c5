/**
 * The keyed hash under which an API key is stored: HMAC-SHA-256 (RFC 2104) of the key and its terms under a key of the vault,
 * with the id of that key, as "<id>.<base64url>". Who reads the table cannot check a guess without the vault. Who writes to it
 * cannot widen what a key permits, or make it somebody else's: the hash would not match.
 */
import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto"
import { Effect } from "effect"
import { type DataKey, keyIdOf, type PartnerKeys, VaultUnavailable } from "../vault/partner-keys.ts"

/** The name of the vault's key for API keys. No partner can have it, and it is never forgotten. */
export const API_KEYS = "~api-keys"

/** Vault keys that a process remembers. There is one until somebody rotates it. */
const VAULT_KEYS_MAX = 64

export interface ApiKeyHashes {
  /** Makes the hash to store for a new key and its terms. */
  readonly maker: Effect.Effect<(key: string, terms: string) => string, VaultUnavailable>
  /** Whether a key and its terms are those of a stored hash. All wrong keys take the same time. */
  readonly matches: (key: string, terms: string, stored: string) => Effect.Effect<boolean, VaultUnavailable>
}

/** Hashes under the keys of a vault. The keys that were used once stay in memory, so that a known key needs no store. */
export const apiKeyHashes = ({ current, find }: PartnerKeys["Service"]): ApiKeyHashes => {
  const known = new Map<string, KeyObject>()
  const remember = ({ id, key }: DataKey): KeyObject => {
    const [oldest] = known.keys()
    if (known.size >= VAULT_KEYS_MAX && oldest !== undefined) known.delete(oldest)
    known.set(id, key)
    return key
  }
  const keyOf = (id: string): Effect.Effect<KeyObject | undefined, VaultUnavailable> => {
    const key = known.get(id)
    return key === undefined
      ? Effect.map(find(API_KEYS, id), (found) => found && remember({ id, key: found.key }))
      : Effect.succeed(key)
  }
  return {
    maker: current(API_KEYS).pipe(
      // Nobody can forget the keys of a name that is no partner's.
      Effect.catchTag("KeysForgotten", Effect.die),
      Effect.map((key) => (text, terms) => {
        const digest = digestOf(remember(key), text, terms)
        return `${key.id}.${digest.toString("base64url")}`
      }),
    ),
    matches: (text, terms, stored) => {
      const id = keyIdOf(stored)
      return Effect.flatMap(keyOf(id), (key) => {
        // No reason to call a key wrong: without the vault's key, nobody can know.
        if (key === undefined) return new VaultUnavailable({ reason: "the key of API keys is missing" })
        const expected = Buffer.from(stored.slice(id.length + 1), "base64url")
        const digest = digestOf(key, text, terms)
        return Effect.succeed(expected.length === digest.length && timingSafeEqual(expected, digest))
      })
    },
  }
}

/** JSON separates the parts, whatever they contain. */
const digestOf = (key: KeyObject, text: string, terms: string): Buffer =>
  createHmac("sha256", key)
    .update(JSON.stringify(["api key", text, terms]))
    .digest()
