/**
 * The client as commands use it: its promises as effects, and its errors as failures of a command. Answers are read with schemas of their
 * own, because a command prints what it always printed, and also of services of older releases.
 */
import { Effect, Schema } from "effect"
import { BatchId, type ItemNumber } from "../domain/identifiers.ts"
import { publicItemStates } from "../domain/item-state.ts"
import { withoutCredentials } from "../domain/masking.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { Problem } from "./errors.ts"
import { type AtlasPay, partnerClient } from "./partner-client.ts"
import type { CallOptions } from "./transport.ts"
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

const Posted = Schema.Struct({ ...Accepted.fields, isReplayed: Schema.Boolean })
type Posted = typeof Posted.Type

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
  /** Absent from a service of a release before. */
  attempts: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        attempt: Schema.Int,
        bank: Schema.String,
        reference: Schema.String,
        transferId: Schema.optionalKey(Schema.String),
        state: Schema.String,
        code: Schema.optionalKey(Schema.String),
        requestedAt: Schema.String,
        concludedAt: Schema.optionalKey(Schema.String),
      }),
    ),
  ),
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

/** An event of the log as it is shown. It has more fields, by its type. */
const Event = Schema.StructWithRest(
  Schema.Struct({ version: Schema.Int, type: Schema.String, at: Schema.String }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)
export type ShownEvent = typeof Event.Type

const Endpoint = Schema.Struct({ id: Schema.String, url: Schema.String })
const NewEndpoint = Schema.Struct({ ...Endpoint.fields, secret: Schema.String })

/** A delivery of a webhook as the service lists it. */
const Delivery = Schema.Struct({
  /** The id of the event, which is also the `webhook-id`. */
  event: Schema.String,
  eventType: Schema.String,
  state: Schema.Literals(["pending", "delivered", "dead"]),
  /** Attempts that ended. */
  attempts: Schema.Int,
})
export type ListedDelivery = typeof Delivery.Type

/** An attempt that ended: with the HTTP status of the answer, or an error where there was none. */
const EndedAttempt = Schema.Struct({
  number: Schema.Int,
  at: Schema.String,
  durationMs: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  status: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  error: Schema.optionalKey(Schema.NullOr(Schema.String)),
})
export type EndedAttempt = typeof EndedAttempt.Type

const DeliveryDetail = Schema.Struct({ ...Delivery.fields, ended: Schema.Array(EndedAttempt) })
const Resent = Schema.Struct({ stateBefore: Delivery.fields.state })

/** A person who waits for a command can repeat it, and rather sees at once what is wrong. */
const limits = { triesMax: 1 }
const PAGE_SIZE = 500
const BATCHES_PER_PAGE = 200
const BATCHES_MAX = 4_000

/** Calls a service. Every failure names the request and the problem that the service answered with. */
export const commandClient = ({ url, apiKey }: ServiceAddress) => {
  const failureOf = (request: string, error: unknown): CliFailure => {
    const said = error instanceof Error ? error.message : String(error)
    const reason = said.startsWith(request) ? said : `${request}: ${said}`
    return new CliFailure({ reason: withoutCredentials(reason) })
  }

  /** What the client answers, or what it fails with. The client is made here, because it refuses some addresses and keys. */
  const ask = <A>(run: (client: AtlasPay, options: CallOptions) => Promise<A>): Effect.Effect<A, unknown> =>
    Effect.tryPromise({
      try: (signal) => run(partnerClient({ url, apiKey, ...limits }), { signal }),
      catch: (error) => error,
    })

  const call = <A>(
    request: string,
    answer: Schema.Codec<A, unknown>,
    run: (client: AtlasPay, options: CallOptions) => Promise<unknown>,
  ): Effect.Effect<A, CliFailure> =>
    ask(run).pipe(
      Effect.flatMap((answered) => Schema.decodeUnknownEffect(answer)(answered)),
      Effect.mapError((error) => failureOf(request, error)),
    )

  return {
    /** Posts a batch. The same key and body always give the same batch. */
    submit: (body: string, idempotencyKey: string) =>
      call("POST /payout-batches", Accepted, (client, options) =>
        client.post(body, { ...options, idempotencyKey }),
      ),

    /** The same, and fails with the problem itself if the service read the batch and refused it: then nothing of it was done. */
    submitOnce: (body: string, idempotencyKey: string): Effect.Effect<Posted, CliFailure | Problem> =>
      ask((client, options) => client.post(body, { ...options, idempotencyKey })).pipe(
        Effect.flatMap((answered) => Schema.decodeUnknownEffect(Posted)(answered)),
        Effect.mapError((error) =>
          error instanceof Problem && !error.mayBeDone ? error : failureOf("POST /payout-batches", error),
        ),
      ),

    /**
     * The partner's batch under an idempotency key, looked for among its latest 4,000; `undefined` where it is not among
     * them and there are more, and `null` where there is none.
     */
    batchUnder: (idempotencyKey: string): Effect.Effect<BatchId | null | undefined, CliFailure> =>
      call("GET /payout-batches", Schema.UndefinedOr(Schema.NullOr(BatchId)), async (client, options) => {
        let looked = 0
        for await (const batch of client.batches({ limit: BATCHES_PER_PAGE }, options)) {
          if (looked === BATCHES_MAX) return undefined
          if (batch.idempotencyKey === idempotencyKey) return batch.id
          looked += 1
        }
        return null
      }),

    batch: (id: BatchId, asOf?: string) =>
      call(`GET /payout-batches/${id}`, ShownBatch, (client, options) =>
        client.batch(id, { ...options, asOf }),
      ),

    /** One item of a batch, as of a version or a time if there is one. */
    item: (id: BatchId, item: ItemNumber, asOf?: string) =>
      call(`GET /payout-batches/${id}/items/${item}`, ShownItemDetail, (client, options) =>
        client.item(id, item, { ...options, asOf }),
      ),

    /** All items of a batch. */
    items: (id: BatchId) =>
      call(`GET /payout-batches/${id}/items`, Schema.Array(Item), (client, options) =>
        Array.fromAsync(client.items(id, { limit: PAGE_SIZE }, options)),
      ),

    /** All events of a batch's log after a version. */
    events: (id: BatchId, after: number) =>
      call(`GET /payout-batches/${id}/events`, Schema.Array(Event), (client, options) =>
        Array.fromAsync(client.events(id, { after }, options)),
      ),

    /** Adds a webhook endpoint. The answer contains its secret. */
    addWebhookEndpoint: (endpoint: string) =>
      call("POST /webhook-endpoints", NewEndpoint, (client, options) =>
        client.createWebhookEndpoint({ url: endpoint }, options),
      ),

    webhookEndpoints: call("GET /webhook-endpoints", Schema.Array(Endpoint), (client, options) =>
      client.webhookEndpoints(options),
    ),

    removeWebhookEndpoint: (id: string) =>
      call(`DELETE /webhook-endpoints/${id}`, Schema.Void, (client, options) =>
        client.removeWebhookEndpoint(id, options),
      ),

    /** All deliveries of a batch's events to an endpoint, in any state or in one; those of its last event first. */
    webhookDeliveries: (endpoint: string, batch: BatchId, state?: ListedDelivery["state"]) =>
      call("GET /webhook-deliveries", Schema.Array(Delivery), (client, options) =>
        Array.fromAsync(client.webhookDeliveries({ endpoint, batch, state, limit: PAGE_SIZE }, options)),
      ),

    /** A delivery with its last hundred attempts, the oldest first. */
    webhookDelivery: (endpoint: string, event: string) =>
      call(`GET /webhook-endpoints/${endpoint}/deliveries`, DeliveryDetail, (client, options) =>
        client.webhookDelivery(endpoint, event, options),
      ),

    /** Sends a webhook again, under the same id. */
    resendWebhook: (endpoint: string, event: string) =>
      call(`POST /webhook-endpoints/${endpoint}/deliveries/resend`, Resent, (client, options) =>
        client.resendWebhook(endpoint, event, options),
      ),
  }
}
export type CommandClient = ReturnType<typeof commandClient>
