/** A client of the API, for partners. */
import { Effect, Option, Schema } from "effect"
import { BatchId, type ItemNumber } from "../domain/identifiers.ts"
import { publicItemStates } from "../domain/item-state.ts"
import { withoutCredentials } from "../domain/masking.ts"
import { CliFailure } from "../terminal/cli-failure.ts"

export interface ServiceAddress {
  readonly url: string
  readonly apiKey: string
}

const itemState = Schema.Literals(publicItemStates)

/** What the service accepted and finds strange: about an item's field, or about several items. */
const Warning = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  detail: Schema.String,
  item: Schema.optionalKey(Schema.Int),
  field: Schema.optionalKey(Schema.String),
  items: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        item: Schema.Int,
        duplicateOf: Schema.optionalKey(Schema.Struct({ batch: Schema.String, item: Schema.Int })),
      }),
    ),
  ),
})
export type Warning = typeof Warning.Type

/** The answer to a batch; `warnings` are about what is likely to be wrong, and was accepted. */
const Accepted = Schema.Struct({
  id: BatchId,
  itemCount: Schema.Int,
  warnings: Schema.optionalKey(Schema.Array(Warning)),
})

/** A batch as `GET /payout-batches/:id` shows it; `states` is per currency and item state. */
export const ShownBatch = Schema.Struct({
  id: BatchId,
  state: Schema.String,
  itemCount: Schema.Int,
  version: Schema.Int,
  /** Nothing is paid before; in ISO 8601. */
  executeAt: Schema.optionalKey(Schema.String),
  states: Schema.Record(
    Schema.String,
    Schema.Record(Schema.String, Schema.Struct({ count: Schema.Int, amount: Schema.String })),
  ),
  /** Only a person can move the batch. Services of older releases do not send it. */
  needsAttention: Schema.optionalKey(Schema.Boolean),
})
export type ShownBatch = typeof ShownBatch.Type

const BatchPage = Schema.Struct({
  payoutBatches: Schema.Array(Schema.Struct({ id: BatchId, idempotencyKey: Schema.String })),
  next: Schema.NullOr(Schema.String),
})

const Item = Schema.Struct({
  item: Schema.Int,
  amount: Schema.Struct({ currency: Schema.String, value: Schema.String }),
  state: itemState,
  ledger: Schema.Literals(["none", "held", "posted", "released", "reversed"]),
})
export type ShownItem = typeof Item.Type

const ShownAmount = Schema.Struct({ currency: Schema.String, value: Schema.String })

/** An item as `GET /payout-batches/:id/items/:item` shows it, with what banks reported of it beside its state. */
export const ShownItemDetail = Schema.Struct({
  item: Schema.Int,
  reference: Schema.String,
  amount: ShownAmount,
  beneficiary: Schema.Struct({ name: Schema.String, account: Schema.String }),
  state: Schema.String,
  bank: Schema.optionalKey(Schema.String),
  attempt: Schema.optionalKey(Schema.Int),
  transferReference: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  failure: Schema.optionalKey(Schema.Struct({ meaning: Schema.String })),
  bankRemarks: Schema.Array(
    Schema.Struct({
      bank: Schema.String,
      attempt: Schema.Int,
      kind: Schema.String,
      text: Schema.String,
      amount: Schema.optionalKey(ShownAmount),
      instructed: Schema.optionalKey(ShownAmount),
      booked: Schema.optionalKey(ShownAmount),
      rate: Schema.optionalKey(Schema.String),
      seenAt: Schema.String,
    }),
  ),
})
export type ShownItemDetail = typeof ShownItemDetail.Type

const ItemPage = Schema.Struct({ items: Schema.Array(Item), next: Schema.NullOr(Schema.String) })

/** An event of the log as it is shown. It has more fields, by its type. */
const Event = Schema.StructWithRest(
  Schema.Struct({ version: Schema.Int, type: Schema.String, at: Schema.String }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)
export type ShownEvent = typeof Event.Type

const EventPage = Schema.Struct({ events: Schema.Array(Event), next: Schema.NullOr(Schema.Int) })

const Endpoint = Schema.Struct({ id: Schema.String, url: Schema.String })
const NewEndpoint = Schema.Struct({ ...Endpoint.fields, secret: Schema.String })
const Endpoints = Schema.Struct({ webhookEndpoints: Schema.Array(Endpoint) })

const Problem = Schema.Struct({
  title: Schema.String,
  detail: Schema.optionalKey(Schema.String),
  /** The batch that the problem is about. */
  batch: Schema.optionalKey(BatchId),
  errors: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        pointer: Schema.optionalKey(Schema.String),
        item: Schema.optionalKey(Schema.Int),
        field: Schema.optionalKey(Schema.String),
        detail: Schema.String,
      }),
    ),
  ),
})

/** The service read a request and refused it: nothing of it was done. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  /** Of HTTP, from 400 to 499. */
  status: Schema.Int,
  problem: Problem,
  reason: Schema.String,
}) {
  override get message() {
    return this.reason
  }
}

const TIMEOUT_MS = 15_000
const PAGE_SIZE = 500
const BATCHES_PER_PAGE = 200
const BATCH_PAGES_MAX = 20
/** More pages than any batch or log has. */
const PAGES_MAX = 2_000
const PROBLEMS_SHOWN_MAX = 20

/** Calls a service. Every failure names the request and the problem that the service answered with. */
export const serviceClient = ({ url, apiKey }: ServiceAddress) => {
  const ask = (request: Request): Effect.Effect<Answer, CliFailure | RequestRefused> =>
    Effect.tryPromise({
      try: (interrupted) => answered(url, apiKey, request, interrupted),
      catch: (error) =>
        error instanceof ProblemAnswered
          ? new RequestRefused({ ...error.answered, reason: failure(request, error.message).reason })
          : failure(request, withoutKey(error instanceof Error ? error.message : String(error), apiKey)),
    })

  const call = <A>(request: Request, answer: Schema.Codec<A, unknown>): Effect.Effect<A, CliFailure> =>
    ask(request).pipe(
      Effect.flatMap(({ body }) => Schema.decodeUnknownEffect(answer)(body)),
      Effect.mapError((error) => {
        if (error._tag === "CliFailure") return error
        return error._tag === "RequestRefused"
          ? new CliFailure({ reason: error.reason })
          : failure(request, error.message)
      }),
    )

  return {
    /** Posts a batch. The same key and body always give the same batch. */
    submit: (body: string, idempotencyKey: string) =>
      call({ method: "POST", path: "/payout-batches", body, idempotencyKey }, Accepted),

    /** The same, and tells a refusal from a call that may have been carried out, and a new batch from one of before. */
    submitOnce: Effect.fnUntraced(function* (body: string, idempotencyKey: string) {
      const request = { method: "POST", path: "/payout-batches", body, idempotencyKey } as const
      const answer = yield* ask(request)
      const accepted = yield* Schema.decodeUnknownEffect(Accepted)(answer.body).pipe(
        Effect.mapError((error) => failure(request, error.message)),
      )
      return { ...accepted, isReplayed: answer.isReplayed }
    }),

    /**
     * The partner's batch under an idempotency key, looked for among its latest 4,000; `undefined` where it is not among
     * them and there are more, and `null` where there is none.
     */
    batchUnder: Effect.fnUntraced(function* (idempotencyKey: string) {
      let cursor = ""
      for (let page = 0; page < BATCH_PAGES_MAX; page += 1) {
        const path = `/payout-batches?limit=${BATCHES_PER_PAGE}${cursor === "" ? "" : `&cursor=${cursor}`}`
        const found: typeof BatchPage.Type = yield* call({ method: "GET", path }, BatchPage)
        const batch = found.payoutBatches.find((listed) => listed.idempotencyKey === idempotencyKey)
        if (batch !== undefined) return batch.id
        if (found.next === null) return null
        cursor = encodeURIComponent(found.next)
      }
      return undefined
    }),

    batch: (id: BatchId) => call({ method: "GET", path: `/payout-batches/${id}` }, ShownBatch),

    /** One item of a batch. */
    item: (id: BatchId, item: ItemNumber) =>
      call({ method: "GET", path: `/payout-batches/${id}/items/${item}` }, ShownItemDetail),

    /** All items of a batch. */
    items: Effect.fnUntraced(function* (id: BatchId) {
      const items: Array<ShownItem> = []
      let cursor: string | null = ""
      for (let page = 0; cursor !== null && page < PAGES_MAX; page += 1) {
        const path = `/payout-batches/${id}/items?limit=${PAGE_SIZE}${cursor === "" ? "" : `&cursor=${cursor}`}`
        const found: typeof ItemPage.Type = yield* call({ method: "GET", path }, ItemPage)
        items.push(...found.items)
        cursor = found.next
      }
      return items
    }),

    /** All events of a batch's log after a version. */
    events: Effect.fnUntraced(function* (id: BatchId, after: number) {
      const events: Array<ShownEvent> = []
      let from: number | null = after
      for (let page = 0; from !== null && page < PAGES_MAX; page += 1) {
        const path = `/payout-batches/${id}/events?limit=${PAGE_SIZE}&after=${from}`
        const found: typeof EventPage.Type = yield* call({ method: "GET", path }, EventPage)
        events.push(...found.events)
        from = found.next
      }
      return events
    }),

    /** Adds a webhook endpoint. The answer contains its secret. */
    addWebhookEndpoint: (endpoint: string) =>
      call(
        { method: "POST", path: "/webhook-endpoints", body: JSON.stringify({ url: endpoint }) },
        NewEndpoint,
      ),

    webhookEndpoints: call({ method: "GET", path: "/webhook-endpoints" }, Endpoints).pipe(
      Effect.map(({ webhookEndpoints }) => webhookEndpoints),
    ),

    removeWebhookEndpoint: (id: string) =>
      call({ method: "DELETE", path: `/webhook-endpoints/${id}` }, Schema.Undefined),
  }
}
export type ServiceClient = ReturnType<typeof serviceClient>

interface Request {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: string
  readonly body?: string
  readonly idempotencyKey?: string
}

interface Answer {
  readonly body: unknown
  /** The request was carried out before, and this is the answer of then. */
  readonly isReplayed: boolean
}

const answered = async (
  url: string,
  apiKey: string,
  request: Request,
  interrupted: AbortSignal,
): Promise<Answer> => {
  const { method, path, body, idempotencyKey } = request
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([interrupted, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  if (!response.ok) throw notDone(response.status, withoutKey(await response.text(), apiKey))
  const isReplayed = response.headers.get("idempotent-replayed") === "true"
  return { body: response.status === 204 ? undefined : await response.json(), isReplayed }
}

/** A refusal on its way to whoever asked: `fetch` fails with other errors, which say less. */
class ProblemAnswered extends Error {
  readonly answered: { readonly status: number; readonly problem: typeof Problem.Type }

  constructor(message: string, answered: ProblemAnswered["answered"]) {
    super(message)
    this.answered = answered
  }
}

/** A request that the service refused, or that failed there: then nobody knows how much of it was carried out. */
const notDone = (status: number, text: string): Error => {
  const problem = Schema.decodeUnknownOption(Schema.fromJsonString(Problem))(text)
  const said = `${status} ${problemText(text)}`
  return status < 500 && Option.isSome(problem)
    ? new ProblemAnswered(said, { status, problem: problem.value })
    : new Error(said)
}

/** A problem document as text, or the beginning of any other answer. */
const problemText = (text: string): string => {
  const problem = Schema.decodeUnknownOption(Schema.fromJsonString(Problem))(text)
  if (problem._tag === "None") return text.slice(0, 200)
  const { title, detail, errors = [] } = problem.value
  const lines = errors
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map(({ pointer, detail }) => `\n  ${pointer ?? ""}: ${detail}`)
  return [title, ...(detail === undefined ? [] : [`: ${detail}`]), ...lines].join("")
}

/** Removes the key from an error text: `fetch` quotes an invalid header, such as a key that was pasted with a line break. */
const withoutKey = (text: string, apiKey: string): string =>
  withoutCredentials(apiKey.trim() === "" ? text : text.replaceAll(apiKey.trim(), "[the API key]"))

const failure = ({ method, path }: Request, reason: string): CliFailure =>
  new CliFailure({ reason: `${method} ${path}: ${reason}` })
