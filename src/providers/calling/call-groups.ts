/**
 * Lets calls to providers begin in groups while intake is pressed, with a rest after each group. The rest follows from the
 * time that the group took, so calls have their share of the time on any machine. Without pressure every call begins at once.
 */
import { Effect, Latch, Semaphore } from "effect"

/** As many calls as a group has; together they cost less than the same calls one by one. */
const GROUP_CALLS = 16
/** A group counts as over after this time, so that a slow provider does not hold up others. Milliseconds. */
const GROUP_MS_MAX = 50
/** With what follows from a call (its record, the callback, the events and their readers) it costs about three times as much. */
const WHOLE_COST = 3
/** The longest rest after a group. Milliseconds. */
const REST_MS_MAX = 400

/** How long to rest after work that took `tookMs`, so that work has its share of the time. Milliseconds. */
const restMs = (tookMs: number, share: number): number =>
  Math.min(Math.max(tookMs, 0) * (1 / share - 1), REST_MS_MAX)

interface Group {
  readonly beganAt: number
  readonly allEnded: Latch.Latch
  begun: number
  underWay: number
  /** When its last call ended. */
  endedAt: number
}

export class CallGroups {
  readonly #share: () => number
  readonly #entrance = Semaphore.makeUnsafe(1)
  #group: Group = newGroup(Number.NEGATIVE_INFINITY)

  /** `share` is the share of the time for which calls are made now: 1 without pressure. */
  constructor(share: () => number) {
    this.#share = share
  }

  /** Whether calls begin in groups now. */
  isOn(): boolean {
    return this.#share() < 1
  }

  /** Makes a call when its group begins. Under pressure, those who came first are first. */
  readonly inGroup = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() =>
      !this.isOn()
        ? call
        : Effect.acquireUseRelease(
            Effect.interruptible(this.#entrance.withPermit(this.#enter)),
            () => call,
            (group) => Effect.sync(() => leave(group)),
          ),
    )

  readonly #enter = Effect.gen({ self: this }, function* () {
    const group = this.#group
    const isOpen = group.begun < GROUP_CALLS && performance.now() - group.beganAt < GROUP_MS_MAX
    if (isOpen || !this.isOn()) return join(group)
    yield* this.#rest(group)
    this.#group = newGroup(performance.now())
    return join(this.#group)
  })

  /** Waits for the end of a group, and rests after it. */
  #rest(group: Group): Effect.Effect<void> {
    const leftMs = Math.max(group.beganAt + GROUP_MS_MAX - performance.now(), 0)
    const over = leftMs === 0 ? Effect.void : Effect.timeoutOption(group.allEnded.await, leftMs)
    return Effect.flatMap(over, () => {
      const overAt = group.underWay === 0 ? group.endedAt : performance.now()
      const tookMs = Math.min(overAt - group.beganAt, GROUP_MS_MAX)
      const rest = restMs(WHOLE_COST * tookMs, this.#share())
      const restUntil = group.beganAt + tookMs + rest
      return Effect.sleep(Math.max(restUntil - performance.now(), 0))
    })
  }
}

const newGroup = (beganAt: number): Group => ({
  beganAt,
  allEnded: Latch.makeUnsafe(true),
  begun: 0,
  underWay: 0,
  endedAt: beganAt,
})

const join = (group: Group): Group => {
  group.begun += 1
  group.underWay += 1
  group.allEnded.closeUnsafe()
  return group
}

const leave = (group: Group): void => {
  group.underWay -= 1
  group.endedAt = performance.now()
  if (group.underWay === 0) group.allEnded.openUnsafe()
}
