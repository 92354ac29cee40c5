/** The third step of an actor's loop: turns what came in and what is due into events and calls. It never waits. */
import { Result } from "effect"
import { answerEvents } from "../domain/answer-command.ts"
import { type BatchCommand, isDecision } from "../domain/commands.ts"
import { decide } from "../domain/decide.ts"
import type { BatchEvent, BatchEventOf } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import { transferReference } from "../domain/identifiers.ts"
import type { Mail } from "../streams/mailbox.ts"
import { type StrayCallback, strayOf } from "../streams/stray-callbacks.ts"
import { type Activation, mayPay } from "./activation.ts"
import { type Due, decideDue, nothingDue } from "./due-work.ts"
import { GatheredReports } from "./gathered-reports.ts"
import { TurnOutcomes } from "./turn-outcomes.ts"

/** What came in since the last turn. */
export interface Received {
  readonly mail: ReadonlyArray<Mail>
  /** Answers of calls, in the order in which they arrived. */
  readonly answers: ReadonlyArray<BatchCommand>
}

/** A command that the batch refused, or mail that could not be read. */
export interface Refusal {
  readonly command: string
  readonly reason: string
  readonly item?: number | undefined
  /** A bank's report about a transfer that the batch does not have. */
  readonly stray?: StrayCallback
}

/** The result of a turn: events to append, the mail that they answer, and the calls that are due. */
export interface Turn extends Due {
  readonly events: ReadonlyArray<BatchEvent>
  readonly handled: ReadonlyArray<string>
  /** Ids of the decisions that were answered, for the register. */
  readonly answered: ReadonlyArray<string>
  readonly refusals: ReadonlyArray<Refusal>
  /** To be counted once the events are in the log. */
  readonly outcomes: TurnOutcomes
}

/** Decides all that came in or is due at `now` (epoch milliseconds). Afterwards the actor's state is ahead of its log. */
export const takeTurn = (actor: Activation, { mail, answers }: Received, now: number): Turn => {
  const events: Array<BatchEvent> = []
  const refusals: Array<Refusal> = []
  const outcomes = new TurnOutcomes()
  const reports = new GatheredReports((event) => {
    outcomes.fold(actor.batch, event, evolve)
    events.push(event)
    if (event._tag === "TransfersRequested") keepPlaces(actor, event)
  })
  const execute = (command: BatchCommand, id?: string): void => {
    reports.before(command)
    const decision = decide(actor.batch, command, actor.terms)
    if (Result.isFailure(decision)) {
      const { reason, item } = decision.failure
      refusals.push({ command: command._tag, reason, item, ...strayIn(actor, command, reason) })
    }
    const happened =
      id === undefined
        ? Result.isSuccess(decision)
          ? decision.success
          : []
        : answerEvents(actor.batch, { id, command, at: now }, decision)
    reports.take(happened)
  }

  if (actor.takenOver && actor.batch.tasks.transfer.size > 0) execute({ _tag: "TakeOver", at: now })
  actor.takenOver = false
  const answered = new Set<string>()
  const answer = (id: string, command: BatchCommand): void => {
    // Also if it was answered before: the register may have missed that.
    answered.add(id)
    if (actor.answered.has(id)) return
    actor.answered.add(id)
    // What its log has answered stays so, whatever was decided since: an earlier schedule does not come back.
    if (actor.batch.commands.has(id)) return
    execute(command, id)
  }
  // Decisions from the register come first: they were acknowledged before the mail that waits now.
  for (const { id, command } of actor.decisions.splice(0)) answer(id, command)
  for (const { id, commandId, command, problem = "unreadable" } of mail) {
    if (command === undefined) refusals.push({ command: `mail ${id}`, reason: problem })
    else if (isUnattributed(command))
      refusals.push({ command: command._tag, reason: "not reported by a bank" })
    else if (commandId !== undefined && isDecision(command)) answer(commandId, command)
    else execute(command)
  }
  for (const answer of answers) {
    if (answer._tag === "RecordTransfer") actor.busy.delete(answer.item)
    execute(answer)
  }
  reports.flush()
  // What is due follows from the state after each command.
  const executeAtOnce = (command: BatchCommand): void => {
    execute(command)
    reports.flush()
  }
  // No intents while transfers have to wait.
  const maySend = actor.backoff.until("Transfer") <= now && mayPay(actor)
  const due = actor.services.isDraining() ? nothingDue(now) : decideDue(actor, now, maySend, executeAtOnce)
  return { events, handled: mail.map(({ id }) => id), answered: [...answered], ...due, refusals, outcomes }
}

/** Reserves places for new intents, and releases those of items that are no longer to be sent: they never use them. */
const keepPlaces = ({ batch, places }: Activation, { transfers }: BatchEventOf<"TransfersRequested">) => {
  for (const item of places) if (!batch.tasks.transfer.has(item)) places.delete(item)
  for (const { item } of transfers) places.add(item)
}

/** Mail about a transfer must be a bank's callback that names the bank. Everything else comes from our own calls. */
const isUnattributed = (command: BatchCommand): boolean => {
  if (command._tag !== "RecordTransfer") return false
  const { bank, outcome } = command
  return bank === undefined || !("evidence" in outcome) || outcome.evidence !== "callback"
}

/** Only a bank's callback names the bank. An answer to our own call is no stray. */
const strayIn = ({ id }: Activation, command: BatchCommand, reason: string): Pick<Refusal, "stray"> => {
  if (command._tag !== "RecordTransfer" || command.bank === undefined) return {}
  const { bank, item, attempt, outcome } = command
  return {
    stray: strayOf({ bank, reference: transferReference({ batch: id, item, attempt }) }, outcome, reason),
  }
}
