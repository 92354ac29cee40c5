/**
 * The settings of partners as one process knows them, so that intake reads them without a query, also while Postgres is away, and a
 * change counts within five seconds.
 *
 * A process knows which partners have settings, and of which version: at first from Postgres, then from the marks in Redis, which it
 * reads every second or two. Settings in memory count while no newer version is known. While the marks are older than that, because
 * Redis does not answer, Postgres has to confirm settings that were read more than a second ago.
 */
import { Clock, Effect, Semaphore } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import { NO_SETTINGS, type StoredSettings } from "../domain/partner-settings.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Marks } from "./access-marks.ts"
import type { SettingsRecords } from "./settings-records.ts"

const STEP = "read a partner's settings"
/** Partners whose settings stay in memory. Those of others are read when they are needed. */
const KNOWN_MAX = 10_000
/** For how long settings count while the marks are not fresh. */
const ALONE_FRESH_MS = 1_000
/** Reads under way at a time. Requests of the same partner wait for one and use what it found. */
const READS_MAX = 4
const READ_MS_MAX = 5_000

/** The marks, as the directory of keys follows them. */
interface Followed {
  readonly current: () => Marks
  readonly isFresh: (now: number) => boolean
}

interface Entry extends StoredSettings {
  readonly readAt: number
}

/** Reads what there is, and gives the settings of a partner from then on. */
export const followSettings = Effect.fnUntraced(function* (
  records: SettingsRecords["Service"],
  marks: Followed,
) {
  const start = yield* Clock.currentTimeMillis
  const atStart = yield* records.versions
  const entries = new Map<string, Entry>()
  const keep = (partner: string, entry: Entry): void => {
    entries.delete(partner)
    entries.set(partner, entry)
    const [oldest] = entries.keys()
    if (entries.size > KNOWN_MAX && oldest !== undefined) entries.delete(oldest)
  }
  for (const { partner, ...stored } of [...(yield* records.recent(KNOWN_MAX))].reverse())
    keep(partner, { ...stored, readAt: start })

  /** The newest version that is known to exist. */
  const versionOf = (partner: string): number =>
    Math.max(atStart.get(partner) ?? 0, marks.current().settings.get(partner) ?? 0)
  const known = (partner: string, now: number): StoredSettings | undefined => {
    const [entry, version, isFresh] = [entries.get(partner), versionOf(partner), marks.isFresh(now)]
    if (isFresh && version === 0) return entry ?? NO_SETTINGS
    const isCurrent = entry !== undefined && entry.version >= version
    if (!isCurrent || isFresh) return isCurrent ? entry : undefined
    // A clock that was set back makes nothing fresh.
    return now >= entry.readAt && now - entry.readAt <= ALONE_FRESH_MS ? entry : undefined
  }
  const turns = Semaphore.makeUnsafe(READS_MAX)
  const read = Effect.fnUntraced(function* (partner: PartnerId) {
    const now = yield* Clock.currentTimeMillis
    // Another request may have read them while this one waited.
    const found = known(partner, now)
    if (found !== undefined) return found
    const version = versionOf(partner)
    const stored = yield* records.of(partner)
    if (stored.version < version) return yield* behind(partner)
    keep(partner, { ...stored, readAt: now })
    return stored
  })
  return (partner: PartnerId): Effect.Effect<StoredSettings, StoreUnavailable> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const found = known(partner, now)
      return found === undefined ? inTime(turns.withPermit(read(partner))) : Effect.succeed(found)
    })
})

/** Postgres was set back, or a standby answers: a limit that was set is not there any more. To set the settings again ends it. */
const behind = Effect.fnUntraced(function* (partner: PartnerId) {
  yield* Effect.logError("the record has older settings of a partner than were set", { partner })
  return yield* new StoreUnavailable({ store: "postgres", step: STEP, reason: "BEHIND" })
})

const inTime = <A>(read: Effect.Effect<A, StoreUnavailable>): Effect.Effect<A, StoreUnavailable> =>
  Effect.timeoutOrElse(read, {
    duration: READ_MS_MAX,
    orElse: () => Effect.fail(new StoreUnavailable({ store: "postgres", step: STEP, reason: "TIMEOUT" })),
  })
