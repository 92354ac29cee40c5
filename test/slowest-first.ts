/**
 * The order of the files: those that take long come first, so that at the end no worker waits for one that began late.
 * Vitest knows how long a file took only where it ran before, which it never has in CI.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"
import { slowFiles } from "./slow-files.ts"

/** These start processes or wait for real time, the longest first. The slow files of a run of their own come before them. */
const slow = [
  ...slowFiles,
  ...[
    "identity/key-directory",
    "payout-files/spreadsheet",
    "cli/",
    "safety/",
    "recovery/",
    "providers/banks/files/",
    "actors/",
    "domain/batch-properties",
    "database/",
    "webhooks/",
    "sandbox/",
  ].map((part) => `test/${part}`),
]

/** The place of a file among the slow ones; all others come after them. */
const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = slow.findIndex((part) => moduleId.includes(`/${part}`))
  return rank === -1 ? slow.length : rank
}

export default class SlowestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other))
  }
}
