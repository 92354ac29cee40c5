/** The lists that the compliance engine announced, so that nobody is paid on a clearance by older ones. */
import { Context, Effect } from "effect"
import type { AnnouncedList } from "../domain/clearance.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"

/**
 * For how long what is known of the lists may be used. Whoever announces waits as long before it says so: then nobody goes
 * by older lists any more.
 */
export const LISTS_FRESH_MS = 2_000

/** The versions that are remembered, so that one that is announced again is not taken for a new one. */
export const LISTS_MAX = 1_000

/** How old what is known may grow before the stores are asked anew. */
const LOOK_AHEAD_MS = LISTS_FRESH_MS / 2

/** Batches that share one look into the stores. */
const ASKING_MAX = 4_096

export class AnnouncedLists extends Context.Service<
  AnnouncedLists,
  {
    /**
     * Keeps that a version was announced at a time (epoch milliseconds). The first announcement of a version is the one that
     * counts, and the latest of those is in force, in whatever order they arrive. Resolves when every process goes by it.
     */
    readonly announce: (listVersion: string, at: number) => Effect.Effect<void, StoreUnavailable>
    /** The lists in force, as of {@link LISTS_FRESH_MS} ago at most; nothing where none were ever announced. */
    readonly current: Effect.Effect<AnnouncedList | undefined, StoreUnavailable>
  }
>()("atlaspay/streams/AnnouncedLists") {}

/** Where announcements are kept. */
export interface ListStore {
  /** When a version was first announced, as far as is known here. */
  readonly since: (listVersion: string) => Effect.Effect<number | undefined, StoreUnavailable>
  /** Keeps a version under the earliest time that was told of it. */
  readonly keep: (listVersion: string, at: number) => Effect.Effect<void, StoreUnavailable>
  readonly latest: Effect.Effect<AnnouncedList | undefined, StoreUnavailable>
}

/**
 * Keeps announcements in all of the stores and goes by the latest that any of them knows: one that was set back to an
 * earlier moment brings no older lists back. A store that does not answer leaves everybody without an answer.
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
  /** While there are askers nobody waits, unless the stores are slow. A look that fails is made again by whoever has to wait. */
  const lookAhead = Effect.suspend(() => {
    lookingAhead = true
    const ended = Effect.sync(() => {
      lookingAhead = false
    })
    return Effect.forkIn(Effect.ensuring(Effect.ignore(lookTogether(undefined)), ended), scope)
  })
  return AnnouncedLists.of({
    announce: Effect.fn("AnnouncedLists.announce")(function* (listVersion, at) {
      // One store may have kept it before, when the other did not answer: told again it is no newer than it was.
      const known = yield* Effect.forEach(stores, ({ since }) => since(listVersion))
      const first = known.reduce<number>((earliest, since) => Math.min(earliest, since ?? earliest), at)
      yield* Effect.forEach(stores, ({ keep }) => keep(listVersion, first), { discard: true })
      yield* Effect.sleep(LISTS_FRESH_MS)
    }),
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

interface Known {
  readonly lists: AnnouncedList | undefined
  /** When it was asked for, by two clocks: one may stand still while the machine sleeps, the other may be set. */
  readonly asked: Readonly<Record<"monotonic" | "wall", number>>
}

const bothClocks = () => ({ monotonic: performance.now(), wall: Date.now() })

const isFresh = ({ asked }: Known, forMs = LISTS_FRESH_MS): boolean => {
  const now = bothClocks()
  const age = now.wall - asked.wall
  return now.monotonic - asked.monotonic < forMs && age >= 0 && age < forMs
}
