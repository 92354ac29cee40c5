/** A change of when a scheduled batch may start to pay. */
import { Schema } from "effect"
import { instantOf } from "../../domain/written-time.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { executeAtProblem } from "./intake-rules.ts"
import { aboutBatch, by } from "./interventions.ts"
import { InstantText } from "./payout-batch-request.ts"

/** `{"executeAt", "by"?}`: a time within the bounds of a new batch. */
export const rescheduleBatch = aboutBatch(
  {
    act: "reschedule",
    path: "/payout-batches/:id/schedule",
    operationId: "rescheduleBatch",
    summary: "Change when a scheduled batch may start to pay",
    description: "Until the batch starts to pay. The time has the same bounds as that of a new batch.",
    body: Schema.Struct({ by, executeAt: InstantText }).annotate({ identifier: "Schedule" }),
    example: { executeAt: "2027-01-15T06:00:00Z" },
    problemOf: ({ executeAt }, at, rules) => {
      const problem = executeAtProblem(instantOf(executeAt) ?? 0, at, rules)
      return problem === undefined ? undefined : fieldProblem(["executeAt"], problem)
    },
  },
  ({ executeAt, ...said }, at) => ({
    _tag: "Reschedule",
    at,
    ...said,
    executeAt: instantOf(executeAt) ?? 0,
  }),
)
