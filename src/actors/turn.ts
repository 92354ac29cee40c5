/** The third step of an actor's loop: what was heard and what is due become events, and calls to make. Nothing waits. */
import { Result } from "effect"
import { type Capacities, capacityOf, noCapacities } from "../domain/bank-capacity.ts"
import { mayStart } from "../domain/batch.ts"
import { type BatchCommand, isDecision } from "../domain/commands.ts"
import { decide } from "../domain/decide.ts"
import type { BatchEvent } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import { transferReference } from "../domain/identifiers.ts"
import { plan, type Work } from "../domain/plan.ts"
import { POLICY } from "../domain/policy.ts"
import type { Call } from "../pipelines/pipelines.ts"
import type { Mail } from "../streams/event-log.ts"
import { type StrayCallback, strayOf } from "../streams/stray-callbacks.ts"
import { type Activation, mayPay } from "./activation.ts"
import { intentsOf, invited } from "./intents.ts"

/** What came in since the last turn. */
export interface Heard {
  readonly mail: ReadonlyArray<Mail>
  /** Answers of calls, in the order in which they arrived. */
  readonly answers: ReadonlyArray<BatchCommand>
}

/** A command that the batch refused, or mail that could not be read. */
export interface Refusal {
  readonly command: string
  readonly reason: string
  readonly item?: number | undefined
  /** What a bank told of a transfer that the batch does not have. */
  readonly stray?: StrayCallback
}

/** What was decided: events to append, the mail that they answer, and the calls that are due. */
export interface Turn {
  readonly events: ReadonlyArray<BatchEvent>
  readonly handled: ReadonlyArray<string>
  /** Ids of the decisions among what was answered, which the register is told of. */
  readonly answered: ReadonlyArray<string>
  readonly calls: ReadonlyArray<Call>
  /** When work may be looked at again that waits for a bank, in epoch milliseconds; nothing, when none does. */
  readonly waitUntil: number | undefined
  /** What banks took at the time of the turn, and when that was. */
  readonly banks: Capacities
  readonly at: number
  readonly refusals: ReadonlyArray<Refusal>
}

/** Decides all that was heard and is due at `now` (epoch milliseconds). The state of the actor is ahead of its log then. */
export const takeTurn = (actor: Activation, { mail, answers }: Heard, now: number): Turn => {
  const events: Array<BatchEvent> = []
  const refusals: Array<Refusal> = []
  const obey = (command: BatchCommand): void => {
    const decision = decide(actor.batch, command, actor.terms)
    if (Result.isFailure(decision)) {
      const { reason, item } = decision.failure
      refusals.push({ command: command._tag, reason, item, ...strayIn(actor, command, reason) })
      return
    }
    for (const event of decision.success) {
      evolve(actor.batch, event)
      events.push(event)
    }
  }

  if (actor.strange && actor.batch.tasks.transfer.size > 0) obey({ _tag: "TakeOver", at: now })
  actor.strange = false
  const answered = new Set<string>()
  const answer = (id: string, command: BatchCommand): void => {
    // Also one that was answered before: the register may have missed that.
    answered.add(id)
    if (actor.answered.has(id)) return
    actor.answered.add(id)
    obey(command)
  }
  // What the register still knows comes first: it was acknowledged before whatever waits now.
  for (const { id, command } of actor.decisions.splice(0)) answer(id, command)
  for (const { id, told, command, problem = "unreadable" } of mail) {
    if (command === undefined) refusals.push({ command: `mail ${id}`, reason: problem })
    else if (isHearsay(command)) refusals.push({ command: command._tag, reason: "no bank says so" })
    else if (told !== undefined && isDecision(command)) answer(told, command)
    else obey(command)
  }
  for (const answer of answers) {
    if (answer._tag === "RecordTransfer") actor.busy.delete(answer.item)
    obey(answer)
  }
  const due = actor.desk.isDraining() ? nothingDue(now) : decideDue(actor, now, obey)
  return { events, handled: mail.map(({ id }) => id), answered: [...answered], ...due, refusals }
}

/** What comes from outside about a transfer is a bank's word, and names the bank; all else is learnt by our own calls. */
const isHearsay = (command: BatchCommand): boolean => {
  if (command._tag !== "RecordTransfer") return false
  const { bank, outcome } = command
  return bank === undefined || !("evidence" in outcome) || outcome.evidence !== "callback"
}

/** Only a bank's own word names the bank; an answer to a call of ours is no stray. */
const strayIn = ({ id }: Activation, command: BatchCommand, reason: string): Pick<Refusal, "stray"> => {
  if (command._tag !== "RecordTransfer" || command.bank === undefined) return {}
  const { bank, item, attempt, outcome } = command
  return {
    stray: strayOf({ bank, reference: transferReference({ batch: id, item, attempt }) }, outcome, reason),
  }
}

type Due = Pick<Turn, "calls" | "waitUntil" | "banks" | "at">

const nothingDue = (at: number): Due => ({ calls: [], waitUntil: undefined, banks: noCapacities, at })

/** How soon it is asked again which clearances are good, when nobody could tell. */
const TERMS_AGAIN_MS = 1_000

/**
 * Decides what is due until only calls are left, and gives those. Each round decides something, or finds a lane full that the
 * plan did not know to be; no round plans for that one again.
 */
const decideDue = (actor: Activation, now: number, obey: (command: BatchCommand) => void): Due => {
  const { batch, busy, terms } = actor
  const full = new Set<string>()
  while (true) {
    const banks = capacities(actor, now, full)
    const queues = mayWriteIntents(actor, now) ? actor.line.follow(batch) : []
    const { work, waitUntil } = plan(batch, { now, busy, terms, banks, queues })
    const fullBefore = full.size
    const commands = work.flatMap((work) => commandsOf(actor, work, now, full))
    if (commands.length === 0 && full.size === fullBefore)
      return { calls: work.filter(isCall), waitUntil: waitUntil ?? termsAgainAt(actor, now), banks, at: now }
    const before = batch.version
    for (const command of commands) obey(command)
    if (commands.length > 0 && batch.version === before) throw new Error("planned commands were all refused")
  }
}

/** What banks take now, but for those that turned out to be full. */
const capacities = ({ desk }: Activation, now: number, full: ReadonlySet<string>): Capacities => {
  const banks = desk.pipelines.capacities(now)
  if (full.size === 0) return banks
  const left = new Map(banks)
  for (const bank of full) left.set(bank, { ...capacityOf(banks, bank), transfers: 0 })
  return left
}

/** When to ask again which clearances are good, where something waits for nothing else. */
const termsAgainAt = ({ batch, terms }: Activation, now: number): number | undefined =>
  terms === "unknown" && (batch.tasks.request.size > 0 || mayStart(batch, now))
    ? now + TERMS_AGAIN_MS
    : undefined

/** No intents are written while the transfers that they would lead to have to wait. */
const mayWriteIntents = (actor: Activation, now: number): boolean =>
  actor.backoff.until("Transfer") <= now && mayPay(actor)

const callTags: ReadonlySet<Work["_tag"]> = new Set(["Screen", "Book", "Transfer", "Inquire", "Withdraw"])

const isCall = (work: Work): work is Call => callTags.has(work._tag)

const commandsOf = (
  actor: Activation,
  work: Work,
  at: number,
  full: Set<string>,
): ReadonlyArray<BatchCommand> => {
  switch (work._tag) {
    case "RequestScreening":
    case "RequestPosting":
    case "ExpireApproval":
    case "StartExecution":
    case "Reroute":
      return [{ ...work, at }]
    case "Retry":
      return [{ ...work, at, by: POLICY }]
    case "RequestTransfers":
      return intentsOf(actor, invited(actor, work.transfers, at, full), at)
    case "RecordUnrouted":
      return [{ ...work, at, version: actor.desk.pipelines.routes.version }]
    case "Close":
      return [{ _tag: "CloseBatch", at }]
    default:
      return []
  }
}
