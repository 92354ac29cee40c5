/** `GET /payout-batches/:id/events`: the batch's own log, a page of it or as it comes. */
import { Effect } from "effect"
import { access } from "../../identity/access.ts"
import { VERSION_MAX } from "../edge/query.ts"
import { caller } from "../routing/guards.ts"
import { wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { ownBatch, partnerOf } from "./batch-from-log.ts"
import { streamEvents } from "./event-stream.ts"
import { eventPage } from "./payout-batch-events.ts"
import { BatchEventPage, batchInPath, exampleEvent } from "./shapes.ts"

const PAGE_DEFAULT = 100
const PAGE_MAX = 500

export const listBatchEvents = route({
  method: "GET",
  path: "/payout-batches/:id/events",
  operationId: "listBatchEvents",
  tag: "Payout batches",
  summary: "List the events of a batch's log",
  description:
    "The log itself, with accounts masked. An event has more fields than those that all have. If `Accept` prefers " +
    "`text/event-stream`, the events come as they are appended, until the batch is closed.",
  guard: caller(access.readBatches),
  parameters: batchInPath,
  query: {
    after: wholeNumber({
      description: "A version: `next` of the previous page, or of the last event that you have.",
      minimum: 0,
      maximum: VERSION_MAX,
      fallback: 0,
    }),
    limit: wholeNumber({
      description: "How many events a page has at most.",
      minimum: 1,
      maximum: PAGE_MAX,
      fallback: PAGE_DEFAULT,
    }),
  },
  headers: {
    "last-event-id": wholeNumber({
      description: "For a stream, in place of `after`: the id of the last event that you have.",
      minimum: 0,
      maximum: VERSION_MAX,
      fallback: undefined,
    }),
  },
  conditional: true,
  answers: {
    200: {
      description: "One page, or a stream of server-sent events.",
      schema: BatchEventPage,
      example: { events: [exampleEvent], next: null },
      otherMediaTypes: {
        "text/event-stream": { example: `id: 1\ndata: ${JSON.stringify(exampleEvent)}\n\n` },
      },
    },
    204: { description: "To who asks for a stream: the batch is closed, and you have all of its events." },
  },
  failures: ["CorruptEntry", "NotFound", "StoreUnavailable", "TooManyRequests", "VersionNotReached"],
}).handledBy(
  Effect.fnUntraced(function* ({ c, caller, address, mediaType, parameters, query, headers }) {
    const partner = yield* partnerOf(caller, parameters.id)
    if (mediaType === "text/event-stream") {
      const version = headers["last-event-id"] ?? query.after
      return yield* streamEvents({ c, caller, address, partner, batch: parameters.id, version })
    }
    const id = yield* ownBatch(partner, parameters.id)
    return reply(200, yield* eventPage(id, query.after, query.limit))
  }),
)
