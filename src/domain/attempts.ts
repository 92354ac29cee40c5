/** The attempts of one item together: a report about one affects what may be done about the others. */
import { type Attempt, attemptsOf, type Batch, type Item } from "./batch.ts"
import type { TransferFinal } from "./outcomes.ts"
import { cleanText, type OutsideText } from "./outside-text.ts"
import type { TransferIntent } from "./transfer-events.ts"

/** Attempts without refusals or reports share this array: nearly all have no refusal, and lists of them are replaced, not changed. */
const none: ReadonlyArray<never> = []

/** A new attempt, as its intent records it. `requestedAt` is in epoch milliseconds. */
export const newAttempt = (
  requestedAt: number,
  { attempt, bank, reference, route, withdrawable }: TransferIntent,
  round: number,
): Attempt => ({
  attempt,
  bank,
  reference,
  route,
  round,
  requestedAt,
  phase: "transferring",
  sends: 1,
  inquiries: 0,
  transferId: undefined,
  inquireAt: undefined,
  unknownSince: undefined,
  refusal: undefined,
  refusalsInDoubt: none,
  refusalsAsked: none,
  withdrawable: withdrawable === true,
  withdrawal: undefined,
  outcome: undefined,
  reports: none,
  dispute: undefined,
  concludedAt: undefined,
  code: undefined,
  category: undefined,
  retryable: false,
  reroutable: false,
})

/** Whether a bank contradicted itself about an attempt of the item, and no person has resolved that attempt yet. */
export const isDisputed = (item: Item): boolean =>
  attemptsOf(item).some(({ dispute }) => dispute !== undefined)

/** The attempts of a parked item that a person has to resolve: in dispute, parked, or paid beside another one. */
export const attemptsInQuestion = (item: Item): ReadonlyArray<Attempt> => {
  const attempts = attemptsOf(item)
  const isPaidTwice = attempts.filter(isPaid).length > 1
  return attempts.filter(
    (attempt) =>
      attempt.dispute !== undefined ||
      (attempt.outcome === undefined && attempt.phase === "parked") ||
      (isPaidTwice && isPaid(attempt)),
  )
}

/** Whether an item is parked because no rule routes it to a bank: no attempt is under way, and none is in question. */
export const isUnrouted = (item: Item): boolean =>
  item.state === "parked" && attemptsInQuestion(item).length === 0 && !isOpen(item.attempt)

/** The attempts of a batch that a bank has reported on, each with its bank. */
export const attemptsReported = ({
  items,
}: Batch): ReadonlyArray<{ readonly item: number; readonly attempt: number; readonly bank: string }> => {
  const reported: Array<{ readonly item: number; readonly attempt: number; readonly bank: string }> = []
  for (const item of items.values()) {
    if (item.attempt === undefined) continue
    for (const { attempt, bank, reports, transferId } of attemptsOf(item))
      if (reports.length > 0 || transferId !== undefined) reported.push({ item: item.item, attempt, bank })
  }
  return reported
}

const isOpen = (attempt: Attempt | undefined): boolean =>
  attempt !== undefined && attempt.outcome === undefined

const finalsByWeight: ReadonlyArray<TransferFinal> = ["settled", "returned", "failed"]

/**
 * The state of an item by its attempts. It is parked while one is in dispute or two were paid. Otherwise it has the phase of
 * its open attempt; without one it is settled if one settled, else returned if one was returned, else failed. `reason` applies
 * to all but disputes and double payments, which have their own.
 */
export const standing = (item: Item, reason: OutsideText | undefined): Pick<Item, "state" | "reason"> => {
  const { attempt, earlier } = item
  // As almost always: it was tried once, and nothing contradicts that attempt.
  if (attempt !== undefined && earlier.length === 0 && attempt.dispute === undefined)
    return { state: attempt.outcome ?? attempt.phase, reason }
  const attempts = attemptsOf(item)
  const paid = attempts.filter(isPaid)
  if (paid.length > 1)
    return { state: "parked", reason: cleanText(`paid more than once: attempts ${numbersOf(paid)}`) }
  const dispute = attempts.find(({ dispute }) => dispute !== undefined)?.dispute
  if (dispute !== undefined) return { state: "parked", reason: dispute }
  const open = attempts.find(({ outcome }) => outcome === undefined)
  if (open !== undefined) return { state: open.phase, reason }
  const outcomes = attempts.map(({ outcome }) => outcome)
  return { state: finalsByWeight.find((outcome) => outcomes.includes(outcome)) ?? "failed", reason }
}

/** Whether an attempt paid: by its outcome, or while it is in dispute by the bank's last report. */
const isPaid = ({ outcome, dispute, reports }: Attempt): boolean =>
  (dispute === undefined ? outcome : reports.at(-1)) === "settled"

const numbersOf = (attempts: ReadonlyArray<Attempt>): string =>
  attempts.map(({ attempt }) => attempt).join(" and ")
