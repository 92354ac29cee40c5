/** Guards of choosing a Postgres, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const address = "test/platform/postgres-address.test.ts"

export const failoverGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a standby is no primary",
    file: "platform/postgres-primary.ts",
    text: "timeline > 0 && ",
    without: "",
    caughtIn: address,
    caughtBy: "a standby is none",
  },
  {
    name: "a primary that was replaced is not used again",
    file: "platform/postgres-primary.ts",
    text: "timeline >= timelineMin",
    without: "true",
    caughtIn: address,
    caughtBy: "one that was replaced does not count while the new one is away",
  },
  {
    name: "of two primaries the one of the latest promotion counts",
    file: "platform/postgres-primary.ts",
    text: "b.timeline - a.timeline || ",
    without: "",
    caughtIn: address,
    caughtBy: "the one of the latest promotion counts",
  },
  {
    name: "a URL asks for no standby",
    file: "platform/postgres-address.ts",
    text: "wanted !== null && !WANTED.includes(wanted)",
    without: "wanted === undefined",
    caughtIn: address,
    caughtBy: "is refused without being repeated",
  },
  {
    name: "a connection that only reads is left",
    file: "platform/postgres-primary.ts",
    text: 'const READ_ONLY = "25006"',
    without: 'const READ_ONLY: string = "none"',
    caughtIn: "test/platform/postgres.test.ts",
    caughtBy: "leaves a connection that only reads",
  },
  {
    name: "production pays nobody on a Postgres that waits for fewer standbys than it was started with",
    file: "streams/store-watch.ts",
    text: "? finding.weakPostgres",
    without: "? undefined",
    caughtIn: "test/streams/store-watch.test.ts",
    caughtBy: "wait for the standbys",
  },
]
