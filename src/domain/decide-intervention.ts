/** What people do to a batch under way: cancel, review, retry, resolve. */
import { Array as Arr } from "effect"
import { attemptsInQuestion, isDisputed, isUnrouted } from "./attempts.ts"
import { attemptsOf, type Batch, type Finding, type Item, nextAttempt } from "./batch.ts"
import { type LateItem, refusalOf } from "./cancellation-refusal.ts"
import { isSameFinding, nameOfFinding, openFindings } from "./clearance.ts"
import type { FindingName } from "./clearance-answers.ts"
import type { BatchCommandOf, ResolutionPolicy } from "./commands.ts"
import { type Credential, isOperator, POLICY } from "./credential.ts"
import { isWithdrawable, requestWithdrawals } from "./decide-withdrawal.ts"
import type { BatchEvent } from "./events.ts"
import { ATTEMPTS_MAX } from "./identifiers.ts"
import { meaningOfState } from "./item-state.ts"
import { cleanText } from "./outside-text.ts"
import { type Decision, events, nothing, type RejectionReason, refuse } from "./rejection.ts"
import { isOnItsWay } from "./task.ts"

const tooLate = (item: Item): string | undefined => {
  if (isUnrouted(item)) return undefined
  return isOnItsWay(item) ? "refused by one bank, and on its way to another" : meaningOfState(item.state).late
}

/** Whether an order may not have been sent yet: then it is withdrawn first, and cancelled only if that works. */
const isWithdrawnFirst = (item: Item): boolean =>
  item.attempt !== undefined && isWithdrawable(item.attempt) && !isDisputed(item)

/** Who gave a command, as events record it. */
export const whoGave = ({
  by,
  credential,
  typedBy,
}: BatchCommandOf<"Approve" | "Cancel" | "Decline" | "Reschedule" | "Resolve">) => ({
  by,
  ...(credential === undefined ? {} : { credential }),
  ...(typedBy === undefined ? {} : { typedBy }),
})

/**
 * Whether the author may decide about what was given to people: an operator, or the partner if its contract says so and the
 * author did not submit the batch.
 */
const refusalOfAuthor = (
  batch: Batch,
  { credential, contract }: BatchCommandOf<"Resolve" | "Review">,
): RejectionReason | undefined => {
  if (isOperator(credential)) return undefined
  if (credential === undefined || contract !== true) return "operator-needed"
  if (batch.credential === undefined) return "submitter-unknown"
  return credential === batch.credential ? "decider-is-submitter" : undefined
}

/** A cancellation that changes nothing, and whose refusals are in the log already, adds no event. */
export const decideCancel = (batch: Batch, command: BatchCommandOf<"Cancel">): Decision => {
  const { at, reason } = command
  const who = whoGave(command)
  const named = command.items.length === 0 ? [...batch.items.keys()] : [...new Set(command.items)]
  const stranger = named.find((item) => !batch.items.has(item))
  if (stranger !== undefined) return refuse(command, "no-such-item", stranger)
  if (batch.closed !== undefined) return refuse(command, "batch-closed")
  const cancelled: Array<number> = []
  const asked: Array<Item> = []
  const late: Array<LateItem> = []
  for (const item of named) {
    const payout = batch.items.get(item)
    if (payout === undefined) continue
    const tooLateFor = tooLate(payout)
    const withdrawal = isWithdrawnFirst(payout) ? payout.attempt?.withdrawal : undefined
    if (tooLateFor === undefined) cancelled.push(item)
    else if (isWithdrawnFirst(payout) && withdrawal?.cause !== "resolution") {
      if (withdrawal?.cause !== "cancellation") asked.push(payout)
    } else if (!payout.cancellationRefused)
      late.push({ item, reason: withdrawal === undefined ? tooLateFor : "being resolved" })
  }
  const happened: Array<BatchEvent> = []
  if (Arr.isReadonlyArrayNonEmpty(cancelled))
    happened.push({ _tag: "ItemsCancelled", at, items: cancelled, ...who, reason })
  happened.push(...refusalOf({ at, ...who }, late))
  happened.push(...requestWithdrawals(asked, at, { cause: "cancellation", ...who, reason }))
  return happened.length === 0 ? refuse(command, "nothing-to-cancel") : events(...happened)
}

/** Cancels by policy every item that can still be cancelled, except some. */
export const cancelTheRest = (
  batch: Batch,
  at: number,
  why: string,
  except: ReadonlySet<number>,
): ReadonlyArray<BatchEvent> => {
  const reason = cleanText(why)
  const items = [...batch.items.values()].flatMap((item) =>
    tooLate(item) === undefined && !except.has(item.item) ? [item.item] : [],
  )
  const withdrawable = [...batch.items.values()].filter(
    (item) => !except.has(item.item) && isWithdrawnFirst(item) && item.attempt?.withdrawal === undefined,
  )
  const asked = requestWithdrawals(withdrawable, at, { cause: "cancellation", by: POLICY, reason })
  return Arr.isReadonlyArrayNonEmpty(items)
    ? [{ _tag: "ItemsCancelled", at, items, by: POLICY, reason }, ...asked]
    : asked
}

/** Releases or rejects an item. In strict mode a rejection cancels all other items. */
export const decideReview = (batch: Batch, command: BatchCommandOf<"Review">): Decision => {
  const { item: number, at, findings: named, contract: _, ...fields } = command
  const refused = refusalOfAuthor(batch, command)
  if (refused !== undefined) return refuse(command, refused, number)
  const item = batch.items.get(number)
  if (item === undefined) return refuse(command, "no-such-item", number)
  // A rejection counts until there is an intent to pay, also after a release.
  const isOpen = item.state === "held" || (item.state === "screened" && command.decision === "rejected")
  if (!isOpen) return refuse(command, "not-held", number)
  const reviewed = { ...fields, _tag: "ItemReviewed" as const, at, item: number }
  if (command.decision === "released") {
    const findings = releasedBy(item, command)
    if (findings.length === 0) return refuse(command, "findings-differ", number)
    return events({ ...reviewed, findings })
  }
  if (batch.mode === "partial") return events(reviewed)
  return events(reviewed, ...cancelTheRest(batch, at, `item ${number} was rejected`, new Set([number])))
}

/**
 * The findings that a release covers: those that it names, or without names those found before it. None if it names a finding
 * that the item does not have.
 */
const releasedBy = (
  item: Item,
  { at, findings: named }: BatchCommandOf<"Review">,
): ReadonlyArray<FindingName> => {
  const strange = named?.some((name) => !item.findings.some((finding) => isSameFinding(finding, name)))
  if (strange === true) return []
  const isSeen = (finding: Finding) =>
    named === undefined ? finding.foundAt < at : named.some((name) => isSameFinding(name, finding))
  return openFindings(item).filter(isSeen).map(nameOfFinding)
}

/** Whether an item's state was set after the version that somebody saw when deciding. */
const isNewTo = (seen: number | undefined, { since }: Item): boolean => seen !== undefined && since > seen

/**
 * A failed item gets a new attempt under a new key, and an unrouted one is routed again. An unknown item is never retried,
 * because it may not have failed. Each failed attempt leads to one new attempt, however often a retry is requested.
 */
export const decideRetry = (batch: Batch, command: BatchCommandOf<"Retry">): Decision => {
  const { seen, ...fields } = command
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no-such-item", command.item)
  if (isNewTo(seen, item)) return refuse(command, "changed-since", command.item)
  if (item.attended && !mayRetryAttended(batch, command))
    return refuse(command, "operator-needed", command.item)
  if (isUnrouted(item)) return events({ ...fields, _tag: "RetryRequested" })
  if (item.state !== "failed") return refuse(command, "not-failed", command.item)
  const attempt = nextAttempt(item) - 1
  if ((command.attempt ?? attempt) !== attempt)
    return refuse(command, "attempt-not-last", command.item, [attempt])
  if (item.clearanceWithdrawn) return refuse(command, "clearance-withdrawn", command.item)
  if (item.cancelled) return refuse(command, "cancelled", command.item)
  if (item.task !== "none") return refuse(command, "not-due", command.item)
  if (nextAttempt(item) > ATTEMPTS_MAX) return refuse(command, "attempts-exhausted", command.item)
  if (batch.closed !== undefined) return refuse(command, "not-due", command.item)
  return events({ ...fields, _tag: "RetryRequested", attempt })
}

/** Whether an item that people had to look at may be retried: by an operator or the policy, not by the partner. */
const mayRetryAttended = (batch: Batch, { item, credential }: BatchCommandOf<"Retry">): boolean =>
  credential === undefined ? batch.retries.has(item) : isOperator(credential)

/**
 * Resolves one attempt at a time, and none while another attempt is open, because its outcome could contradict the
 * resolution. Above the amount that one operator may resolve alone, a second operator has to give the same outcome for the
 * same attempt, before it expires and before anything else happens to the item.
 */
export const decideResolve = (batch: Batch, command: BatchCommandOf<"Resolve">): Decision => {
  const { at, item: number, outcome, credential, reason, evidence, seen } = command
  const refused = refusalOfAuthor(batch, command)
  if (refused !== undefined || credential === undefined)
    return refuse(command, refused ?? "operator-needed", number)
  if (evidence === undefined) return refuse(command, "evidence-needed", number)
  const item = batch.items.get(number)
  if (item === undefined) return refuse(command, "no-such-item", number)
  if (item.state !== "parked") return refuse(command, "not-parked", number)
  if (isNewTo(seen, item)) return refuse(command, "changed-since", number)
  const inQuestion = attemptsInQuestion(item)
  const candidates = inQuestion.map(({ attempt }) => attempt)
  if (command.attempt === undefined && inQuestion.length !== 1)
    return refuse(command, "attempt-not-named", number, candidates)
  const about = inQuestion.find(({ attempt }) => attempt === (command.attempt ?? attempt))
  if (about === undefined) return refuse(command, "attempt-not-in-question", number, candidates)
  const open = attemptsOf(item).find((other) => other !== about && other.outcome === undefined)
  if (open !== undefined) return refuse(command, "attempt-open", number, [open.attempt])
  if (about.dispute === undefined && about.outcome === outcome) return nothing
  if (about.withdrawal !== undefined) return refuse(command, "withdrawal-open", number, [about.attempt])
  const said = { outcome, ...whoGave(command), credential, reason, evidence }
  const proposed = { at, item: number, attempt: about.attempt, ...said }
  const resolved = (proposedBy?: Credential): Decision => {
    const details = { ...said, ...(proposedBy && { proposedBy }) }
    // An order that may still be sent is withdrawn first: it has neither failed nor been paid.
    return isWithdrawable(about)
      ? events(...requestWithdrawals([item], at, { cause: "resolution", ...details }))
      : events({ _tag: "ParkedResolved", at, item: number, attempt: about.attempt, ...details })
  }
  const { aloneUpTo, confirmWithinMs } = command.policy ?? strictest
  if (item.minor <= (aloneUpTo[item.currency] ?? -1n)) return resolved()
  const { proposal } = item
  const isTheSame = proposal?.attempt === proposed.attempt && proposal.outcome === outcome
  if (!isTheSame || at >= proposal.expiresAt)
    return events({ _tag: "ResolutionProposed", ...proposed, expiresAt: at + confirmWithinMs })
  if (proposal.credential === credential) return refuse(command, "second-operator-needed", number)
  return resolved(proposal.credential)
}

/** Without a policy in the command, one operator is never enough. */
const strictest: ResolutionPolicy = { aloneUpTo: {}, confirmWithinMs: 0 }
