/** The partner of the demo: it listens for webhooks and on NATS, posts a batch, and relies only on what it received. */
import { randomUUID } from "node:crypto"
import { connect } from "@nats-io/transport-node"
import { Effect, Option, Schema, type Scope } from "effect"
import { type CommandClient, commandClient } from "../client/command-client.ts"
import { type BatchId, PartnerId } from "../domain/identifiers.ts"
import { batchIdOf } from "../http/payout-batches/batch-identity.ts"
import { serversIn } from "../platform/nats-address.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import type { LocalPlatform } from "./local-platform.ts"
import { isDemoWebhookUrl, startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts"

export interface Partner {
  readonly client: CommandClient
  readonly batch: BatchId
  readonly webhooks: WebhookReceiver
  /** The id of the endpoint that sends to the receiver. */
  readonly endpoint: string
  /** Ids of the events of the batch that were seen on NATS. */
  readonly events: ReadonlySet<string>
  /** Posts the batch. */
  readonly submit: (body: string) => Effect.Effect<void, CliFailure>
}

const REMOVE_WITHIN = "2 seconds"
const ANSWER_MS_MAX = 1_000

/**
 * Prepares to post one batch under a new idempotency key. The batch id is derived from partner and key, so the listeners
 * are ready before the first event of the batch. The webhook endpoint is removed when the scope closes.
 */
export const makePartner = Effect.fn("makePartner")(function* ({
  url,
  sandbox,
  natsUrl,
}: LocalPlatform): Effect.fn.Return<Partner, CliFailure, Scope.Scope> {
  const key = `demo-${randomUUID()}`
  const batch = batchIdOf(PartnerId.make(sandbox.partner), key)
  const client = commandClient({ url, apiKey: sandbox.apiKey })
  const webhooks = yield* startWebhookReceiver(batch)
  yield* removeAbandonedEndpoints(client)
  const { id, secret } = yield* Effect.acquireRelease(client.addWebhookEndpoint(webhooks.url), ({ id }) =>
    client.removeWebhookEndpoint(id).pipe(
      Effect.timeout(REMOVE_WITHIN),
      Effect.catch(({ message }) => Effect.logWarning(`webhook endpoint ${id} was not removed: ${message}`)),
    ),
  )
  webhooks.secret = secret
  return {
    client,
    batch,
    webhooks,
    endpoint: id,
    events: yield* countEvents(natsUrl, sandbox.partner, batch),
    submit: Effect.fnUntraced(function* (body) {
      const accepted = yield* client.submit(body, key)
      if (accepted.id !== batch)
        return yield* new CliFailure({
          reason: `expected the id ${batch}, got ${accepted.id} for endpoint ${id}`,
        })
    }),
  }
})

/** Endpoints that killed runs could not remove, and on which nobody listens any more. */
const removeAbandonedEndpoints = Effect.fnUntraced(function* (client: CommandClient) {
  for (const { id, url } of yield* client.webhookEndpoints)
    if (isDemoWebhookUrl(url) && !(yield* answers(url))) yield* client.removeWebhookEndpoint(id)
})

const answers = (url: string): Effect.Effect<boolean> =>
  Effect.tryPromise(() => fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false),
  )

const Event = Schema.fromJsonString(Schema.Struct({ id: Schema.String }))
const decodeEvent = Schema.decodeUnknownOption(Event)

/** Ids of the events that were published about the batch since the call. The set grows until the scope closes. */
const countEvents = Effect.fn("countEvents")(function* (
  natsUrl: string,
  partner: string,
  batch: string,
): Effect.fn.Return<ReadonlySet<string>, CliFailure, Scope.Scope> {
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connect({ name: "atlaspay-demo", ...serversIn(natsUrl) }),
      catch: () => new CliFailure({ reason: "NATS does not answer." }),
    }),
    (connection) => Effect.promise(() => connection.close()),
  )
  const ids = new Set<string>()
  const stream = (process.env.NATS_STREAM || "ATLASPAY").toLowerCase()
  connection.subscribe(`${stream}.events.${partner}.${batch}.*`, {
    callback: (error, message) => {
      const event = error === null ? decodeEvent(message.string()) : Option.none()
      if (Option.isSome(event)) ids.add(event.value.id)
    },
  })
  yield* Effect.promise(() => connection.flush())
  return ids
})
