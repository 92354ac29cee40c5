/** Decisions that follow from the rules of `routing.ts`. Only the worker knows the rules. */
import type { Batch } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { type Decision, events, refuse } from "./rejection.ts"
import { isRerouteDue } from "./task.ts"

/** Parks items that are ready to be paid but that no rule routes. The operator repairs the rules; until then they wait. */
export const decideUnrouted = (batch: Batch, command: BatchCommandOf<"RecordUnrouted">): Decision => {
  const stranger = command.items.find((item) => batch.items.get(item)?.task !== "request")
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ ...command, _tag: "ItemsUnrouted" })
}

/** Only a definitive refusal leads to another bank, and only after its money was released. An unknown outcome never does. */
export const decideReroute = (batch: Batch, command: BatchCommandOf<"Reroute">): Decision => {
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no-such-item", command.item)
  if (batch.closed !== undefined || !isRerouteDue(item)) return refuse(command, "not-due", command.item)
  return events({ ...command, _tag: "RerouteRequested" })
}
