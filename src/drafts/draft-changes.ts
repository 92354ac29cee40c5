/** Who may change a draft: who knows its version, while it is open. */
import { Result } from "effect"
import { type Draft, DraftChanged, DraftNotOpen } from "./drafts.ts"

/** The draft, if it may be changed by who knows a version of it. */
export const changeable = (
  draft: Draft,
  version: number,
): Result.Result<Draft, DraftChanged | DraftNotOpen> => {
  if (draft.state !== "open") return Result.fail(notOpen(draft))
  return draft.version === version
    ? Result.succeed(draft)
    : Result.fail(new DraftChanged({ version: draft.version }))
}

/** Says what a draft that is not open is, and what it has become. */
export const notOpen = ({ state, version, batch }: Draft): DraftNotOpen =>
  new DraftNotOpen({ state, version, ...(batch === undefined ? {} : { batch }) })
