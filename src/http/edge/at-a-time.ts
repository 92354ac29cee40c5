/** How much work of one kind a process does at a time. What is beyond that is refused with 429, and may be asked for again soon. */
import { Effect } from "effect"
import { TooManyRequests } from "./failures.ts"
import { FairRoom } from "./fair-room.ts"

/** Limits work to `max` at a time, whoever asks for it. `what` is what there are too many of, as the refusal says it. */
export const atATime = (max: number, what: string) => {
  let underWay = 0
  return limitedBy(what, {
    isFull: () => underWay >= max,
    begin: () => {
      underWay += 1
    },
    end: () => {
      underWay -= 1
    },
  })
}

/** Limits work to `max` at a time, and shares it between owners: one that is alone has half of it. */
export const fairlyAtATime = (max: number, what: string) => {
  const room = new FairRoom(max)
  return <A, E, R>(owner: string, work: Effect.Effect<A, E, R>) =>
    limitedBy(what, {
      isFull: () => !room.admits(owner, 1),
      begin: () => room.take(owner, 1),
      end: () => room.giveBack(owner, 1),
    })(work)
}

interface Places {
  readonly isFull: () => boolean
  readonly begin: () => void
  readonly end: () => void
}

/** The place is given back however the work ends, also if its caller goes away before it begins. */
const limitedBy =
  (what: string, { isFull, begin, end }: Places) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | TooManyRequests, R> =>
    Effect.acquireUseRelease(
      Effect.suspend(() =>
        isFull() ? Effect.fail(new TooManyRequests({ what, retryAfterSeconds: 1 })) : Effect.sync(begin),
      ),
      () => work,
      () => Effect.sync(end),
    )
