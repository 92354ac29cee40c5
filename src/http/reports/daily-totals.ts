/** `GET /reports/daily-totals`: what came of items on each day, by partner, currency, bank and state. */
import { Effect, Schema } from "effect"
import { Currency } from "../../domain/money.ts"
import { access } from "../../identity/access.ts"
import { ownerOf } from "../../identity/caller.ts"
import { countedStates } from "../../projections/day-tallies.ts"
import { REPORT_ENTRIES_MAX, ReportQueries } from "../../projections/report-queries.ts"
import { pageOf } from "../payout-batches/list-filters.ts"
import { caller } from "../routing/guards.ts"
import { PlainWords, someOf, text } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Next } from "../routing/shapes.ts"
import { daysWithin, ofDays, ofSomePartner, reportedPartner } from "./report-parameters.ts"
import { inRoom } from "./report-room.ts"

export const CountedState = Schema.Literals(countedStates).annotate({ identifier: "CountedState" })

const DailyTotal = Schema.Struct({
  day: Schema.String.annotate({ format: "date", description: "A day of UTC." }),
  partner: Schema.String,
  currency: Schema.String,
  bank: Schema.optionalKey(Schema.String.annotate({ description: "Absent if no bank is concerned." })),
  state: CountedState,
  count: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  amount: Schema.String,
}).annotate({ identifier: "DailyTotal" })

const DailyTotalPage = Schema.Struct({ totals: Schema.Array(DailyTotal), next: Next }).annotate({
  identifier: "DailyTotalPage",
})

export const exampleTotal = {
  day: "2027-01-02",
  partner: "acme",
  currency: "EUR",
  bank: "north",
  state: "settled",
  count: 48,
  amount: "1234.56",
} as const

export const listDailyTotals = route({
  method: "GET",
  path: "/reports/daily-totals",
  operationId: "listDailyTotals",
  tag: "Reports",
  summary: "Sum up what came of items by day",
  description:
    "What happened on each day of UTC, by partner, currency, bank and state: items that were received, held, rejected, cancelled or " +
    "parked, and attempts that settled, failed or were returned. What happens later takes nothing from a day. A partner gets its own.",
  guard: caller(access.readBatches),
  query: {
    ...pageOf(REPORT_ENTRIES_MAX),
    ...ofDays,
    ...ofSomePartner,
    currency: text(Currency, {
      description: "Only of this currency.",
      example: "EUR",
      expected: "a currency such as EUR",
    }),
    bank: text(PlainWords, { description: "Only of this bank.", example: "north", expected: "a bank" }),
    state: someOf(CountedState, { description: "Only these states." }),
  },
  conditional: true,
  answers: {
    200: {
      description: "One page, by day, partner, currency, bank and state.",
      schema: DailyTotalPage,
      example: { totals: [exampleTotal], next: null },
    },
  },
  failures: ["InvalidCursor", "InvalidRequest", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, query: { partner: asked, from, to, ...request } }) {
    const days = yield* daysWithin({ from, to })
    const partner = yield* reportedPartner(caller, asked)
    const queries = yield* ReportQueries
    const { entries, next } = yield* inRoom(
      ownerOf(caller),
      queries.dailyTotals({ ...request, ...days, partner }),
    )
    return reply(200, { totals: entries, next: next ?? null })
  }),
)
