/**
 * Which of several servers of Postgres is the primary, and the pool of connections to it.
 *
 *   one server     there is nothing to choose. Its pool is replaced if the server is silent or read-only, because another server may
 *                  answer under its name by then.
 *   several        all are asked what they are: at the first statement, after a failure that a failover may have caused, and every two
 *                  seconds. Of those that are no standbys the one with the highest timeline counts: a promotion begins a new timeline,
 *                  so a primary that was replaced, and came back or woke up, has a lower one. A timeline below the highest one that was
 *                  seen never counts again. Two primaries on that timeline were promoted twice, or one is a copy of the other, and nobody
 *                  can tell which of them the rest uses: then none is used. What is under way on the server that was left fails at
 *                  once, whatever it would answer.
 *
 * The connections of a pool refuse a server that became a standby, so nobody reads what a standby does not have yet.
 */
import { setTimeout } from "node:timers/promises"
import { Effect, Latch, type Scope, Semaphore } from "effect"
import type { Sql } from "postgres"
import { nameOfPlace, type ServerPlace } from "./postgres-address.ts"

/** How often all servers are asked while nothing failed, and the only one while it is silent. */
const ASK_EVERY_MS = 2_000
/** How long a server may take to say what it is. */
const ANSWER_MS_MAX = 2_000
/** Whoever asks for the primary so soon after nobody was found gets the same answer. */
const AGAIN_AFTER_MS = 200
/** How long statements of others may take when a pool is replaced by one on the same server. */
const FINISH_SECONDS = 5
/** How long connections may take to close on which nothing is under way. */
const CLOSE_SECONDS = 1

/** A pool on a server. */
export interface Pool {
  readonly sql: Sql
  readonly place: ServerPlace
  /** As it was found; 0 if there was nothing to choose. */
  readonly timeline: number
  /** What was sent and has not ended. */
  readonly underWay: Set<Promise<unknown>>
}

export interface Primary {
  /** The pool on the primary. Fails with a code if there is none. */
  readonly pool: Effect.Effect<Pool, string>
  /** Takes note that a statement failed on a pool, or is overdue, and with which code. Gives the code to report. */
  readonly doubt: (pool: Pool, code: string) => string
  /**
   * Replaces a pool of which a connection gave an old error: others may have one too, and such a connection was not asked whether
   * its server is the primary.
   */
  readonly leave: (pool: Pool) => void
}

/** How the driver is opened: with all connections for statements, or with one for questions. */
export interface Opening {
  readonly statements: (place: ServerPlace) => Sql
  readonly questions: (place: ServerPlace) => Sql
  /** How long the server lets a statement run. */
  readonly statementMsMax: number
}

/** The statement was sent, and its answer is overdue. */
export const SILENT = "TIMEOUT"
/** A code of ours: no server is a primary, or none can be reached. */
export const NO_PRIMARY = "NO_PRIMARY"
/** A code of ours: several servers are primaries on one timeline. */
export const SEVERAL_PRIMARIES = "SEVERAL_PRIMARIES"
/** A code of ours: the only server is a standby. */
export const NOT_PRIMARY = "NOT_PRIMARY"
const DESTROYED = "CONNECTION_DESTROYED"
/** SQLSTATE read_only_sql_transaction: a standby, or a primary that was told to write no more. */
const READ_ONLY = "25006"
/** The server goes, came up again, or has become a standby; or the network failed. */
const AWAY = /^(57P0[1235]|08\d{3}|E[A-Z]{4,}|CONNECT(ION)?_[A-Z]+)$/

/** Watches the servers for as long as the scope lives. Asks nothing of them before the first statement. */
export const openPrimary = (
  places: readonly [ServerPlace, ...Array<ServerPlace>],
  opening: Opening,
): Effect.Effect<Primary, never, Scope.Scope> => {
  const [only, ...others] = places
  return others.length === 0 ? single(only, opening) : several(places, opening)
}

const single = Effect.fnUntraced(function* (place: ServerPlace, opening: Opening) {
  const pools = yield* openPools(opening)
  const question = yield* openQuestions(place, opening)
  const isSilent = Latch.makeUnsafe(false)
  const watch = Effect.gen(function* () {
    yield* isSilent.await
    isSilent.closeUnsafe()
    const found = yield* question
    if (!found.some(isWaiting) && pools.current !== undefined) pools.leave(pools.current, FINISH_SECONDS)
    yield* Effect.sleep(ASK_EVERY_MS)
  })
  yield* watch.pipe(Effect.forever, Effect.forkScoped)
  return {
    pool: Effect.sync(() => pools.current ?? pools.open(place, 0)),
    doubt: (pool, code) => {
      const reported = pools.reported(pool, code)
      if (code === READ_ONLY) pools.leave(pool, FINISH_SECONDS)
      else if (code === SILENT && pool === pools.current) isSilent.openUnsafe()
      return reported
    },
    leave: pools.leaveSound,
  } satisfies Primary
})

/** The pool that is used, and those that are being left. All end with the scope. */
const openPools = Effect.fnUntraced(function* ({ statements, statementMsMax }: Opening) {
  /** Pools whose statements have time to end, and what ends that time. */
  const leaving = new Map<Pool, { readonly enough: AbortController; readonly ended: Promise<void> }>()
  const pools = {
    current: undefined as Pool | undefined,
    open: (place: ServerPlace, timeline: number): Pool => {
      pools.current = { sql: statements(place), place, timeline, underWay: new Set() }
      return pools.current
    },
    /** Statements under way get so many seconds, and fail then. */
    leave: (pool: Pool, finishSeconds: number): void => {
      if (pool !== pools.current) return
      pools.current = undefined
      const enough = new AbortController()
      const ended = finished(pool, finishSeconds, enough)
        .then((timeout) => pool.sql.end({ timeout }))
        .finally(() => leaving.delete(pool))
      leaving.set(pool, { enough, ended })
    },
    /** When one of its connections gave an old error, while the others are sound: they run for as long as the server lets them. */
    leaveSound: (pool: Pool): void => pools.leave(pool, statementMsMax / 1_000),
    /** Takes the rest of their time from statements on pools that were left. They fail. */
    cut: (isMeant: (pool: Pool) => boolean): void => {
      for (const [pool, { enough }] of leaving) if (isMeant(pool)) enough.abort()
    },
    /** The driver destroys connections of a pool that is left, and those to a server that turns out to be a standby. */
    reported: (pool: Pool, code: string): string =>
      pool === pools.current && code === DESTROYED ? NOT_PRIMARY : code,
  }
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      if (pools.current !== undefined) pools.leave(pools.current, FINISH_SECONDS)
      // Some were left before, and have more time.
      const late = globalThis.setTimeout(() => pools.cut(() => true), FINISH_SECONDS * 1_000)
      await Promise.all(Array.from(leaving.values(), ({ ended }) => ended))
      clearTimeout(late)
    }),
  )
  return pools
})

/**
 * Waits for what is under way until it is enough, and gives how many seconds the driver may take to close connections. It would wait in
 * vain for those that were lost in the middle of a statement (https://github.com/porsager/postgres/issues/1130).
 */
const finished = async ({ underWay }: Pool, seconds: number, enough: AbortController): Promise<number> => {
  const late = setTimeout(seconds * 1_000, 0, { signal: enough.signal }).catch(() => 0)
  const quiet = Promise.allSettled(underWay).then(() => CLOSE_SECONDS)
  return Promise.race([quiet, late]).finally(() => enough.abort())
}

const several = Effect.fnUntraced(function* (places: ReadonlyArray<ServerPlace>, opening: Opening) {
  const pools = yield* openPools(opening)
  const questions = yield* Effect.forEach(places, (place) => openQuestions(place, opening))
  const turn = Semaphore.makeUnsafe(1)
  let isInDoubt = false
  let isSilent = false
  let timelineMax = 0
  /** Since the last look found no primary: when that was, and the code that says why. */
  let inVain: { readonly at: number; readonly code: string } | undefined

  const use = Effect.fnUntraced(function* (standing: Standing) {
    const { place, timeline } = standing
    timelineMax = Math.max(timelineMax, timeline)
    const before = pools.current
    const isSame = before !== undefined && before.place === place && before.timeline === timeline
    if (!isSame || inVain !== undefined) {
      const log = before === undefined && inVain === undefined ? Effect.logInfo : Effect.logWarning
      yield* log("postgres primary", { server: nameOfPlace(place), timeline })
    }
    const isStuck = isSilent && !isWaiting(standing)
    isInDoubt = false
    isSilent = false
    inVain = undefined
    pools.cut((left) => left.place !== place || left.timeline !== timeline)
    if (isSame && !isStuck) return before
    if (before !== undefined) pools.leave(before, isSame ? FINISH_SECONDS : 0)
    return pools.open(place, timeline)
  })

  const fail = Effect.fnUntraced(function* (
    code: string,
    message: string,
    servers: ReadonlyArray<ServerPlace>,
  ) {
    if (inVain?.code !== code) yield* Effect.logError(message, { servers: servers.map(nameOfPlace) })
    inVain = { at: performance.now(), code }
  })

  /** Without a primary the pool is kept if its server says nothing: it may only be busy. Its statements show whether it is there. */
  const look = Effect.gen(function* () {
    const found = (yield* Effect.all(questions, { concurrency: "unbounded" })).flat()
    const [best, ...rivals] = primariesAmong(found, timelineMax)
    if (best !== undefined && rivals.length === 0) return yield* use(best)
    const { current } = pools
    if (best !== undefined) {
      const servers = [best, ...rivals].map(({ place }) => place)
      yield* fail(SEVERAL_PRIMARIES, "several servers of Postgres are the primary", servers)
      pools.cut(() => true)
    } else {
      yield* fail(NO_PRIMARY, "no Postgres is the primary", places)
      pools.cut((left) => found.some(({ place }) => place === left.place))
      if (current !== undefined && found.every(({ place }) => place !== current.place)) return current
    }
    if (current !== undefined) pools.leave(current, 0)
    return yield* Effect.fail(best === undefined ? NO_PRIMARY : SEVERAL_PRIMARIES)
  })

  const known = () => (isInDoubt ? undefined : pools.current)
  const find = Effect.suspend((): Effect.Effect<Pool, string> => {
    const pool = known()
    if (pool !== undefined) return Effect.succeed(pool)
    if (inVain === undefined || performance.now() - inVain.at >= AGAIN_AFTER_MS) return look
    return pools.current === undefined ? Effect.fail(inVain.code) : Effect.succeed(pools.current)
  })
  // Nothing is in use before the first statement, and then there is nothing to lose.
  const watch = Effect.suspend(() =>
    pools.current === undefined ? Effect.void : turn.withPermits(1)(Effect.ignore(look)),
  )
  yield* watch.pipe(Effect.delay(ASK_EVERY_MS), Effect.forever, Effect.forkScoped)
  return {
    pool: Effect.suspend(() => {
      const pool = known()
      return pool === undefined ? turn.withPermits(1)(find) : Effect.succeed(pool)
    }),
    doubt: (pool, code) => {
      const reported = pools.reported(pool, code)
      if (code === READ_ONLY) pools.leave(pool, FINISH_SECONDS)
      else if (pool === pools.current) {
        isSilent ||= code === SILENT
        isInDoubt ||= AWAY.test(code)
      }
      return reported
    },
    leave: pools.leaveSound,
  } satisfies Primary
})

/** What a server says of itself. */
export interface Standing {
  readonly place: ServerPlace
  /** 0 of a standby. */
  readonly timeline: number
  readonly isReadOnly: boolean
  /** When it was started: the same for a server that the URL names twice, and no other. */
  readonly started: string
  /** How many commits wait for a standby. */
  readonly waiting: number
}

/**
 * Commits that wait for a synchronous standby are as silent as a server that is gone. They wait until the standby is back, whatever
 * becomes of their connections, so new connections would only be more of them.
 */
const isWaiting = ({ waiting }: Standing): boolean => waiting > 0

/**
 * The one to use: of the highest timeline, and none that is older than what was seen. One that can be written to comes first. Gives
 * several if nothing tells them apart, which must not be; a server under two names is one.
 */
export const primariesAmong = (
  found: ReadonlyArray<Standing>,
  timelineMin: number,
): ReadonlyArray<Standing> => {
  const [best, ...others] = found
    .filter(({ timeline }) => timeline > 0 && timeline >= timelineMin)
    .toSorted((a, b) => b.timeline - a.timeline || Number(a.isReadOnly) - Number(b.isReadOnly))
  if (best === undefined) return []
  const { timeline, isReadOnly, started } = best
  return [
    best,
    ...others.filter(
      (other) => other.timeline === timeline && other.isReadOnly === isReadOnly && other.started !== started,
    ),
  ]
}

/** Asks one server what it is, on a connection of its own. Gives nothing if it does not say. */
const openQuestions = Effect.fnUntraced(function* (place: ServerPlace, { questions }: Opening) {
  let open: Sql | undefined
  const close = (): Promise<void> => {
    const closing = open?.end({ timeout: 0 }) ?? Promise.resolve()
    open = undefined
    return closing
  }
  yield* Effect.addFinalizer(() => Effect.promise(close))
  const ask = Effect.tryPromise(() => {
    open ??= questions(place)
    return standingOf(open, place)
  })
  return ask.pipe(
    Effect.timeout(ANSWER_MS_MAX),
    // What fails may answer late, or never: the next question gets a new connection.
    Effect.catch(() => Effect.as(Effect.promise(close), [])),
  )
})

/** The first eight digits of the name of a file of its log are the timeline that a primary is on. */
const standingOf = async (sql: Sql, place: ServerPlace): Promise<ReadonlyArray<Standing>> => {
  const rows = await sql<Array<Omit<Standing, "place">>>`
    select current_setting('transaction_read_only') = 'on' as "isReadOnly",
      extract(epoch from pg_postmaster_start_time())::text as started,
      (select count(*)::int from pg_stat_activity where wait_event = 'SyncRep') as waiting, case
      when pg_is_in_recovery() then 0
      else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    end as timeline`
  return rows.map((row) => ({ ...row, place }))
}
