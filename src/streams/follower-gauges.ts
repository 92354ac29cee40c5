/** What the metrics show of the followers of the log. */
import { Effect, Layer } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import { keepReading } from "../telemetry/readings.ts"
import { FollowerObserver } from "./follower.ts"
import { followerLag } from "./follower-lag.ts"

/** Counts what followers handle, and what fails. */
export const followerCounts = Layer.effect(
  FollowerObserver,
  Effect.map(Metrics, ({ followerEntries, followerFailures, frozenFollowers }) => ({
    handled: (follower: string, entries: number) => followerEntries.inc({ follower }, entries),
    failed: (follower: string) => followerFailures.inc({ follower }),
    frozen: (follower: string) => frozenFollowers.inc({ follower }),
  })),
)

const LAG_EVERY_MS = 10_000

/** Keeps the gauges of a follower's lag up to date, in each process that runs the follower. */
export const lagLayer = (follower: string) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { followerBehindSeconds, followerBehindEntries } = yield* Metrics
      const measure = Effect.map(followerLag(follower), ({ entries, ageMs }) => {
        followerBehindEntries.set({ follower }, entries)
        followerBehindSeconds.set({ follower }, ageMs / 1_000)
      })
      yield* keepReading(`lag-of-${follower}`, LAG_EVERY_MS, measure)
    }),
  )
