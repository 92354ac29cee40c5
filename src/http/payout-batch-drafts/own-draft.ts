/** A draft of the partner that asks, and the version of it that a request names. */
import { Effect } from "effect"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { type Draft, DraftChanged, Drafts } from "../../drafts/drafts.ts"
import { ClaimMarks } from "../../streams/claim-marks.ts"
import { EventStore } from "../../streams/event-store.ts"
import { PreconditionRequired } from "../edge/failures.ts"
import { batchIdOf } from "../payout-batches/batch-identity.ts"
import { keyOfDraft } from "../payout-batches/idempotency-key.ts"

/** The batch that a draft becomes, if it becomes one. */
export const batchOfDraft = ({ partner, id }: Pick<Draft, "id" | "partner">): BatchId =>
  batchIdOf(partner, keyOfDraft(id).key)

/** The time by the store that has the log, in epoch milliseconds. */
export const storeTime = Effect.fnUntraced(function* (partner: PartnerId) {
  return (yield* (yield* ClaimMarks).last(partner, 1)).now
})

/**
 * A partner's draft. If the answer to its submission was lost, the log says what became of it: it is submitted if the batch is
 * there, and open again once nobody can open the batch any more.
 */
export const ownDraft = Effect.fnUntraced(function* (partner: PartnerId, id: string) {
  const drafts = yield* Drafts
  const draft = yield* drafts.find(partner, id)
  if (draft.state !== "submitting") return draft
  // Before the log is read: what could be opened until then is there.
  const now = yield* storeTime(partner)
  const batch = batchOfDraft(draft)
  const [first] = yield* (yield* EventStore).read(batch, 0, 1)
  yield* first === undefined
    ? drafts.endSubmission(partner, id, undefined, now)
    : drafts.submitted(partner, id, batch)
  return yield* drafts.find(partner, id)
})

const versionPattern = /^"([1-9][0-9]{0,9})"$/

/**
 * The version that `If-Match` names. It has to be one: with `*`, or with several, a request would pay or change what nobody has looked
 * at.
 */
export const versionNamed = (
  { version }: Draft,
  ifMatch: string | undefined,
): Effect.Effect<number, DraftChanged | PreconditionRequired> => {
  if (ifMatch === undefined || ifMatch.trim() === "*")
    return Effect.fail(new PreconditionRequired({ version }))
  const [, digits] = versionPattern.exec(ifMatch.trim()) ?? []
  return digits === undefined ? Effect.fail(new DraftChanged({ version })) : Effect.succeed(Number(digits))
}
