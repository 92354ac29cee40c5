/** Which bank is next: the decisions that follow from the rules of `routing.ts`, which only the worker knows. */
import type { Batch } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { type Decision, events, refuse } from "./rejection.ts"
import { isRerouteDue } from "./task.ts"

/** Items that could be paid if only a rule led them to a bank: the rules are the operator's, so the partner's items wait. */
export const decideUnrouted = (batch: Batch, command: BatchCommandOf<"RecordUnrouted">): Decision => {
  const stranger = command.items.find((item) => batch.items.get(item)?.task !== "request")
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ ...command, _tag: "ItemsUnrouted" })
}

/** Only a definitive refusal that another bank may mend leads on, once its money was released: never an unknown. */
export const decideReroute = (batch: Batch, command: BatchCommandOf<"Reroute">): Decision => {
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no-such-item", command.item)
  if (batch.closed !== undefined || !isRerouteDue(item)) return refuse(command, "not-due", command.item)
  return events({ ...command, _tag: "RerouteRequested" })
}
