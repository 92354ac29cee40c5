/** What several tables of docs/SPEC.md share: commands, and how a story gets them. */
import type { CommandWithoutTime, PlainOutcome, Story } from "./batch-story.ts"

/** Rows of a table of the specification, each with the run of the code that must give its last cell. */
export type SpecRows = ReadonlyArray<readonly [command: string, when: string, run: () => string]>

export const start = { _tag: "StartExecution" } as const
export const close = { _tag: "CloseBatch" } as const
/** A command as it was before one of its fields was kept. */
export const without = (command: CommandWithoutTime, field: "credential" | "evidence" = "credential") =>
  ({ ...command, [field]: undefined }) as CommandWithoutTime
export const told = (story: Story, command: CommandWithoutTime): Story => {
  story.tell(command)
  return story
}
export const says = (outcome: PlainOutcome, attempt = 2) =>
  ({ _tag: "RecordTransfer", item: 1, attempt, outcome }) as const
export const resolve = {
  _tag: "Resolve",
  item: 1,
  outcome: "failed",
  by: "olga",
  reason: "statement",
} as const
export const review = { _tag: "Review", item: 1, decision: "released", by: "olga", reason: "looked" } as const
export const retry = { _tag: "Retry", item: 1, by: "olga" } as const
export const cancel = { _tag: "Cancel", items: [], by: "sam", reason: "by mistake" } as const
