/** `GET /payout-batches/:id/items/:item/matches`: what the compliance engine found on its lists, for reviewers and never for partners. */
import { Effect, Schema } from "effect"
import { Verdict } from "../../domain/clearance-answers.ts"
import { type BatchId, isBatchId, parseItemNumber } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { type ItemMatches, matchesOf } from "../../streams/item-matches.ts"
import { fairlyAtATime } from "../edge/at-a-time.ts"
import { NotFound } from "../edge/failures.ts"
import { operator } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"
import { noSuchBatch } from "./batch-from-log.ts"
import { batchInPath, itemInPath } from "./shapes.ts"

/** Looks under way in a process: each reads a whole log. */
const LOOKS_MAX = 4

const sharing = fairlyAtATime(LOOKS_MAX, "looks at matches at a time")

const Match = Schema.Struct({
  name: Schema.String.annotate({ description: "As the list has it." }),
  lists: Schema.Array(Schema.String),
  id: Schema.String.annotate({ description: "The entry's id on its list." }),
  score: Schema.Finite.annotate({ description: "From 0 to 1, the same." }),
  programs: Schema.optionalKey(Schema.Array(Schema.String)),
}).annotate({ identifier: "ListMatch" })

const Decision = Schema.Struct({
  at: Instant,
  decision: Verdict,
  cause: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  listVersion: Schema.String,
  matches: Schema.Array(Match),
}).annotate({ identifier: "MatchedDecision" })

const Matches = Schema.Struct({ item: Schema.Int, decisions: Schema.Array(Decision) }).annotate({
  identifier: "ItemMatches",
})

export const showListMatches = route({
  method: "GET",
  path: "/payout-batches/:id/items/:item/matches",
  operationId: "showListMatches",
  tag: "Payout batches",
  summary: "Show what was found on lists",
  description:
    "For operators who review: the entries of lists that the decisions about an item are based on, as the log has them, the oldest first. " +
    "Empty if the engine does not say what it found.",
  guard: operator(access.review.operator),
  parameters: { ...batchInPath, item: { ...itemInPath, what: "payout item", read: parseItemNumber } },
  answers: {
    200: {
      description: "The decisions that have matches.",
      schema: Matches,
      example: {
        item: 1,
        decisions: [
          {
            at: "2027-01-02T03:04:05.678Z",
            decision: "review",
            cause: "sanctions",
            reason: "resembles an entry of a list",
            listVersion: "watchman 3f2a",
            matches: [
              { name: "DOE, John", lists: ["us_ofac"], id: "17646", score: 0.91, programs: ["SDGT"] },
            ],
          },
        ],
      },
    },
  },
  failures: ["CorruptEntry", "NotFound", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters: { id, item } }) {
    if (!isBatchId(id)) return yield* noSuchBatch
    const { batchIsThere, itemIsThere, decisions } = yield* sharing(by.who, matchesOf(id as BatchId, item))
    if (!batchIsThere) return yield* noSuchBatch
    if (!itemIsThere) return yield* new NotFound({ what: "payout item" })
    return reply(200, { item, decisions: decisions.map(shownDecision) })
  }),
)

const shownDecision = ({ at, ...decision }: ItemMatches["decisions"][number]) => ({
  at: new Date(at).toISOString(),
  ...decision,
})
