/** The parameters that reports share: from when to when, and of whom. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { isDay } from "../../domain/written-time.ts"
import type { Caller } from "../../identity/caller.ts"
import { REPORT_DAYS_MAX } from "../../projections/report-queries.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { DAY_MS } from "../payout-batches/list-filters.ts"
import { type Parameter, required, text } from "../routing/parameters.ts"

const day = (description: string): Parameter<string | undefined> => ({
  description,
  required: false,
  example: "2026-11-27",
  schema: Schema.String.annotate({ format: "date" }),
  read: (written) =>
    written === undefined || (isDay(written) && !written.startsWith("0000"))
      ? { value: written }
      : { expected: "a day such as 2026-11-27" },
})

/** `from` and `to`: days of UTC, both included. */
export const ofDays = {
  from: required(day("The first day, in UTC.")),
  to: required(day(`The last day, in UTC. A report is about ${REPORT_DAYS_MAX} days at most.`)),
}

/** `partner`, for operators. */
export const ofSomePartner = {
  partner: text(PartnerId, {
    description: "For operators: only of this partner.",
    example: "acme",
    expected: "a partner",
  }),
}

/** The days of a report, checked. */
export const daysWithin = Effect.fnUntraced(function* ({
  from,
  to,
}: {
  readonly from: string
  readonly to: string
}) {
  const days = (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS + 1
  if (days < 1) return yield* new InvalidRequest({ detail: "to: expected a day that is not before from." })
  if (days > REPORT_DAYS_MAX)
    return yield* new InvalidRequest({ detail: `to: expected at most ${REPORT_DAYS_MAX} days.` })
  return { from, to }
})

/** Whose report it is: a partner gets its own, an operator that of all, or of the partner that it names. */
export const reportedPartner = (
  caller: Caller,
  asked: PartnerId | undefined,
): Effect.Effect<PartnerId | undefined, InvalidRequest> => {
  if (caller.kind === "operator") return Effect.succeed(asked)
  return asked === undefined || asked === caller.partner
    ? Effect.succeed(caller.partner)
    : new InvalidRequest({ detail: "partner: expected none, or the partner of the key." })
}
