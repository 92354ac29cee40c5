/** `GET /payout-batches/:id/acts`: what people did to a batch. */
import { Effect, Schema } from "effect"
import { access } from "../../identity/access.ts"
import { batchActs } from "../../projections/personal-acts.ts"
import { type BatchActView, REPORT_ENTRIES_MAX, ReportQueries } from "../../projections/report-queries.ts"
import { VERSION_MAX } from "../edge/query.ts"
import { caller } from "../routing/guards.ts"
import { wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"
import { ownBatch, partnerOf } from "./batch-from-log.ts"
import { batchInPath } from "./shapes.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const BatchAct = Schema.Struct({
  version: Whole.annotate({ description: "The event of the log." }),
  at: Instant,
  act: Schema.Literals(batchActs),
  outcome: Schema.String.annotate({ description: "What came of it, such as `released` or `refused`." }),
  credential: Schema.optionalKey(Schema.String),
  name: Schema.String,
  item: Schema.optionalKey(Whole),
  items: Schema.optionalKey(Whole.annotate({ description: "How many items it is about." })),
  reason: Schema.optionalKey(Schema.String),
  commandId: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "BatchAct" })

const BatchActPage = Schema.Struct({
  acts: Schema.Array(BatchAct),
  next: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "BatchActPage" })

export const listBatchActs = route({
  method: "GET",
  path: "/payout-batches/:id/acts",
  operationId: "listBatchActs",
  tag: "Payout batches",
  summary: "List what people did to a batch",
  description:
    "In the order of the log: who submitted, approved, cancelled, reviewed, retried or resolved, and what came of it. What was done a " +
    "moment ago may be missing.",
  guard: caller(access.readBatches),
  parameters: batchInPath,
  query: {
    after: wholeNumber({
      description: "Only acts after this version: `next` of the previous page.",
      minimum: 0,
      maximum: VERSION_MAX,
      fallback: 0,
    }),
    limit: wholeNumber({
      description: "How many acts a page has at most.",
      minimum: 1,
      maximum: REPORT_ENTRIES_MAX,
      fallback: 100,
    }),
  },
  conditional: true,
  answers: {
    200: {
      description: "One page.",
      schema: BatchActPage,
      example: {
        acts: [
          {
            version: 1,
            at: "2027-01-02T03:04:05.678Z",
            act: "payout-batch.submit",
            outcome: "accepted",
            credential: "partner:acme/payroll",
            name: "payroll",
          },
        ],
        next: null,
      },
    },
  },
  failures: ["CorruptEntry", "NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters, query: { after, limit } }) {
    const partner = yield* partnerOf(caller, parameters.id)
    const id = yield* ownBatch(partner, parameters.id)
    const found = yield* (yield* ReportQueries).batchActs(partner, id, after, limit + 1)
    const acts = found.slice(0, limit)
    const next = found.length > limit ? (acts.at(-1)?.version ?? null) : null
    return reply(200, { acts: acts.map(shownAct), next })
  }),
)

const shownAct = ({ batch: _, partner: __, at, ...act }: BatchActView) => ({
  ...act,
  at: new Date(at).toISOString(),
})
