/** What follows the logs: read models and the event stream, how far they are behind, and what waits for someone. */
import type { Definer } from "./metric-definition.ts"

/** Lags are measured every ten seconds, items that wait every fifteen. */
const SHOWN_MS = 60_000

export const followerMetrics = ({ by }: Definer) => {
  const projector = by("projector")
  const publisher = by("publisher")
  const followers = by("projector", "publisher")
  return {
    itemsWaiting: projector.reading(
      "items_waiting",
      "Items that are in a state now, by the read models: in screening, of unknown outcome, parked, held, without funds or approval",
      { labels: ["state"], across: "max", shownForMs: SHOWN_MS },
    ),
    itemsWaitingOldestSeconds: projector.reading(
      "items_waiting_oldest_seconds",
      "For how long the item that waits longest in a state has been in it; 0 if none is",
      { labels: ["state"], across: "max", shownForMs: SHOWN_MS },
    ),
    followerEntries: followers.counter("follower_entries_total", "Feed entries handled by each follower", [
      "follower",
    ]),
    followerFailures: followers.counter(
      "follower_failures_total",
      "Failures of followers to handle a chunk of the feed",
      ["follower"],
    ),
    frozenFollowers: followers.counter(
      "frozen_followers_total",
      "Partitions that a follower froze: page someone",
      ["follower"],
    ),
    projectionDifferences: projector.counter(
      "projection_differences_total",
      "Differences between the read models and the logs that the projector found in its samples: page someone",
      ["table"],
    ),
    followerBehindSeconds: followers.reading(
      "follower_behind_seconds",
      "Age of the oldest feed entry that a follower has not handled",
      { labels: ["follower"], across: "max", shownForMs: SHOWN_MS },
    ),
    followerBehindEntries: followers.reading(
      "follower_behind_entries",
      "Feed entries that a follower has not handled; of each partition at most 1000 are counted",
      { labels: ["follower"], across: "max", shownForMs: SHOWN_MS },
    ),
    eventStreamLosses: publisher.counter(
      "event_stream_losses_total",
      "Times that the event stream had lost events, which were then published again: someone has to look",
      ["loss"],
    ),
    eventsRepublished: publisher.counter(
      "events_republished_total",
      "Events published again from the logs, because the event stream had lost them",
    ),
  }
}
