/** Guards of the archive, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const archiving = "test/archive/archiving.test.ts"
const unlinking = "test/archive/unlinking.test.ts"

export const archiveGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a chunk is stored only where the archive ends",
    file: "archive/archive-store-postgres.ts",
    text: "and given.after = archived_logs.version and given.base = archived_logs.head",
    without: "",
    caughtIn: archiving,
    caughtBy: "keeps what is archived when another one comes late with a chunk that it read before",
  },
  {
    name: "an event of an archived chunk follows from the one before",
    file: "archive/archived-chunk.ts",
    text: "if (linkOf(previous, event) !== hash)",
    without: "if (hash === undefined)",
    caughtIn: "test/archive/archived-chunk.test.ts",
    caughtBy: "an event in the middle of a chunk cannot be changed",
  },
  {
    name: "a log that the registers know as another one is not archived",
    file: "archive/log-cutting.ts",
    text: 'if (differs(due.noted)) throw new Error("the registers know another log: history was lost")',
    without: "",
    caughtIn: archiving,
    caughtBy: "archives no log that the registers or the read models know as another one",
  },
  {
    name: "a log is read back before it counts as archived",
    file: "archive/archiving.ts",
    text: "Effect.as(verifyArchived(parts.archive, tail), tail)",
    without: "Effect.succeed(tail)",
    caughtIn: archiving,
    caughtBy: "does not note a log as archived whose chunk it cannot read back",
  },
  {
    name: "a log at fault waits before it is taken again",
    file: "archive/archiving.ts",
    text: "yield* parts.store.failed(failure.batch as BatchId, wanted.afterMs)",
    without: "",
    caughtIn: archiving,
    caughtBy: "leaves a log that was changed where it is",
  },
  {
    name: "a log is verified in the archive before it is unlinked",
    file: "archive/unlinking.ts",
    text: "yield* verifyArchived(yield* LogArchive, log)",
    without: "void (yield* LogArchive)",
    caughtIn: unlinking,
    caughtBy: "stays if the archive does not have it any more, or not as it was",
  },
  {
    name: "a log is unlinked only when it was verified",
    file: "archive/archive-store-postgres.ts",
    text: "and closed.archived_version = log.version",
    without: "",
    caughtIn: unlinking,
    caughtBy: "stays while the registers know a later end of it, and until it is verified",
  },
  {
    name: "the archive notes that a log is about to be unlinked",
    file: "archive/archive-store-postgres.ts",
    text: "set unlinking = true, unlink_at",
    without: "set unlink_at",
    caughtIn: unlinking,
    caughtBy: "is unlinked and noted after a death in between",
  },
]
