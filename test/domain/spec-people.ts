/** Rows of docs/SPEC.md on what people do: approve, decide about items and retry them; and on the start and end of a batch. */
import {
  type CommandWithoutTime,
  clerk,
  failed,
  intent,
  olga,
  STORY_BEGINS,
  Story,
  storyIn,
  supervisor,
} from "./batch-story.ts"
import { effect } from "./item-commands.ts"
import { nowhere } from "./spec-attempts.ts"
import { close, resolve, retry, review, type SpecRows, says, start, told, without } from "./spec-commands.ts"

const asked = { approvalAsked: true } as const
const approve = { _tag: "Approve", by: "olga", hash: "digest" } as const
const expire = { _tag: "ExpireApproval" } as const
const awaiting = () => new Story().screened(1, asked)
const late = (): Story => {
  const story = awaiting()
  story.now = (story.batch.approval?.expiresAt ?? 0) - 1
  return story
}
/** A batch of a log from before credentials were kept. */
const unsigned = (): Story => {
  const story = awaiting()
  story.batch.credential = undefined
  return story
}
const ended = () => new Story().asked(1).answered([1], "rejected")

/** Section 6 of the specification, row by row. */
export const batchRows: SpecRows = [
  ["Approve", "no approval is needed", () => effect(new Story().screened(1), approve)],
  [
    "Approve",
    "under the submitter's credential, by whatever name",
    () => effect(awaiting(), { ...approve, by: "Sue", credential: clerk }),
  ],
  ["Approve", "under a credential that nobody kept", () => effect(awaiting(), without(approve))],
  ["Approve", "under a partner's, where the submitter's was not kept", () => effect(unsigned(), approve)],
  [
    "Approve",
    "under an operator's, where the submitter's was not kept",
    () => effect(unsigned(), { ...approve, credential: olga }),
  ],
  ["Approve", "another hash", () => effect(awaiting(), { ...approve, hash: "other" })],
  ["Approve", "at or after the deadline", () => effect(late(), approve)],
  ["Approve", "in time, under another credential", () => effect(awaiting(), approve)],
  [
    "Approve",
    "again",
    () => effect(told(awaiting(), approve), { ...approve, credential: "partner:acme/auditor" }),
  ],
  ["ExpireApproval", "before the deadline", () => effect(awaiting(), expire)],
  ["ExpireApproval", "at the deadline", () => effect(late(), expire)],
  ["StartExecution", "before approval", () => effect(awaiting(), start)],
  [
    "StartExecution",
    "before executeAt",
    () => effect(new Story().screened(1, { executeAt: STORY_BEGINS * 2 }), start),
  ],
  ["StartExecution", "when section 4 holds", () => effect(new Story().screened(1), start)],
  ["StartExecution", "again", () => effect(new Story().started(1), start)],
  ["CloseBatch", "items are open", () => effect(new Story().screened(1), close)],
  ["CloseBatch", "every item is final", () => effect(ended(), close)],
  ["CloseBatch", "again", () => effect(told(ended(), close), close)],
]

/** Of 10.01, about which one operator is not enough. */
const large = {
  ...resolve,
  credential: olga,
  policy: { aloneUpTo: { EUR: 1_000n, USD: 1_000_000n }, confirmWithinMs: 60_000 },
} as const
const asOtto = { credential: "operator:otto" } as const
const parkedOnce = () => storyIn("parked")
const proposed = () => told(parkedOnce(), large)
const tooLate = (): Story => {
  const story = proposed()
  story.now += 60_000
  return story
}

/** The table of what it takes to resolve, row by row. */
export const authorityRows: SpecRows = [
  ["Review", "by a partner", () => effect(storyIn("held"), { ...review, credential: clerk })],
  ["Review", "by nobody who is known", () => effect(storyIn("held"), without(review))],
  ["Review", "by an operator", () => effect(storyIn("held"), review)],
  [
    "Review",
    "by a partner whose contract says so, under another credential than the submitter's",
    () => effect(storyIn("held"), { ...review, credential: supervisor, contract: true }),
  ],
  [
    "Review",
    "by such a partner, under the submitter's credential",
    () => effect(storyIn("held"), { ...review, credential: clerk, contract: true }),
  ],
  ["Retry", "by a partner, of what plainly failed", () => effect(failedOnce(), asClerk(retry))],
  ["Retry", "by a partner, of what was held before it failed", () => effect(heldAndFailed(), asClerk(retry))],
  [
    "Retry",
    "by a partner, of what was parked before it failed",
    () => effect(resolvedAsFailed(), asClerk(retry)),
  ],
  ["Retry", "by a partner, of what no rule led to a bank", () => effect(nowhere(), asClerk(retry))],
  ["Retry", "by an operator, of any of these", () => effect(resolvedAsFailed(), retry)],
  ["Resolve", "by a partner", () => effect(parkedOnce(), asClerk(resolve))],
  [
    "Resolve",
    "by a partner whose contract says so, under another credential than the submitter's",
    () => effect(parkedOnce(), { ...resolve, credential: supervisor, contract: true }),
  ],
  [
    "Resolve",
    "by such a partner, under the submitter's credential",
    () => effect(parkedOnce(), { ...resolve, credential: clerk, contract: true }),
  ],
  ["Resolve", "without evidence", () => effect(parkedOnce(), without(large, "evidence"))],
  ["Resolve", "up to the amount for which one is enough", () => effect(parkedOnce(), resolve)],
  ["Resolve", "above it, or in a currency without one", () => effect(parkedOnce(), large)],
  ["Resolve", "again, by the same operator", () => effect(proposed(), { ...large, by: "otto" })],
  ["Resolve", "the same, by another operator", () => effect(proposed(), { ...large, ...asOtto })],
  [
    "Resolve",
    "another outcome, by another operator",
    () => effect(proposed(), { ...large, ...asOtto, outcome: "settled" }),
  ],
  ["Resolve", "the same, by another operator, too late", () => effect(tooLate(), { ...large, ...asOtto })],
]

const asClerk = <C extends CommandWithoutTime>(command: C): C => ({ ...command, credential: clerk })
const heldAndFailed = (): Story => {
  const story = told(told(storyIn("held"), review), start).posted("hold", [1])
  return told(told(story, intent(1)), says(failed, 1)).posted("release", [1])
}
const resolvedAsFailed = () => told(parkedOnce(), resolve).posted("release", [1])

const failedOnce = () => storyIn("failed")
const failedTwice = () => told(new Story().retried(), says(failed)).posted("release")

/** The table of retries, row by row. */
export const retryRows: SpecRows = [
  ["Retry, no attempt named", "attempt 1 failed", () => effect(failedOnce(), retry)],
  ["Retry after attempt 1", "attempt 1 failed", () => effect(failedOnce(), { ...retry, attempt: 1 })],
  [
    "Retry after attempt 1",
    "attempt 2 is being sent",
    () => effect(new Story().retried(), { ...retry, attempt: 1 }),
  ],
  ["Retry after attempt 1", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 1 })],
  ["Retry after attempt 2", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 2 })],
  ["Retry after attempt 3", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 3 })],
]
