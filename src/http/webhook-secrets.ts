/** `/webhook-endpoints/:id/secret` and `…/signing-key`: what signs an endpoint's webhooks, and how it is replaced. */
import { Effect, Schema } from "effect"
import { access } from "../identity/access.ts"
import {
  type EndpointOf,
  EndpointSecrets,
  OVERLAP_MS,
  OVERLAP_MS_MAX,
  publicKeysPath,
  type Signatures,
} from "../webhooks/endpoint-secrets.ts"
import { NotFound } from "./edge/failures.ts"
import { jsonBody } from "./routing/bodies.ts"
import { type OfPartner, partner, partnerAct } from "./routing/guards.ts"
import { named, PlainWords } from "./routing/parameters.ts"
import { emptyReply, reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"
import { Instant } from "./routing/shapes.ts"

const { partner: scope } = access.manageWebhooks
const tag = "Webhook endpoints"
const id = "we_0123456789abcdef0123456789abcdef"
const parameters = {
  id: named(PlainWords, { description: "The endpoint.", example: id, what: "webhook endpoint" }),
}

const overlapSeconds = Schema.optionalKey(
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: OVERLAP_MS_MAX / 1_000 })).annotate({
    description: "For how long the previous one signs as well. With 0 it ends at once.",
    default: OVERLAP_MS / 1_000,
  }),
)

const SecretRotation = Schema.Struct({
  overlapSeconds,
  restart: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "Start a rotation again whose answer was lost: drops the new secret that nobody has, and keeps the one of before.",
      default: false,
    }),
  ),
}).annotate({ identifier: "WebhookSecretRotation" })

const SigningKeyRotation = Schema.Struct({ overlapSeconds })

const RotatedSecret = Schema.Struct({
  secret: Schema.String.annotate({ description: "The new secret. It is shown here and never again." }),
  previousSecretUntil: Schema.optional(Instant),
}).annotate({ identifier: "RotatedWebhookSecret" })

const ShownSignatures = Schema.Struct({
  signatures: Schema.Array(Schema.Literals(["v1", "v1a"])).annotate({
    description: "The versions of the signatures that each webhook has.",
  }),
  previousSecretUntil: Schema.optional(
    Instant.annotate({ description: "Until then the previous secret signs as well." }),
  ),
  publicKeys: Schema.Array(
    Schema.Struct({
      publicKey: Schema.String.annotate({ description: "`whpk_` and the Ed25519 key in base64." }),
      kid: Schema.String,
      until: Schema.optional(
        Instant.annotate({ description: "When a key that is being replaced ceases to sign." }),
      ),
    }),
  ),
  publicKeysAt: Schema.String.annotate({ description: "Where everybody can read the public keys." }),
}).annotate({ identifier: "WebhookSignatures" })

const unstored = { "cache-control": "no-store" }
const exampleSignatures = {
  signatures: ["v1", "v1a"] as const,
  previousSecretUntil: "2027-01-03T03:04:05.678Z",
  publicKeys: [
    {
      publicKey: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
      kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    },
  ],
  publicKeysAt: publicKeysPath(id),
}
const signaturesAnswer = {
  200: {
    description: "What signs the endpoint's webhooks.",
    schema: ShownSignatures,
    example: exampleSignatures,
  },
}

export const showWebhookSignatures = route({
  method: "GET",
  path: "/webhook-endpoints/:id/signatures",
  operationId: "showWebhookSignatures",
  tag,
  summary: "Show what signs an endpoint's webhooks",
  description:
    "Shows public keys, and until when what is being replaced still signs. It never shows a secret.",
  guard: partner(scope),
  parameters,
  answers: signaturesAnswer,
  failures: ["StoreUnavailable"],
}).handledBy((request) => shownSignatures(ofRequest(request)))

export const rotateWebhookSecret = route({
  method: "POST",
  path: "/webhook-endpoints/:id/secret/rotation",
  operationId: "rotateWebhookSecret",
  tag,
  summary: "Replace an endpoint's secret",
  description:
    "The new secret is shown once, in this answer. Both sign each webhook until the overlap ends. Meanwhile the secret is replaced only at once (`overlapSeconds: 0`) or with `restart`.",
  guard: partnerAct(scope),
  parameters,
  body: jsonBody(SecretRotation, {
    kind: "endpoints",
    bytesMax: 4 * 1024,
    example: { overlapSeconds: 86_400 },
  }),
  answers: {
    200: {
      description: "The new secret.",
      schema: RotatedSecret,
      headers: {
        "cache-control": { description: "`no-store`: the answer has a secret.", example: "no-store" },
      },
      example: { secret: "whsec_…", previousSecretUntil: "2027-01-03T03:04:05.678Z" },
    },
  },
  failures: ["RotationUnderWay", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    const { overlapSeconds: seconds, restart = false } = yield* request.body
    const rotation = { overlapMs: msOf(seconds), restart }
    const { secret, previousUntil } = yield* (yield* EndpointSecrets)
      .rotateSecret(ofRequest(request), rotation, actorOf(request))
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return reply(200, { secret, previousSecretUntil: previousUntil?.toISOString() }, unstored)
  }),
)

export const endPreviousWebhookSecret = route({
  method: "DELETE",
  path: "/webhook-endpoints/:id/secret/previous",
  operationId: "endPreviousWebhookSecret",
  tag,
  summary: "End the previous secret of an endpoint",
  description:
    "Ends the overlap of a rotation early: only the current secret signs. Does nothing without a rotation under way.",
  guard: partnerAct(scope),
  parameters,
  answers: { 204: { description: "Only the current secret signs." } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    yield* (yield* EndpointSecrets)
      .endPrevious("secret", ofRequest(request), actorOf(request))
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return emptyReply(204)
  }),
)

export const addWebhookSigningKey = route({
  method: "PUT",
  path: "/webhook-endpoints/:id/signing-key",
  operationId: "addWebhookSigningKey",
  tag,
  summary: "Add asymmetric signatures to an endpoint",
  description:
    "Each webhook then has an Ed25519 signature (`v1a`) besides that of the secret (`v1`). The key is the endpoint's own. Does nothing if it has one.",
  guard: partnerAct(scope),
  parameters,
  answers: signaturesAnswer,
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    yield* (yield* EndpointSecrets)
      .addSigningKey(ofRequest(request), actorOf(request))
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return yield* shownSignatures(ofRequest(request))
  }),
)

export const rotateWebhookSigningKey = route({
  method: "POST",
  path: "/webhook-endpoints/:id/signing-key/rotation",
  operationId: "rotateWebhookSigningKey",
  tag,
  summary: "Replace an endpoint's key for asymmetric signatures",
  description: "Both keys are listed, and both sign each webhook, until the overlap ends.",
  guard: partnerAct(scope),
  parameters,
  body: jsonBody(SigningKeyRotation, {
    kind: "endpoints",
    bytesMax: 4 * 1024,
    example: { overlapSeconds: 86_400 },
  }),
  answers: signaturesAnswer,
  failures: ["RotationUnderWay", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    const { overlapSeconds: seconds } = yield* request.body
    yield* (yield* EndpointSecrets)
      .rotateSigningKey(ofRequest(request), { overlapMs: msOf(seconds) }, actorOf(request))
      .pipe(
        Effect.catchTag("NoSuchEndpoint", noSuchEndpoint),
        Effect.catchTag("NoSigningKey", () => new NotFound({ what: "signing key" })),
      )
    return yield* shownSignatures(ofRequest(request))
  }),
)

export const endPreviousWebhookSigningKey = route({
  method: "DELETE",
  path: "/webhook-endpoints/:id/signing-key/previous",
  operationId: "endPreviousWebhookSigningKey",
  tag,
  summary: "End the previous key for asymmetric signatures",
  description: "Ends the overlap of a rotation early. Does nothing without a rotation under way.",
  guard: partnerAct(scope),
  parameters,
  answers: { 204: { description: "Only the current key signs." } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    yield* (yield* EndpointSecrets)
      .endPrevious("signing key", ofRequest(request), actorOf(request))
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return emptyReply(204)
  }),
)

export const removeWebhookSigningKey = route({
  method: "DELETE",
  path: "/webhook-endpoints/:id/signing-key",
  operationId: "removeWebhookSigningKey",
  tag,
  summary: "End asymmetric signatures of an endpoint",
  description:
    "Its webhooks are signed with the secret alone from now on. Does nothing if it has no such key.",
  guard: partnerAct(scope),
  parameters,
  answers: { 204: { description: "The endpoint has no key for asymmetric signatures." } },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* (request) {
    yield* (yield* EndpointSecrets)
      .removeSigningKey(ofRequest(request), actorOf(request))
      .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
    return emptyReply(204)
  }),
)

/** The routes of this file. */
export const webhookSecretRoutes = [
  showWebhookSignatures,
  rotateWebhookSecret,
  endPreviousWebhookSecret,
  addWebhookSigningKey,
  rotateWebhookSigningKey,
  endPreviousWebhookSigningKey,
  removeWebhookSigningKey,
]

type Asked = Pick<OfPartner, "partner" | "credential" | "address"> & {
  readonly parameters: { readonly id: string }
}

const ofRequest = ({ partner, parameters }: Asked): EndpointOf => ({ partner, endpoint: parameters.id })
const actorOf = ({ credential: who, address }: Asked) => ({ who, address })

const noSuchEndpoint = () => new NotFound({ what: "webhook endpoint" })

const msOf = (seconds = OVERLAP_MS / 1_000): number => seconds * 1_000

const shownSignatures = Effect.fnUntraced(function* (of: EndpointOf) {
  const signatures = yield* (yield* EndpointSecrets)
    .signatures(of)
    .pipe(Effect.catchTag("NoSuchEndpoint", noSuchEndpoint))
  return reply(200, shown(of.endpoint, signatures))
})

const shown = (endpoint: string, { previousSecretUntil, publicKeys }: Signatures) => ({
  signatures: publicKeys.length === 0 ? (["v1"] as const) : (["v1", "v1a"] as const),
  previousSecretUntil: previousSecretUntil?.toISOString(),
  publicKeys: publicKeys.map(({ text, kid, until }) => ({
    publicKey: text,
    kid,
    until: until?.toISOString(),
  })),
  publicKeysAt: publicKeysPath(endpoint),
})
