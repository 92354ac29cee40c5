/**
 * The order of the files: those that take long come first, so that at the end no worker waits for one that began late.
 * Vitest knows how long a file took only where it ran before, which it never has in CI.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** These start many processes or wait for real time: ten seconds and more each, the longest first. */
const slow = [
  "cli/demo",
  "safety/redis-set-back",
  "identity/key-directory",
  "weather/liars",
  "recovery/event-crashes",
  "recovery/event-faults",
  "recovery/archive-crashes",
  "recovery/projector",
  "recovery/crash",
  "cli/batch-submission",
  "safety/compliance",
  "recovery/zombie",
  "weather/weather",
  "fuzz/fuzz",
  "database/outage",
  "cli/submission-duplicates",
  "cli/reconcile",
  "cli/replay-commands",
  "replay/lockstep",
  "recovery/bank-files",
  "bench/events",
  "publisher/lost-stream",
  "cli/publish",
  "client/webhook-life",
  "vault/sealed-batch",
  "safety/",
  "dev/embedded-stack",
  "streams/streams-model",
  "domain/batch-properties",
  "providers/banks/files/",
  "actors/",
  "database/",
  "sandbox/",
]

/** The place of a file among the slow ones; all others come after them. */
const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = slow.findIndex((part) => moduleId.includes(`/test/${part}`))
  return rank === -1 ? slow.length : rank
}

export default class SlowestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other))
  }
}
