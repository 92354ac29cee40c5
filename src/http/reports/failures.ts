/** `GET /reports/failures`: how often attempts failed or were returned, by bank and code. */
import { Effect, Schema } from "effect"
import { Failure, failureOf } from "../../domain/failure-codes.ts"
import { access } from "../../identity/access.ts"
import { ownerOf } from "../../identity/caller.ts"
import { type Failures, ReportQueries } from "../../projections/report-queries.ts"
import { caller } from "../routing/guards.ts"
import { PlainWords, text } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { daysWithin, ofDays, ofSomePartner, reportedPartner } from "./report-parameters.ts"
import { inRoom } from "./report-room.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const FailureCount = Schema.Struct({
  bank: Schema.String,
  state: Schema.Literals(["failed", "returned"]),
  code: Schema.optionalKey(
    Schema.String.annotate({
      description: "The bank's code. Absent if it reported none: a person resolved it, or it was withdrawn.",
    }),
  ),
  failure: Schema.optionalKey(Failure.annotate({ identifier: "Failure" })),
  count: Whole,
  amounts: Schema.Array(Schema.Struct({ currency: Schema.String, value: Schema.String })),
  attempts: Whole.annotate({ description: "Attempts of the bank that settled or failed in the time." }),
  share: Schema.NullOr(Schema.Finite).annotate({
    description: "`count` by `attempts`, with six decimals; null if there were no attempts.",
  }),
}).annotate({ identifier: "FailureCount" })

const FailureReport = Schema.Struct({
  failures: Schema.Array(FailureCount),
  complete: Schema.Boolean.annotate({ description: "False if there are more codes than are shown." }),
}).annotate({ identifier: "FailureReport" })

export const countFailures = route({
  method: "GET",
  path: "/reports/failures",
  operationId: "countFailures",
  tag: "Reports",
  summary: "Count failures by bank and code",
  description:
    "Attempts that failed or were returned on these days of UTC, the most frequent codes first. A partner gets its own.",
  guard: caller(access.readBatches),
  query: {
    ...ofDays,
    ...ofSomePartner,
    bank: text(PlainWords, { description: "Only of this bank.", example: "north", expected: "a bank" }),
  },
  conditional: true,
  answers: {
    200: {
      description: "The failures.",
      schema: FailureReport,
      example: {
        failures: [
          {
            bank: "north",
            state: "failed",
            code: "AC04",
            count: 2,
            amounts: [{ currency: "EUR", value: "24.68" }],
            attempts: 50,
            share: 0.04,
          },
        ],
        complete: true,
      },
    },
  },
  failures: ["InvalidRequest", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, query: { partner: asked, from, to, bank } }) {
    const days = yield* daysWithin({ from, to })
    const partner = yield* reportedPartner(caller, asked)
    const queries = yield* ReportQueries
    const counted = yield* inRoom(ownerOf(caller), queries.failures({ ...days, partner, bank }))
    return reply(200, { failures: shownFailures(counted), complete: !counted.isCut })
  }),
)

const shownFailures = ({ failures, attempts }: Failures) =>
  failures.map(({ code, ...counted }) => {
    const failure = code === undefined ? undefined : failureOf(code)
    const ofBank = attempts[counted.bank] ?? 0
    return {
      ...counted,
      ...(code === undefined ? {} : { code }),
      ...(failure === undefined ? {} : { failure }),
      attempts: ofBank,
      share: ofBank === 0 ? null : Number((counted.count / ofBank).toFixed(6)),
    }
  })
