/** The lists that the compliance engine announced. Nobody is paid on a clearance by older lists. */
import { Context, Effect } from "effect"
import type { AnnouncedList } from "../domain/clearance.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"

/**
 * How long a process may use what it read of the lists. `announce` waits this long before it answers: by then, no process
 * uses older lists.
 */
export const LISTS_FRESH_MS = 2_000

/** How many versions are remembered. A remembered version that is announced again does not count as new. */
export const LISTS_MAX = 1_000

/** At this age, what was read is still used, but the stores are read again in the background. */
const LOOK_AHEAD_MS = LISTS_FRESH_MS / 2

/** Callers that share one read of the stores. */
const ASKING_MAX = 4_096

export class AnnouncedLists extends Context.Service<
  AnnouncedLists,
  {
    /**
     * Records that a version was announced at a time (epoch milliseconds). Only the first announcement of a version counts.
     * The version with the latest first announcement is in force, in whatever order announcements arrive. Resolves when
     * every process uses it.
     */
    readonly announce: (listVersion: string, at: number) => Effect.Effect<void, StoreUnavailable>
    /** The lists in force, read at most {@link LISTS_FRESH_MS} ago; nothing if none were ever announced. */
    readonly current: Effect.Effect<AnnouncedList | undefined, StoreUnavailable>
    /** The same without a wait, while what was read is fresh; `undefined` if it is time to read the stores again. */
    readonly seen: () => SeenLists | undefined
  }
>()("atlaspay/streams/AnnouncedLists") {}

/** What was read of the stores: the lists in force; nothing if none were ever announced. */
export interface SeenLists {
  readonly lists: AnnouncedList | undefined
}

/** A store of announcements. */
export interface ListStore {
  /** When a version was first announced, as far as this store knows. */
  readonly since: (listVersion: string) => Effect.Effect<number | undefined, StoreUnavailable>
  /** Records a version with the earliest time that was reported for it. */
  readonly keep: (listVersion: string, at: number) => Effect.Effect<void, StoreUnavailable>
  readonly latest: Effect.Effect<AnnouncedList | undefined, StoreUnavailable>
}

/**
 * Keeps announcements in all stores, and uses the latest that any of them knows. So a store that was restored from a backup
 * does not put older lists back in force. If a store does not answer, nobody gets an answer.
 */
export const makeAnnouncedLists = Effect.fnUntraced(function* (stores: ReadonlyArray<ListStore>) {
  const scope = yield* Effect.scope
  let known: Known | undefined
  let lookingAhead = false
  const look = Effect.gen(function* () {
    const asked = bothClocks()
    const found = yield* Effect.forEach(stores, ({ latest }) => latest, { concurrency: "unbounded" })
    known = { lists: latestOf(found), asked }
    return known
  })
  const lookTogether = groupCommit(
    scope,
    (askers: ReadonlyArray<void>) =>
      Effect.map(
        known !== undefined && isFresh(known, LOOK_AHEAD_MS) ? Effect.succeed(known) : look,
        (seen) => askers.map(() => seen),
      ),
    ASKING_MAX,
  )
  /** Refreshes early, so that callers wait only if the stores are slow. If it fails, the next waiting caller repeats it. */
  const lookAhead = Effect.suspend(() => {
    lookingAhead = true
    const ended = Effect.sync(() => {
      lookingAhead = false
    })
    return Effect.forkIn(Effect.ensuring(Effect.ignore(lookTogether(undefined)), ended), scope)
  })
  return AnnouncedLists.of({
    announce: Effect.fn("AnnouncedLists.announce")(function* (listVersion, at) {
      // If one store did not answer the first time, the other knows the earlier time. A repetition must not count as newer.
      const known = yield* Effect.forEach(stores, ({ since }) => since(listVersion))
      const first = known.reduce<number>((earliest, since) => Math.min(earliest, since ?? earliest), at)
      yield* Effect.forEach(stores, ({ keep }) => keep(listVersion, first), { discard: true })
      yield* Effect.sleep(LISTS_FRESH_MS)
    }),
    seen: () => (known !== undefined && isFresh(known, LOOK_AHEAD_MS) ? known : undefined),
    current: Effect.suspend(() => {
      if (known !== undefined && isFresh(known)) {
        const { lists } = known
        if (lookingAhead || isFresh(known, LOOK_AHEAD_MS)) return Effect.succeed(lists)
        return Effect.as(lookAhead, lists)
      }
      return Effect.flatMap(lookTogether(undefined), (seen) =>
        isFresh(seen)
          ? Effect.succeed(seen.lists)
          : Effect.fail(
              new StoreUnavailable({
                store: "redis",
                step: "read lists",
                reason: "the answer came too late",
              }),
            ),
      )
    }),
  })
})

const latestOf = (found: ReadonlyArray<AnnouncedList | undefined>): AnnouncedList | undefined =>
  found.reduce(
    (latest, list) => (list !== undefined && list.since > (latest?.since ?? -1) ? list : latest),
    undefined,
  )

interface Known extends SeenLists {
  /** When it was read, by two clocks: one may stop while the machine sleeps, the other may be set. */
  readonly asked: Readonly<Record<"monotonic" | "wall", number>>
}

const bothClocks = () => ({ monotonic: performance.now(), wall: Date.now() })

const isFresh = ({ asked }: Known, forMs = LISTS_FRESH_MS): boolean => {
  const now = bothClocks()
  const age = now.wall - asked.wall
  return now.monotonic - asked.monotonic < forMs && age >= 0 && age < forMs
}
