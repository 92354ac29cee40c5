/** Gathers what follows each other in a log, as plainly as can be: the oracle for what a turn gathers. */
import type { BatchEvent, BatchEventOf } from "../../src/domain/events.ts"

type One = BatchEventOf<"TransferAccepted" | "TransferSettled">

const evidenceIn = (event: One): string | undefined => ("evidence" in event ? event.evidence : undefined)

const asOne = (run: ReadonlyArray<One>): BatchEvent => {
  const [first] = run
  if (first === undefined) throw new Error("a run has events")
  if (run.length === 1) return first
  const at = Math.max(...run.map((one) => one.at))
  const gathered =
    first._tag === "TransferSettled"
      ? {
          _tag: "TransfersSettled",
          at,
          evidence: first.evidence,
          transfers: run.map(({ at, item, attempt }) => ({ at, item, attempt })),
        }
      : { _tag: "TransfersAccepted", at, transfers: run.map(({ _tag, ...one }) => one) }
  return gathered as unknown as BatchEvent
}

/** The same log, with settlements that follow each other in one event, and acceptances too: each about other items. */
export const gatheredRuns = (events: ReadonlyArray<BatchEvent>): ReadonlyArray<BatchEvent> => {
  const runs: Array<Array<One> | BatchEvent> = []
  for (const event of events) {
    const last = runs.at(-1)
    if (event._tag !== "TransferAccepted" && event._tag !== "TransferSettled") runs.push(event)
    else if (
      Array.isArray(last) &&
      last.every(
        (one) => one._tag === event._tag && evidenceIn(one) === evidenceIn(event) && one.item !== event.item,
      )
    )
      last.push(event)
    else runs.push([event])
  }
  return runs.map((run) => (Array.isArray(run) ? asOne(run) : run))
}
