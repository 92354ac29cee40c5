/**
 * The stored keys as one process knows them, so that a known key costs no look-up, works while Postgres is away, and stops
 * working within five seconds of its end.
 *
 * - The marks of what was revoked, replaced or suspended are read from Redis every second while requests come, and every two
 *   seconds at rest. After a read that failed the next one comes as soon as while requests come.
 * - Keys that were looked up stay in memory, and are read again from Postgres every 15 seconds.
 * - While the marks are older than {@link MARKS_FRESH_MS}, because Redis does not answer, what is known of a key counts only for
 *   {@link ALONE_FRESH_MS}: Postgres has to answer for it.
 * - An unknown key is remembered as unknown. If it cannot be looked up, the answer is "unavailable", never "unknown".
 *
 * A process also remembers the marks that it has seen, and those of the record in Postgres, and writes what Redis lacks: after a
 * failure between the two stores, or when Redis has lost some.
 */
import { Clock, Context, Effect, Layer, Schema, Semaphore } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoredSettings } from "../domain/partner-settings.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { PartnerKeys, type VaultUnavailable } from "../vault/partner-keys.ts"
import {
  AccessMarks,
  MARKS_KEPT_MS,
  type Marks,
  NO_MARKS,
  SIGN_OUTS_KEPT_MS,
  type VersionedMarks,
} from "./access-marks.ts"
import { apiKeyHashes } from "./api-key-hash.ts"
import type { Caller } from "./caller.ts"
import { followSettings } from "./followed-settings.ts"
import { type KeyRecord, KeyRecords } from "./key-records.ts"
import { type Networks, networksOf } from "./networks.ts"
import { SettingsRecords } from "./settings-records.ts"

/** Too many keys that this process does not know are being looked up, by all callers or from this address. */
export class KeyLookupsFull extends Schema.TaggedError<KeyLookupsFull>()("KeyLookupsFull", {}) {}

/** The partner of the key is suspended. */
export class PartnerSuspended extends Schema.TaggedError<PartnerSuspended>()("PartnerSuspended", {}) {}

/** While requests come or the last read failed, and at rest. */
const MARKS_EVERY_MS = { inUse: 1_000, atRest: 2_000 } as const
const MARKS_READ_MS_MAX = 2_000
/** For how long marks count from the moment at which they were asked for: with the next read, less than five seconds. */
export const MARKS_FRESH_MS = 3_500
/** For how long a record counts while the marks are not fresh. */
const ALONE_FRESH_MS = 1_000
/** For how long a record counts while Postgres cannot be asked. */
const RECORD_KEPT_MS = 24 * 3_600_000
const REFRESH_EVERY_MS = 15_000
const REFRESHED_AT_ONCE = 1_000
const USES_EVERY_MS = 15_000
const SAME_WARNING_AFTER_MS = 60_000
/** For how long a key that was not found is not looked up again. */
const UNKNOWN_MS = 60_000
const KNOWN_MAX = 10_000
const UNKNOWN_MAX = 10_000
/** Look-ups under way at a time, the keys that may wait for one, and how many of these one address may have. */
const LOOKUPS_MAX = 4
const LOOKUPS_WAITING_MAX = 256
const LOOKUPS_PER_ADDRESS_MAX = 16
const LOOKUP_MS_MAX = 5_000
/** How far back ends of keys are remembered and compared: less than marks are kept, so that none is written and trimmed in turn. */
const HEALED_FOR_MS = MARKS_KEPT_MS - 24 * 3_600_000

/** The same for sign-outs: longer than any token works, and less than they are kept. */
const SIGN_OUTS_HEALED_FOR_MS = SIGN_OUTS_KEPT_MS - 30 * 60_000

/** Why a key is refused, for the log. The answer does not show it. */
export type Refusal = "unknown" | "wrong-secret" | "ended" | "other-network"

export class KeyDirectory extends Context.Service<
  KeyDirectory,
  {
    /**
     * The caller whose key it is, or why the key is refused. `key` is the whole key, `id` the id in it, `address` where the
     * request comes from.
     */
    readonly find: (
      key: string,
      id: string,
      address: string | undefined,
    ) => Effect.Effect<
      Caller | Refusal,
      KeyLookupsFull | PartnerSuspended | StoreUnavailable | VaultUnavailable
    >
    /** Whether a partner is suspended, by the marks that this process has seen. */
    readonly isSuspended: (partner: string) => boolean
    /**
     * When any of some operators was last signed out, in milliseconds since 1970. While the marks are not fresh, Postgres has to
     * say as well.
     */
    readonly lastSignOut: (
      operators: ReadonlyArray<string>,
    ) => Effect.Effect<number | undefined, StoreUnavailable>
    /**
     * A partner's own settings: in memory, unless they changed since they were read. Fails if they have to be read again and
     * Postgres does not answer.
     */
    readonly settingsOf: (partner: PartnerId) => Effect.Effect<StoredSettings, StoreUnavailable>
  }
>()("atlaspay/identity/KeyDirectory") {
  /** Reads marks and recent keys, and then follows both until the scope closes. */
  static readonly layer = Layer.effect(
    KeyDirectory,
    Effect.gen(function* () {
      const records = yield* KeyRecords
      const marks = yield* AccessMarks
      const { matches } = apiKeyHashes(yield* PartnerKeys)
      const followed = yield* followMarks(marks, records)
      const known = yield* followRecords(records)
      const settingsOf = yield* followSettings(yield* SettingsRecords, followed)
      const noteUse = yield* writeUses(records)
      const usable = (entry: Entry | undefined, now: number): entry is Entry =>
        entry !== undefined && now - entry.readAt <= (followed.isFresh(now) ? RECORD_KEPT_MS : ALONE_FRESH_MS)
      const lookUp = lookingUp(records, known, usable)

      return KeyDirectory.of({
        settingsOf,
        isSuspended: (partner) => {
          followed.wasUsed()
          return followed.current().partners.get(partner)?.suspended === true
        },
        lastSignOut: Effect.fnUntraced(function* (operators) {
          const isFresh = followed.isFresh(yield* Clock.currentTimeMillis)
          const recorded = isFresh ? undefined : yield* records.lastSignOut(operators)
          // What was seen once counts on, also if Postgres was set back.
          const seen = operators.flatMap((one) => followed.current().signedOut.get(one) ?? [])
          const times = recorded === undefined ? seen : [...seen, recorded]
          return times.length === 0 ? undefined : Math.max(...times)
        }),
        find: Effect.fnUntraced(function* (key, id, address) {
          const now = yield* Clock.currentTimeMillis
          if (known.isUnknown(id, now)) return "unknown"
          const found = known.get(id)
          const entry = usable(found, now) ? found : yield* lookUp(id, address)
          if (entry === undefined) return "unknown"
          const { record, networks } = entry
          if (!(yield* matches(key, record.terms, record.hash))) return "wrong-secret"
          const marks = followed.current()
          if (Math.min(record.endsMs, marks.ended.get(id) ?? record.endsMs) <= now) return "ended"
          if (networks !== undefined && !networks.contain(address)) return "other-network"
          if (isSuspended(record, followed.isFresh(now) ? marks : NO_MARKS))
            return yield* new PartnerSuspended()
          noteUse(id, now)
          return record.caller
        }),
      })
    }),
  )
}

/** A record in memory, and when it was asked for. */
interface Entry {
  readonly record: KeyRecord
  readonly networks: Networks | undefined
  readonly readAt: number
}

const entryOf = (record: KeyRecord, readAt: number): Entry => ({
  record,
  readAt,
  networks: record.networks.length === 0 ? undefined : networksOf(record.networks),
})

/** A mark is newer than the record in memory, if there is one. */
const isSuspended = ({ caller, partnerSuspended }: KeyRecord, { partners }: Marks): boolean =>
  caller.kind === "partner" && (partners.get(caller.partner)?.suspended ?? partnerSuspended)

/**
 * Reads the marks every second or two, and adds those that Redis lacks. The first reads of marks and record have to succeed. Marks only
 * move one way, so what was seen once counts on, also if Redis loses it.
 */
const followMarks = Effect.fnUntraced(function* (
  marks: AccessMarks["Service"],
  records: KeyRecords["Service"],
) {
  const first = yield* Clock.currentTimeMillis
  let stored: VersionedMarks = yield* marks.read()
  let askedAt = first
  let seen: Marks = stored
  let [isUsed, isAnswered] = [false, true]
  const read = Effect.gen(function* () {
    const at = yield* Clock.currentTimeMillis
    const found = yield* marks.read(stored)
    if (found !== stored) seen = together(seen, found, at - HEALED_FOR_MS)
    stored = found
    askedAt = at
    isAnswered = true
  }).pipe(
    Effect.timeoutOrElse({
      duration: MARKS_READ_MS_MAX,
      orElse: () =>
        Effect.fail(new StoreUnavailable({ store: "redis", step: "read access marks", reason: "TIMEOUT" })),
    }),
  )
  const learn = Effect.gen(function* () {
    const since = (yield* Clock.currentTimeMillis) - HEALED_FOR_MS
    const recorded = yield* records.marksSince(since)
    // Not before: marks may have been read meanwhile.
    seen = together(seen, recorded, since)
  })
  const heal = Effect.gen(function* () {
    yield* learn
    const missing = missingIn(stored, seen)
    if (Object.values(missing).every(({ size }) => size === 0)) return
    // An act that is under way looks the same. To write its mark, too, does no harm.
    yield* Effect.logInfo("access marks that Redis lacks are written again", {
      keys: missing.ended.size,
      partners: missing.partners.size,
      settings: missing.settings.size,
      signedOut: missing.signedOut.size,
    })
    yield* marks.write(missing)
  })
  // The process starts also if Redis takes no mark at the moment: it knows them all.
  yield* learn
  const nextRead = Effect.suspend(() => {
    const everyMs = isUsed || !isAnswered ? MARKS_EVERY_MS.inUse : MARKS_EVERY_MS.atRest
    isUsed = false
    isAnswered = false
    return nextBeat(everyMs)
  })
  const wasUsed = () => {
    isUsed = true
  }
  yield* repeatedly(nextRead, "access marks not read", read)
  yield* repeatedly(nextBeat(REFRESH_EVERY_MS), "access marks not compared with the record", heal)
  return {
    current: (): Marks => seen,
    wasUsed,
    isFresh: (now: number): boolean => {
      wasUsed()
      return now - askedAt >= 0 && now - askedAt <= MARKS_FRESH_MS
    },
  }
})

/** The marks of both, without the ends of keys from before a time, and sign-outs that no token is older than. */
const together = (one: Marks, other: Marks, since: number): Marks => {
  const [ended, partners, settings] = [new Map(one.ended), new Map(one.partners), new Map(one.settings)]
  const signedOut = new Map(one.signedOut)
  for (const [id, at] of other.ended) if (at < (ended.get(id) ?? Number.POSITIVE_INFINITY)) ended.set(id, at)
  for (const [id, at] of ended) if (Math.abs(at) < since) ended.delete(id)
  for (const [id, mark] of other.partners)
    if (mark.changedMs > (partners.get(id)?.changedMs ?? -1)) partners.set(id, mark)
  for (const [id, at] of other.signedOut) if (at > (signedOut.get(id) ?? -1)) signedOut.set(id, at)
  const oldOut = since + HEALED_FOR_MS - SIGN_OUTS_HEALED_FOR_MS
  for (const [id, at] of signedOut) if (at < oldOut) signedOut.delete(id)
  for (const [id, version] of other.settings) if (version > (settings.get(id) ?? 0)) settings.set(id, version)
  return { ended, partners, settings, signedOut }
}

/** The marks that Redis lacks, or has otherwise. */
const missingIn = (stored: Marks, seen: Marks): Marks => ({
  signedOut: new Map([...seen.signedOut].filter(([id, at]) => (stored.signedOut.get(id) ?? -1) < at)),
  ended: new Map(
    [...seen.ended].filter(([id, at]) => (stored.ended.get(id) ?? Number.POSITIVE_INFINITY) > at),
  ),
  partners: new Map(
    [...seen.partners].filter(
      ([partner, { suspended, changedMs }]) =>
        (stored.partners.get(partner)?.changedMs ?? (suspended ? -1 : changedMs)) < changedMs,
    ),
  ),
  settings: new Map(
    [...seen.settings].filter(([partner, version]) => (stored.settings.get(partner) ?? 0) < version),
  ),
})

/** The keys in memory: at first those that were used last, then those that are looked up. Reads them again all the time. */
const followRecords = Effect.fnUntraced(function* (records: KeyRecords["Service"]) {
  const entries = new Map<string, Entry>()
  const unknown = new Map<string, number>()
  const keep = (record: KeyRecord, at: number): Entry => {
    const entry = entryOf(record, at)
    entries.delete(record.id)
    entries.set(record.id, entry)
    forgetOldest(entries, KNOWN_MAX)
    return entry
  }
  const refresh = Effect.gen(function* () {
    const ids = [...entries.keys()]
    for (let from = 0; from < ids.length; from += REFRESHED_AT_ONCE) {
      const some = ids.slice(from, from + REFRESHED_AT_ONCE)
      const at = yield* Clock.currentTimeMillis
      const found = new Map((yield* records.find(some)).map((record) => [record.id, record]))
      for (const id of some) {
        const record = found.get(id)
        if (record === undefined) entries.delete(id)
        else if (entries.has(id)) entries.set(id, entryOf(record, at))
      }
    }
  })
  const start = yield* Clock.currentTimeMillis
  // The one that was used last is put in last, and is forgotten last.
  for (const record of [...(yield* records.recent(KNOWN_MAX))].reverse()) keep(record, start)
  yield* repeatedly(nextBeat(REFRESH_EVERY_MS), "API keys not read again", refresh)
  return {
    keep,
    get: (id: string) => {
      const entry = entries.get(id)
      if (entry !== undefined) {
        // The one that was used last is forgotten last.
        entries.delete(id)
        entries.set(id, entry)
      }
      return entry
    },
    keepUnknown: (id: string, at: number) => {
      entries.delete(id)
      unknown.set(id, at)
      forgetOldest(unknown, UNKNOWN_MAX)
    },
    // Not by a clock that was set back since: the key may have been created meanwhile.
    isUnknown: (id: string, now: number) => {
      const at = unknown.get(id)
      return at !== undefined && now >= at && now - at < UNKNOWN_MS
    },
  }
})

type Known = Effect.Success<ReturnType<typeof followRecords>>

const forgetOldest = (map: Map<string, unknown>, max: number): void => {
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}

/**
 * Looks a key up in Postgres, a few at a time. `undefined` for a key that does not exist. Requests that wait for the same key
 * count as one: only the first of them asks Postgres.
 */
const lookingUp = (
  records: KeyRecords["Service"],
  known: Known,
  usable: (entry: Entry | undefined, now: number) => entry is Entry,
) => {
  const turns = Semaphore.makeUnsafe(LOOKUPS_MAX)
  const byKey = new Map<string, number>()
  const byAddress = new Map<string, number>()
  const look = Effect.fnUntraced(function* (id: string) {
    const at = yield* Clock.currentTimeMillis
    const found = known.get(id)
    // Another request may have looked the key up while this one waited.
    if (usable(found, at)) return found
    const [record] = yield* records.find([id])
    if (record !== undefined) return known.keep(record, at)
    known.keepUnknown(id, at)
    return undefined
  })
  return (id: string, from: string | undefined) =>
    Effect.suspend((): Effect.Effect<Entry | undefined, KeyLookupsFull | StoreUnavailable> => {
      const address = from ?? ""
      const isFirst = !byKey.has(id)
      const isFull =
        byKey.size >= LOOKUPS_WAITING_MAX || (byAddress.get(address) ?? 0) >= LOOKUPS_PER_ADDRESS_MAX
      if (isFirst && isFull) return Effect.fail(new KeyLookupsFull())
      count(byKey, id, 1)
      if (isFirst) count(byAddress, address, 1)
      return turns.withPermit(look(id)).pipe(
        Effect.timeoutOrElse({
          duration: LOOKUP_MS_MAX,
          orElse: () =>
            Effect.fail(
              new StoreUnavailable({ store: "postgres", step: "find API keys", reason: "TIMEOUT" }),
            ),
        }),
        Effect.ensuring(
          Effect.sync(() => {
            count(byKey, id, -1)
            if (isFirst) count(byAddress, address, -1)
          }),
        ),
      )
    })
}

const count = (counts: Map<string, number>, of: string, change: 1 | -1): void => {
  const left = (counts.get(of) ?? 0) + change
  if (left === 0) counts.delete(of)
  else counts.set(of, left)
}

/** Writes when keys were last used, all together every few seconds and never on the path of a request. */
const writeUses = Effect.fnUntraced(function* (records: KeyRecords["Service"]) {
  let uses = new Map<string, number>()
  const write = Effect.suspend(() => {
    if (uses.size === 0) return Effect.void
    const written = uses
    uses = new Map()
    return Effect.tapError(records.noteUses(written), () =>
      Effect.sync(() => {
        // Those that were used meanwhile have a later time.
        for (const [id, at] of written) if (!uses.has(id) && uses.size < KNOWN_MAX) uses.set(id, at)
      }),
    )
  })
  yield* repeatedly(nextBeat(USES_EVERY_MS), "uses of API keys not noted", write)
  return (id: string, at: number): void => {
    if (uses.has(id) || uses.size < KNOWN_MAX) uses.set(id, at)
  }
})

/**
 * Runs a step after each wait, until the scope closes. A store that does not answer is logged, at most once a minute: during an
 * outage every round fails alike.
 */
const repeatedly = (
  wait: Effect.Effect<void>,
  warning: string,
  step: Effect.Effect<void, StoreUnavailable>,
) => {
  let warnedAt = Number.NEGATIVE_INFINITY
  const warn = Effect.fnUntraced(function* ({ store, step, reason }: StoreUnavailable) {
    const now = yield* Clock.currentTimeMillis
    if (now - warnedAt < SAME_WARNING_AFTER_MS) return
    warnedAt = now
    yield* Effect.logWarning(warning, { store, step, reason })
  })
  return step.pipe(
    Effect.catchTag("StoreUnavailable", warn),
    (warned) => Effect.andThen(wait, warned),
    Effect.forever,
    Effect.forkScoped,
  )
}
