/** `GET /reports/acts`: what people did to anything, from the logs of batches and from the audit trail. */
import { Effect, Schema } from "effect"
import { access } from "../../identity/access.ts"
import {
  type ActView,
  REPORT_DAYS_MAX,
  REPORT_ENTRIES_MAX,
  ReportQueries,
} from "../../projections/report-queries.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { DAY_MS, pageOf, time } from "../payout-batches/list-filters.ts"
import { operator } from "../routing/guards.ts"
import { PlainWords, required, text } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant, Next } from "../routing/shapes.ts"
import { inRoom } from "./report-room.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const optional = Schema.optionalKey(Schema.String)
const optionalWhole = Schema.optionalKey(Whole)

const Act = Schema.Struct({
  at: Instant,
  who: Schema.String.annotate({ description: "The credential, or `cli:<user>` at the command line." }),
  name: optional,
  act: Schema.String,
  subject: Schema.String,
  outcome: Schema.optionalKey(
    Schema.String.annotate({ description: "What the log of the batch says came of it." }),
  ),
  reason: optional,
  partner: optional,
  batch: optional,
  version: Schema.optionalKey(Whole.annotate({ description: "The event of the batch's log." })),
  item: optionalWhole,
  items: Schema.optionalKey(Whole.annotate({ description: "How many items it is about." })),
  commandId: optional,
  sequence: Schema.optionalKey(Whole.annotate({ description: "The entry of the audit trail." })),
  address: optional,
}).annotate({ identifier: "Act" })

const ActPage = Schema.Struct({ acts: Schema.Array(Act), next: Next }).annotate({ identifier: "ActPage" })

export const listActs = route({
  method: "GET",
  path: "/reports/acts",
  operationId: "listActs",
  tag: "Reports",
  summary: "List what people did",
  description:
    "Everything, the newest first: to batches as their logs have it, and to partners, keys, endpoints and the service as the audit trail " +
    "has it. A decision that both have is one entry.",
  guard: operator(access.readAudit.operator),
  query: {
    ...pageOf(REPORT_ENTRIES_MAX),
    from: required(time("From this time on; a day is one of UTC.", 0)),
    to: required(
      time(`Before this time; a day is included. At most ${REPORT_DAYS_MAX} days after \`from\`.`, DAY_MS),
    ),
    who: text(PlainWords, {
      description: "Only of this credential.",
      example: "operator:olga",
      expected: "a credential such as operator:olga",
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: ActPage,
      example: {
        acts: [
          {
            at: "2027-01-02T03:04:05.678Z",
            who: "operator:olga",
            name: "olga",
            act: "payout-item.review",
            outcome: "released",
            subject: "payout-item:pb_7qfdkz5nhm2rj3wtxay4eb/1",
          },
        ],
        next: null,
      },
    },
  },
  failures: ["InvalidCursor", "InvalidRequest", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ by, query }) {
    if (query.to <= query.from)
      return yield* new InvalidRequest({ detail: "to: expected a time after from." })
    if (query.to - query.from > REPORT_DAYS_MAX * DAY_MS)
      return yield* new InvalidRequest({ detail: `to: expected at most ${REPORT_DAYS_MAX} days.` })
    const queries = yield* ReportQueries
    const { entries, next } = yield* inRoom(by.who, queries.acts(query))
    return reply(200, { acts: entries.map(shownAct), next: next ?? null })
  }),
)

/** An act without what it does not have. */
const shownAct = ({ at, ...act }: ActView) => ({ at: new Date(at).toISOString(), ...act })
