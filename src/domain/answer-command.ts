/**
 * The answer of a batch to a person's command, which has an id: the log has the id with the events that the command caused, or with
 * the refusal. A command may come a second time, from the mailbox or from the register. Then it changes nothing, and the log
 * does not say that it was refused.
 */
import { Result } from "effect"
import type { Batch } from "./batch.ts"
import type { BatchCommand, BatchCommandOf } from "./commands.ts"
import type { BatchEvent } from "./events.ts"
import { personalCommands } from "./personal-events.ts"
import type { Decision } from "./rejection.ts"

/** Refusals that the log of one batch records. Later ones are only in the log of the service. */
export const REFUSALS_RECORDED_MAX = 100

/** Folds the answer to a command that an event has. */
export const noteAnswer = (batch: Batch, event: BatchEvent): void => {
  if ("commandId" in event && event.commandId !== undefined) batch.commands.add(event.commandId)
  if (event._tag === "CommandRefused") batch.commandsRefused += 1
}

/** The events of a command that was decided at a time (epoch milliseconds): what it causes, or that it is refused. */
export const answerEvents = (
  batch: Batch,
  { id, command, at }: { readonly id: string; readonly command: BatchCommand; readonly at: number },
  decision: Decision,
): ReadonlyArray<BatchEvent> => {
  if (Result.isSuccess(decision)) return decision.success.map((event) => withId(event, id))
  const isSilent = batch.commands.has(id) || batch.commandsRefused >= REFUSALS_RECORDED_MAX
  if (isSilent || !isPersonal(command)) return []
  const { reason, item, attempts } = decision.failure
  const { _tag, by, credential, typedBy } = command
  return [
    {
      _tag: "CommandRefused",
      at,
      commandId: id,
      command: _tag,
      reason,
      ...(item === undefined ? {} : { item }),
      ...(attempts === undefined ? {} : { attempts }),
      by,
      ...(credential === undefined ? {} : { credential }),
      ...(typedBy === undefined ? {} : { typedBy }),
    },
  ]
}

/** Events that say who acted also say by which command. */
const withId = (event: BatchEvent, commandId: string): BatchEvent =>
  "by" in event ? { ...event, commandId } : event

type Personal = BatchCommandOf<(typeof personalCommands)[number]>

const isPersonal = (command: BatchCommand): command is Personal =>
  personalCommands.some((name) => name === command._tag)
