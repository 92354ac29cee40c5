/**
 * Checks, before anybody is paid, that no store has lost history.
 *
 * A store that is restored from a backup does not report it. But the cursors of the followers are in the other store, each
 * with the hash of its feed entry. A feed without that entry has lost history, however little. So the cursors of all
 * followers are compared with the feeds when a worker starts, after each reconnection, and every few seconds. A partition
 * that lost history pays nobody until an operator accepts the loss. Redis and the archive count the logs that left Redis, and are
 * compared as well: when a store may have been replaced, and every minute. No partition pays while this check is impossible,
 * while the clocks of this process and of the stores differ too much, or while Postgres acknowledges what it may lose, because it was
 * replaced or is set so.
 */
import { Clock, Context, Effect, Layer, Result } from "effect"
import { AppConfig } from "../config.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { Postgres } from "../platform/postgres.ts"
import { brokenPromise, type KeptBy } from "../platform/postgres-durability.ts"
import { RedisConnections } from "../platform/redis.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { ArchiveAgreement } from "./archive-agreement.ts"
import { CursorStore, FEED_START, type FollowerCursor } from "./cursor-store.ts"
import { inTime } from "./deadline.ts"
import { Feed } from "./feed.ts"
import { makePrimaryMark } from "./primary-mark.ts"

export class StoreWatch extends Context.Service<
  StoreWatch,
  {
    /** Changes whenever a store may have been replaced or restored. Then comparisons with it have to be repeated. */
    readonly epoch: () => string
    /** Why a partition may not pay now; nothing if it may. */
    readonly objection: (partition: number) => string | undefined
    /** Checks the stores, unless the last check still counts. */
    readonly look: Effect.Effect<void>
  }
>()("atlaspay/streams/StoreWatch") {}

const LOOK_EVERY_MS = 2_000
/** The same in a process that pays nobody: it only shows what it found. */
export const SHOWN_EVERY_MS = 6_000
/** A finding of this age no longer counts. */
const STALE_MS = 15_000
const CHECKS_CONCURRENT = 16
/** How often the archive is compared while no store was replaced, and how long that may take. */
const ARCHIVE_EVERY_MS = 60_000
const ARCHIVE_MS_MAX = 10_000
/** How long a query of Postgres may take. */
const POSTGRES_MS_MAX = 2_000
/** Callers that share one check. */
const ASKED_MAX = 4_096

/** Why a partition may not pay, and whether it lost history, which only an operator can resolve. */
interface Objection {
  readonly reason: string
  readonly isLost: boolean
}

/** The result of one check. */
interface Finding {
  readonly redisEpoch: number
  /** When Postgres was started. A Postgres that was restored from a backup was restarted. */
  readonly postgresEpoch: string
  /** Milliseconds by the monotonic clock. */
  readonly at: number
  readonly objections: ReadonlyMap<number, Objection>
  readonly wrongClock: string | undefined
  /** It was replaced; or, in production, another server was promoted that acknowledges what is not on enough disks. */
  readonly weakPostgres: string | undefined
  readonly archive: Comparison | undefined
  /** Whether that was with the stores as they are: asked before each transfer, so it is not found again each time. */
  readonly isCompared: boolean
}

/** The last comparison with the archive that succeeded. */
interface Comparison {
  /** Milliseconds by the monotonic clock, and the epochs of both stores. */
  readonly at: number
  readonly epochs: string
  readonly disagreements: ReadonlyMap<number, string>
}

/** Checks for as long as the layer lives. The layer is ready after the first check. */
export const storeWatchLayer = (followers: ReadonlyArray<string>, lookEveryMs = LOOK_EVERY_MS) =>
  Layer.effect(
    StoreWatch,
    Effect.gen(function* () {
      const redis = yield* RedisConnections
      const inspect = yield* inspection(followers)
      let found: Finding | undefined
      const isFresh = (now: number) =>
        found !== undefined && found.redisEpoch === redis.epoch() && now - found.at < STALE_MS
      const { paymentsWithheld } = yield* Metrics
      const inspectNow = Effect.suspend(() =>
        Effect.map(inspect(found), (finding) => {
          found = finding ?? found
          const counts = isFresh(performance.now()) ? found : undefined
          for (const reason of withholdings)
            paymentsWithheld.set({ reason }, isWithheld[reason](counts) ? 1 : 0)
        }),
      )
      // Callers that arrive during a check share the next one, however long the stores take to answer.
      const join = groupCommit(
        yield* Effect.scope,
        (asked: ReadonlyArray<"anew" | "if needed">) =>
          (isFresh(performance.now()) && !asked.includes("anew") ? Effect.void : inspectNow).pipe(
            Effect.as(asked.map(() => undefined)),
          ),
        ASKED_MAX,
      )
      const look = Effect.suspend(() => (isFresh(performance.now()) ? Effect.void : join("if needed")))
      yield* look
      yield* Effect.andThen(nextBeat(lookEveryMs), join("anew")).pipe(Effect.forever, Effect.forkScoped)
      return StoreWatch.of({
        epoch: () => `${redis.epoch()} ${found?.postgresEpoch ?? ""}`,
        objection: (partition) =>
          found === undefined || !isFresh(performance.now())
            ? "the stores could not be checked"
            : (found.objections.get(partition)?.reason ?? found.wrongClock ?? uncompared(found)),
        look,
      })
    }),
  )

const epochsOf = (redisEpoch: number, postgresEpoch: string): string => `${redisEpoch} ${postgresEpoch}`

/** No partition pays before the archive was compared with the stores as they are, nor while a commit may be lost with its server. */
const uncompared = (finding: Finding): string | undefined =>
  finding.isCompared ? finding.weakPostgres : "the archive could not be compared"

/** Why nobody is paid, as the gauge has it, by the last finding if it still counts. Lost history has a gauge of its own. */
const isWithheld = {
  "stores-unchecked": (finding) => finding === undefined,
  "archive-uncompared": (finding) => finding !== undefined && !finding.isCompared,
  "postgres-weak": (finding) => finding?.weakPostgres !== undefined,
  "clock-wrong": (finding) => finding?.wrongClock !== undefined,
  "feed-unread": (finding) => [...(finding?.objections.values() ?? [])].some(({ isLost }) => !isLost),
} as const satisfies Readonly<Record<string, (finding: Finding | undefined) => boolean>>

const withholdings = Object.keys(isWithheld) as ReadonlyArray<keyof typeof isWithheld>

/** One check of both stores; gives nothing if Postgres did not answer. */
const inspection = Effect.fnUntraced(function* (followers: ReadonlyArray<string>) {
  const { production, postgres: wanted, worker } = yield* AppConfig
  const { clockOffsetMsMax } = worker
  const redis = yield* RedisConnections
  const { query } = yield* Postgres
  const cursors = yield* CursorStore
  const feed = yield* Feed
  const { lostPartitions, clockOffset } = yield* Metrics
  const compare = comparing(yield* ArchiveAgreement)
  const replaced = yield* makePrimaryMark

  const inspect = Effect.fnUntraced(function* (before: Finding | undefined) {
    const redisEpoch = redis.epoch()
    const at = performance.now()
    const [postgres, servers] = yield* together(timed(soon(postgresClock(query))), timed(redisClocks(redis)))
    const offsets = [
      { store: "Postgres", offset: offsetOf(postgres.answer.now, postgres) },
      ...servers.answer.map((now) => ({ store: "Redis", offset: offsetOf(now, servers) })),
    ]
    clockOffset.set(Math.max(...offsets.map(({ offset }) => offset)) / 1_000)
    const wrong = offsets.find(({ offset }) => offset > clockOffsetMsMax)
    const weak = production ? brokenPromise(postgres.answer, wanted.standbys) : undefined
    // Behind the clock: cursors of a Postgres that is another one since are not taken for those of the one before.
    const [replacement, doubted] = yield* together(
      soon(replaced),
      Effect.flatMap(soon(cursors.standing(followers)), (standing) => doubtful(feed, standing)),
    )
    const weakPostgres = replacement ?? weak
    const objections = yield* Effect.forEach(doubted, (cursor) => objectionTo(feed, cursors, cursor), {
      concurrency: CHECKS_CONCURRENT,
    })
    const epochs = epochsOf(redisEpoch, postgres.answer.started)
    const archive = yield* compare(before?.archive, at, epochs)
    const forgotten = [...(archive?.disagreements ?? [])].map(
      ([partition, reason]) => [partition, { reason, isLost: true }] as const,
    )
    const finding: Finding = {
      archive,
      isCompared: archive?.epochs === epochs,
      redisEpoch,
      postgresEpoch: postgres.answer.started,
      at,
      objections: new Map([...forgotten, ...objections.flat()]),
      weakPostgres,
      wrongClock: wrong && `the clock differs from that of ${wrong.store} by ${Math.round(wrong.offset)} ms`,
    }
    lostPartitions.set([...finding.objections.values()].filter(({ isLost }) => isLost).length)
    yield* report(before, finding)
    return finding
  })
  return (before: Finding | undefined) =>
    inspect(before).pipe(
      Effect.catch(({ _tag, step, reason }) =>
        Effect.as(
          Effect.logWarning("the stores cannot be checked: nobody is paid", {
            failure: _tag,
            step,
            reason,
          }),
          undefined,
        ),
      ),
    )
})

/** Two questions at the same time: their answers wake the process together, and to wake it costs more than to ask. */
const together = <A, B, E>(one: Effect.Effect<A, E>, other: Effect.Effect<B, E>) =>
  Effect.all([one, other], { concurrency: 2 })

/** Compares the archive if it is time to. Gives the last comparison while another one fails. */
const comparing =
  ({ disagreements }: ArchiveAgreement["Service"]) =>
  (before: Comparison | undefined, at: number, epochs: string) => {
    const isRecent = before?.epochs === epochs && at - before.at < ARCHIVE_EVERY_MS
    // What is accepted meanwhile is seen soon.
    if (isRecent && before.disagreements.size === 0) return Effect.succeed(before)
    return disagreements.pipe(
      Effect.timeoutOrElse({
        duration: ARCHIVE_MS_MAX,
        orElse: () =>
          Effect.fail(
            new StoreUnavailable({ store: "postgres", step: "compare the archive", reason: "TIMEOUT" }),
          ),
      }),
      Effect.map((disagreements): Comparison | undefined => ({ at, epochs, disagreements })),
      Effect.catchTag("StoreUnavailable", ({ store, step, reason }) =>
        Effect.as(Effect.logWarning("the archive cannot be compared", { store, step, reason }), before),
      ),
    )
  }

/** The clock of Postgres, when it was started, and by what it keeps its commits. */
const postgresClock = (query: Postgres["Service"]["query"]) =>
  query(
    "read the clock",
    (sql) => sql<Array<KeptBy & { readonly now: string; readonly started: string }>>`
      select (extract(epoch from clock_timestamp()) * 1000)::text as now,
        extract(epoch from pg_postmaster_start_time())::text as started,
        current_setting('fsync') as fsync,
        current_setting('full_page_writes') as full_page_writes,
        current_setting('synchronous_commit') as synchronous_commit,
        current_setting('synchronous_standby_names') as synchronous_standby_names`,
  ).pipe(
    Effect.map(([row]) => ({
      now: Number(row?.now),
      started: row?.started ?? "",
      fsync: row?.fsync ?? "",
      full_page_writes: row?.full_page_writes ?? "",
      synchronous_commit: row?.synchronous_commit ?? "",
      synchronous_standby_names: row?.synchronous_standby_names ?? "",
    })),
  )

/** The clocks of all primaries. If one does not answer, there are none to compare; its own partitions may not pay anyway. */
const redisClocks = ({ onEachPrimary }: RedisConnections["Service"]) =>
  onEachPrimary(async (primary) => {
    const [seconds, micros] = await primary.time()
    return Number(seconds) * 1_000 + Number(micros) / 1_000
  }).pipe(
    Effect.mapError(({ reason }) => new StoreUnavailable({ store: "redis", step: "read the clock", reason })),
    inTime,
    Effect.catch(({ reason }) =>
      Effect.as(Effect.logWarning("the clocks of Redis cannot be read", { reason }), []),
    ),
  )

const soon = <A, E>(step: Effect.Effect<A, E>) =>
  Effect.timeoutOrElse(step, {
    duration: POSTGRES_MS_MAX,
    orElse: () =>
      Effect.fail(new StoreUnavailable({ store: "postgres", step: "check Postgres", reason: "TIMEOUT" })),
  })

interface Timed<A> {
  readonly answer: A
  readonly askedAt: number
  readonly answeredAt: number
}

const timed = <A, E>(ask: Effect.Effect<A, E>): Effect.Effect<Timed<A>, E> =>
  Effect.gen(function* () {
    const askedAt = yield* Clock.currentTimeMillis
    const answer = yield* ask
    return { answer, askedAt, answeredAt: yield* Clock.currentTimeMillis }
  })

/** By how much a clock differs at least, in milliseconds, if it was read between request and answer. */
const offsetOf = (now: number, { askedAt, answeredAt }: Timed<unknown>): number =>
  Math.max(0, askedAt - now, now - answeredAt)

/**
 * The cursors that do not certainly stand where they stood. One look shows it for all partitions of a follower, and for those who
 * stand at the same place.
 */
const doubtful = Effect.fnUntraced(function* (
  feed: Feed["Service"],
  standing: ReadonlyArray<FollowerCursor>,
) {
  const begun = standing.filter(({ position }) => position !== FEED_START)
  const byFollower = Map.groupBy(begun, ({ follower }) => follower)
  const sound = new Set<string>()
  const found = yield* Effect.forEach(byFollower.values(), (all) => {
    const cursors = all.filter((cursor) => !sound.has(placeOf(cursor)))
    if (cursors.length === 0) return Effect.succeed([])
    const positions = cursors.map(({ partition, position, head }) => ({ partition, after: position, head }))
    return inTime(feed.pages(positions, 0)).pipe(
      Effect.map((pages) =>
        cursors.filter((cursor, index) => {
          const page = pages[index]
          const isSound = page !== undefined && Result.isSuccess(page)
          if (isSound) sound.add(placeOf(cursor))
          return !isSound
        }),
      ),
      // Each is then looked at by itself, so that one partition without an answer does not concern the others.
      Effect.catchTag("StoreUnavailable", () => Effect.succeed(cursors)),
    )
  })
  return found.flat()
})

const placeOf = ({ partition, position, head }: FollowerCursor): string => `${partition} ${position} ${head}`

/** Why a partition may not pay, judged by one follower's cursor. */
const objectionTo = Effect.fnUntraced(function* (
  feed: Feed["Service"],
  cursors: CursorStore["Service"],
  cursor: FollowerCursor,
) {
  const { follower, partition } = cursor
  const objection = (reason: string, isLost: boolean) => [[partition, { reason, isLost }] as const]
  const check = Effect.fnUntraced(function* () {
    if (!(yield* isLost(feed, cursor))) return []
    // The follower may have moved on since, and the feed been trimmed behind it.
    const moved = (yield* cursors.standing([follower])).find((other) => other.partition === partition)
    if (moved !== undefined && moved.position !== cursor.position && !(yield* isLost(feed, moved))) return []
    return objection(`the feed has changed at the cursor of the ${follower}: history was lost`, true)
  })
  return yield* Effect.catchTag(check(), "StoreUnavailable", ({ reason }) =>
    Effect.succeed(objection(`its feed cannot be read: ${reason}`, false)),
  )
})

const isLost = (feed: Feed["Service"], { partition, position, head }: FollowerCursor) =>
  position === FEED_START
    ? Effect.succeed(false)
    : inTime(
        Effect.as(feed.entries(partition, position, 0, head), false).pipe(
          Effect.catchTag("HistoryLost", () => Effect.succeed(true)),
        ),
      )

/** Logs when the state of a partition or a clock changes. */
const report = Effect.fnUntraced(function* (before: Finding | undefined, now: Finding) {
  for (const [partition, { reason, isLost }] of now.objections)
    if (before?.objections.get(partition)?.reason !== reason)
      yield* (isLost ? Effect.logError : Effect.logWarning)("nobody is paid in a partition", {
        partition,
        reason,
      })
  for (const [partition] of before?.objections ?? [])
    if (!now.objections.has(partition)) yield* Effect.logInfo("a partition pays again", { partition })
  if (now.wrongClock !== undefined && before?.wrongClock === undefined)
    yield* Effect.logError("nobody is paid: the clock is wrong", { reason: now.wrongClock })
  if (now.weakPostgres !== undefined && before?.weakPostgres === undefined)
    yield* Effect.logError("nobody is paid: Postgres may lose what it acknowledges", {
      reason: now.weakPostgres,
    })
  if (now.weakPostgres === undefined && before?.weakPostgres !== undefined)
    yield* Effect.logInfo("Postgres keeps what it acknowledges again")
  if (now.wrongClock === undefined && before?.wrongClock !== undefined)
    yield* Effect.logInfo("the clocks agree again")
})
