/** The third step of an actor's loop: what was heard and what is due become events, and calls to make. Nothing waits. */
import { Result } from "effect"
import { type BatchCommand, isDecision } from "../domain/commands.ts"
import { decide } from "../domain/decide.ts"
import type { BatchEvent, BatchEventOf } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import { transferReference } from "../domain/identifiers.ts"
import type { Mail } from "../streams/mailbox.ts"
import { type StrayCallback, strayOf } from "../streams/stray-callbacks.ts"
import { type Activation, mayPay } from "./activation.ts"
import { type Due, decideDue, nothingDue } from "./due-work.ts"

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
export interface Turn extends Due {
  readonly events: ReadonlyArray<BatchEvent>
  readonly handled: ReadonlyArray<string>
  /** Ids of the decisions among what was answered, which the register is told of. */
  readonly answered: ReadonlyArray<string>
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
      if (event._tag === "TransfersRequested") keepPlaces(actor, event)
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
  for (const { id, commandId, command, problem = "unreadable" } of mail) {
    if (command === undefined) refusals.push({ command: `mail ${id}`, reason: problem })
    else if (isHearsay(command)) refusals.push({ command: command._tag, reason: "no bank says so" })
    else if (commandId !== undefined && isDecision(command)) answer(commandId, command)
    else obey(command)
  }
  for (const answer of answers) {
    if (answer._tag === "RecordTransfer") actor.busy.delete(answer.item)
    obey(answer)
  }
  // No intents are written while the transfers that they would lead to have to wait.
  const maySend = actor.backoff.until("Transfer") <= now && mayPay(actor)
  const due = actor.services.isDraining() ? nothingDue(now) : decideDue(actor, now, maySend, obey)
  return { events, handled: mail.map(({ id }) => id), answered: [...answered], ...due, refusals }
}

/** Those that were called off never come for their places. */
const keepPlaces = ({ batch, places }: Activation, { transfers }: BatchEventOf<"TransfersRequested">) => {
  for (const item of places) if (!batch.tasks.transfer.has(item)) places.delete(item)
  for (const { item } of transfers) places.add(item)
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
