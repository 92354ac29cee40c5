/** `/webhook-endpoints`: the URLs to which a partner's events are delivered. */
import { Effect, Schema } from "effect"
import { Hono } from "hono"
import { TextWithin } from "../domain/code-points.ts"
import type { Credential } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { access } from "../identity/access.ts"
import { PublicEventType } from "../publisher/public-event.ts"
import { type Endpoint, WebhookEndpoints } from "../webhooks/endpoints.ts"
import type { Edge, EdgeContext, EdgeEnv } from "./edge/edge.ts"
import { InvalidBody, NotFound } from "./edge/failures.ts"
import { fieldProblem } from "./edge/field-problem.ts"
import { readJson, requireJson, requireUtf8 } from "./edge/json-body.ts"
import { RequestBodies } from "./edge/request-body.ts"

const BODY_BYTES_MAX = 64 * 1024

const EndpointBody = Schema.Struct({
  url: TextWithin(2_048),
  eventTypes: Schema.optionalKey(
    Schema.Array(PublicEventType).check(Schema.isMinLength(1), Schema.isMaxLength(64)),
  ),
})

const decodeEndpoint = Schema.decodeUnknownResult(EndpointBody, { errors: "all", onExcessProperty: "error" })

export const webhookEndpoints = (edge: Edge<RequestBodies | WebhookEndpoints>): Hono<EdgeEnv> =>
  new Hono<EdgeEnv>()
    .post("/webhook-endpoints", edge.partnerAct(access.manageWebhooks.partner, create))
    .get("/webhook-endpoints", edge.partner(access.manageWebhooks.partner, list))
    .delete("/webhook-endpoints/:id", edge.partnerAct(access.manageWebhooks.partner, remove))

const create = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  who: Credential,
  address: string | undefined,
) {
  yield* requireJson(c)
  const bodies = yield* RequestBodies
  const terms = { kind: "endpoints", owner: partner, bytesMax: BODY_BYTES_MAX } as const
  const asked = yield* bodies.use(c.env, terms, (body) =>
    Effect.andThen(requireUtf8(c, body), readJson(body, decodeEndpoint)),
  )
  const endpoints = yield* WebhookEndpoints
  const { endpoint, secret } = yield* endpoints
    .create({ partner, ...asked }, { who, address })
    .pipe(Effect.catchTag("EndpointRefused", ({ field, reason }) => refused(field, reason)))
  const headers = { location: `/webhook-endpoints/${endpoint.id}`, "cache-control": "no-store" }
  return c.json({ ...shown(endpoint), secret }, 201, headers)
})

const list = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const endpoints = yield* (yield* WebhookEndpoints).list(partner)
  return c.json({ webhookEndpoints: endpoints.map(shown) })
})

const remove = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  who: Credential,
  address: string | undefined,
) {
  yield* (yield* WebhookEndpoints)
    .remove(partner, c.req.param("id") ?? "", { who, address })
    .pipe(Effect.catchTag("NoSuchEndpoint", () => new NotFound({ what: "webhook endpoint" })))
  return c.body(null, 204)
})

const refused = (field: string, reason: string): InvalidBody =>
  new InvalidBody({ problems: [fieldProblem([field], reason)] })

const shown = ({ id, url, eventTypes, enabled, createdAt }: Endpoint) => ({
  id,
  url,
  eventTypes,
  enabled,
  createdAt: createdAt.toISOString(),
})
