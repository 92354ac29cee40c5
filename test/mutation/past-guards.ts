/** Guards of past states: which events are in one, whose it is, and what it may cost. */
import type { StepGuard } from "./step-guards.ts"

const asOf = "test/http/payout-batches/as-of.test.ts"

export const pastGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a fold with a later event is not that of an earlier time",
    file: "http/payout-batches/past-folds.ts",
    text: 'if ("instant" in moment && taken.fold.latestAt > moment.instant) taken.fold = emptyPast(id)',
    without: "",
    caughtIn: asOf,
    caughtBy: "a time has no event that is later",
  },
  {
    name: "a fold beyond a version is not that of the version",
    file: "http/payout-batches/kept-folds.ts",
    text: "kept.take(id, versionMax)",
    without: "kept.take(id)",
    caughtIn: asOf,
    caughtBy: "any version is the fold of the events up to it",
  },
  {
    name: "a time ends before the first later event",
    file: "http/payout-batches/past-folds.ts",
    text: "return later === -1 ? events : events.slice(0, later)",
    without: "return events",
    caughtIn: asOf,
    caughtBy: "any version is the fold of the events up to it",
  },
  {
    name: "a time to come has no state",
    file: "http/payout-batches/as-of.ts",
    text: "moment.instant > Math.max(now, latestAt)",
    without: "false",
    caughtIn: asOf,
    caughtBy: "says what there is no state of",
  },
  {
    name: "a partner sees the past of its own batches",
    file: "http/payout-batches/as-of.ts",
    text: "const own = yield* ownBatch(partner, id)",
    without: "const own = id as BatchId",
    caughtIn: asOf,
    caughtBy: "is for the partner and for operators",
  },
  {
    name: "no caller folds all at once",
    file: "http/edge/at-a-time.ts",
    text: "isFull: () => !room.admits(owner, 1)",
    without: "isFull: () => false",
    caughtIn: asOf,
    caughtBy: "is for so many at a time",
  },
  {
    name: "the next page of a time is of the version of the first",
    file: "http/payout-batches/past-items.ts",
    text: "place === undefined ? moment : { version: place.version }",
    without: "moment",
    caughtIn: asOf,
    caughtBy: "stays with its version when the log goes on",
  },
  {
    name: "a cursor of the past belongs to its list",
    file: "projections/page-cursor.ts",
    text: "? { version, item } : undefined",
    without: "|| true ? { version, item } : undefined",
    caughtIn: asOf,
    caughtBy: "the pages of a time are all of one version",
  },
  {
    name: "what a bank reported later was not known then",
    file: "http/payout-batches/past-items.ts",
    text: "remarks.filter(({ seenAt }) => seenAt <= asOf.at)",
    without: "remarks",
    caughtIn: asOf,
    caughtBy: "one item is as it was",
  },
]
