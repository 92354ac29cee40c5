/** How a batch is received, starts to pay, and is closed. */
import { Array as Arr } from "effect"
import { isAboveThreshold, totalsOf } from "./approval-threshold.ts"
import { type Batch, countOf, isComplete } from "./batch.ts"
import { type ClearanceTerms, mayStartScreened } from "./clearance.ts"
import type { BatchCommandOf, ReceiveBatch } from "./commands.ts"
import { type BatchEventOf, type ClosedState, ITEMS_PER_EVENT_MAX } from "./events.ts"
import { type ItemEnd, itemEnds } from "./item-state.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"
import { arrivalOf, type Scheme, schemeOf } from "./scheme.ts"

/** Receives a batch once, with its items numbered from 1 without gaps and a seal for each chunk. */
export const decideReceive = (batch: Batch, command: ReceiveBatch): Decision => {
  if (batch.version > 0) return refuse(command, "batch-exists")
  const misplaced = command.items.find((item, index) => item.item !== index + 1)
  if (misplaced !== undefined) return refuse(command, "items-misnumbered", misplaced.item)
  const chunks = Arr.chunksOf(command.items, ITEMS_PER_EVENT_MAX)
  if (command.seals.length !== chunks.length) return refuse(command, "items-unsealed")
  const { _tag, items, seals, policy, approvalAsked, dayIsUsedUp, reference, executeAt, ...identity } =
    command
  const approval = approvalTerms(command)
  return events(
    {
      _tag: "BatchReceived",
      ...identity,
      ...(reference === undefined ? {} : { reference }),
      ...(executeAt === undefined ? {} : { executeAt }),
      ...(approval === undefined ? {} : { approval }),
      attemptsMax: policy.attemptsMax,
      ...(policy.payeePolicy === undefined ? {} : { payeePolicy: policy.payeePolicy }),
      itemCount: items.length,
    },
    ...Arr.zipWith(chunks, seals, (chunk, sealed) => ({
      _tag: "ItemsReceived" as const,
      at: command.at,
      items: chunk,
      sealed,
    })),
  )
}

/**
 * A second person has to approve if the partner asked for it, if the total of a currency is above its threshold, alone or
 * together with the batches of a day, or if a currency has no threshold although others have.
 */
const approvalTerms = ({
  at,
  approvalAsked,
  dayIsUsedUp = false,
  policy,
  items,
  requestDigest,
}: ReceiveBatch): BatchEventOf<"BatchReceived">["approval"] => {
  const isAbove = dayIsUsedUp || isAboveThreshold(totalsOf(items), policy.approvalAbove)
  if (!approvalAsked && !isAbove) return undefined
  return {
    reason: approvalAsked ? "asked" : "threshold",
    expiresAt: at + policy.approvalWithinMs,
    hash: requestDigest,
  }
}

/** Starts to pay, and records when the payouts of each scheme should arrive. */
export const decideStart = (
  batch: Batch,
  command: BatchCommandOf<"StartExecution">,
  terms: ClearanceTerms,
): Decision => {
  if (!mayStartScreened(batch, terms, command.at)) return refuse(command, "not-due")
  const used = new Set<Scheme>()
  for (const item of batch.tasks.hold) {
    const payout = batch.items.get(item)
    if (payout !== undefined) used.add(schemeOf(payout.beneficiary.account, payout.currency, command.at))
  }
  const arrivals = [...used].map((scheme) => ({ scheme, on: arrivalOf(scheme, command.at) }))
  return events({ _tag: "ExecutionStarted", at: command.at, arrivals })
}

/** Closes a batch whose items are all final. Closing it again changes nothing. */
export const decideClose = (batch: Batch, command: BatchCommandOf<"CloseBatch">): Decision => {
  if (batch.closed !== undefined) return nothing
  if (!isComplete(batch)) return refuse(command, "items-open")
  return events({ _tag: "BatchClosed", at: command.at, state: closedState(batch) })
}

/** The closed state of a batch whose items all ended in this state. */
const closings: Readonly<Record<ItemEnd, Exclude<ClosedState, "partially-settled">>> = {
  settled: "settled",
  failed: "failed",
  returned: "failed",
  rejected: "rejected",
  cancelled: "cancelled",
}

const closedState = (batch: Batch): ClosedState => {
  const counts = { settled: 0, failed: 0, rejected: 0, cancelled: 0 }
  for (const end of itemEnds) counts[closings[end]] += countOf(batch, end)
  const { settled, rejected, cancelled } = counts
  if (settled === batch.itemCount) return "settled"
  if (settled > 0) return "partially-settled"
  if (rejected === batch.itemCount || (batch.mode === "strict" && rejected > 0)) return "rejected"
  return rejected + cancelled === batch.itemCount ? "cancelled" : "failed"
}
