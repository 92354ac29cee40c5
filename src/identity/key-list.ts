/** Parses API_KEYS and OPERATOR_KEYS. Errors name the place of an entry, and never quote it. */
import { hash } from "node:crypto"
import { Effect, Schema } from "effect"
import { Credential } from "../domain/credential.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { scopesWithoutContract } from "./access.ts"
import type { Caller } from "./caller.ts"
import { actsIn, actsWithoutList, isRoleOrAct } from "./roles.ts"

/** A configured list of keys is invalid. `reason` names the entry by its place. */
export class InvalidKeys extends Schema.TaggedError<InvalidKeys>()("InvalidKeys", {
  setting: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.setting}: ${this.reason}`
  }
}

/** The SHA-256 digest of a key, and its caller. */
export interface KnownKey {
  readonly digest: Buffer
  readonly caller: Caller
}

/** What a header may carry after `Bearer`. */
const keyPattern = /^[\x21-\x7e]{1,255}$/

export const digestOf = (key: string): Buffer => hash("sha256", key, "buffer")

/**
 * "acme/payroll=key,acme/supervisor=key,globex=key". Keys with the same name are one credential: a key and its successor.
 * A key without a name is a credential of its own, and so is its successor.
 */
export const readPartnerKeys = (text: string) =>
  readEntries("API_KEYS", "partner=key or partner/name=key", text, (owner, key): Caller | undefined => {
    const [partner = "", name = fingerprintOf(key), ...more] = owner.split("/")
    const credential = `partner:${partner}/${name}`
    return more.length === 0 && isPartnerId(partner) && isCredential(credential)
      ? { kind: "partner", partner, credential, scopes: new Set(scopesWithoutContract) }
      : undefined
  })

/**
 * "alice=key,bob:review+resolve=key,carol:approver+auditor=key": operators, and what each may do, as roles and acts. Without a
 * list, an operator may do everything to batches except approve, which partners do. Only a list permits what administrators do.
 */
export const readOperatorKeys = (text: string) =>
  readEntries("OPERATOR_KEYS", "name=key or name:review+resolve=key", text, (owner): Caller | undefined => {
    const [, name = "", list = actsWithoutList.join("+")] = /^([^:]*)(?::(.*))?$/.exec(owner) ?? []
    const credential = `operator:${name}`
    const given = list.split("+")
    return isCredential(credential) && given.every(isRoleOrAct)
      ? { kind: "operator", credential, acts: actsIn(given) }
      : undefined
  })

const isPartnerId = Schema.is(PartnerId)
const isCredential = Schema.is(Credential)

const readEntries = Effect.fnUntraced(function* (
  setting: string,
  form: string,
  text: string,
  callerOf: (owner: string, key: string) => Caller | undefined,
) {
  const keys: Array<KnownKey> = []
  const malformed: Array<number> = []
  for (const [index, entry] of text.split(",").entries()) {
    const [owner = "", ...rest] = entry.trim().split("=")
    const key = rest.join("=")
    const caller = keyPattern.test(key) ? callerOf(owner, key) : undefined
    if (caller === undefined) malformed.push(index + 1)
    else keys.push({ caller, digest: digestOf(key) })
  }
  if (malformed.length > 0)
    return yield* new InvalidKeys({ setting, reason: `${entries(malformed)} not of the form ${form}` })
  return keys
})

const entries = (places: ReadonlyArray<number>): string =>
  places.length === 1 ? `entry ${places[0]} is` : `entries ${places.join(", ")} are`

/** Refuses keys that occur twice: each would be two credentials. */
export const checkedApart = Effect.fnUntraced(function* (
  setting: string,
  keys: ReadonlyArray<KnownKey>,
  others: ReadonlyArray<KnownKey> = [],
) {
  const seen = new Set(others.map(({ digest }) => digest.toString("hex")))
  const repeated: Array<number> = []
  for (const [index, { digest }] of keys.entries()) {
    const key = digest.toString("hex")
    if (seen.has(key)) repeated.push(index + 1)
    seen.add(key)
  }
  if (repeated.length === 0) return
  const [entry, repeats, key] =
    repeated.length === 1 ? ["entry", "repeats", "the key"] : ["entries", "repeat", "keys"]
  return yield* new InvalidKeys({
    setting,
    reason: `${entry} ${repeated.join(", ")} ${repeats} ${key} of another entry`,
  })
})

/** Names a key in logs by 48 bits of a hash. They reveal nothing of a key that cannot be guessed anyway. */
const fingerprintOf = (key: string): string =>
  `key-${hash("sha256", `atlaspay credential ${key}`, "hex").slice(0, 12)}`
