/** Reports under way in a process: each keeps a connection to the read models busy, which accepting and paying need, too. */
import { Effect } from "effect"
import { TooManyRequests } from "../edge/failures.ts"
import { FairRoom } from "../edge/fair-room.ts"

const REPORTS_MAX = 4

const reportsUnderWay = new FairRoom(REPORTS_MAX)

/** Shares the reports between their callers: one that is alone has half of them at a time. */
export const inRoom = <A, E, R>(
  owner: string,
  report: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | TooManyRequests, R> =>
  Effect.suspend((): Effect.Effect<A, E | TooManyRequests, R> => {
    if (!reportsUnderWay.admits(owner, 1))
      return new TooManyRequests({ what: "reports at a time", retryAfterSeconds: 1 })
    reportsUnderWay.take(owner, 1)
    return Effect.ensuring(
      report,
      Effect.sync(() => reportsUnderWay.giveBack(owner, 1)),
    )
  })
