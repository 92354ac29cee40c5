/** The lists that the compliance engine announced, so that nobody is paid on a clearance by older ones. */
import { Context, type Effect } from "effect"
import type { AnnouncedList } from "../domain/clearance.ts"
import type { StreamsUnavailable } from "./event-log.ts"

/**
 * For how long what is known of the lists may be used. Whoever announces waits as long before it says so: then nobody goes
 * by older lists any more.
 */
export const LISTS_FRESH_MS = 1_000

/** The versions that are remembered, so that one that is announced again is not taken for a new one. */
export const LISTS_MAX = 1_000

export class AnnouncedLists extends Context.Service<
  AnnouncedLists,
  {
    /**
     * Keeps that a version was announced at a time (epoch milliseconds). The first announcement of a version is the one that
     * counts, and the latest of those is in force, in whatever order they arrive. Resolves when every process goes by it.
     */
    readonly announce: (listVersion: string, at: number) => Effect.Effect<void, StreamsUnavailable>
    /** The lists in force, as of {@link LISTS_FRESH_MS} ago at most; nothing where none were ever announced. */
    readonly current: Effect.Effect<AnnouncedList | undefined, StreamsUnavailable>
  }
>()("atlaspay/streams/AnnouncedLists") {}
