/** `/.well-known/webhook-keys/:endpoint`: the public keys that verify an endpoint's asymmetric signatures, for everybody. */
import { Effect, Schema } from "effect"
import { EndpointSecrets } from "../webhooks/endpoint-secrets.ts"
import { atATime } from "./edge/at-a-time.ts"
import { NotFound } from "./edge/failures.ts"
import { open } from "./routing/guards.ts"
import { named, PlainWords } from "./routing/parameters.ts"
import { reply } from "./routing/reply.ts"
import { route } from "./routing/route.ts"

/** How many of these requests a process answers at a time: anybody may ask, and each reads Postgres. */
const UNDER_WAY_MAX = 16
/** How long an answer may be kept, in seconds: a new key signs no later than it is listed. */
const KEPT_S = 300

const KeySet = Schema.Struct({
  keys: Schema.Array(
    Schema.Struct({
      kty: Schema.Literal("OKP"),
      crv: Schema.Literal("Ed25519"),
      alg: Schema.Literal("EdDSA"),
      use: Schema.Literal("sig"),
      kid: Schema.String.annotate({ description: "The thumbprint of the key (RFC 7638)." }),
      x: Schema.String,
      whpk: Schema.String.annotate({ description: "The same key as Standard Webhooks writes it." }),
    }),
  ),
}).annotate({ identifier: "WebhookPublicKeys", description: "A JWK set (RFC 7517, RFC 8037)." })

const limited = atATime(UNDER_WAY_MAX, "concurrent requests for public keys")

export const showWebhookPublicKeys = route({
  method: "GET",
  path: "/.well-known/webhook-keys/:endpoint",
  operationId: "showWebhookPublicKeys",
  tag: "Webhook endpoints",
  summary: "Show the public keys of an endpoint",
  description:
    "The Ed25519 keys that sign its webhooks at the moment (`v1a`). Needs no key. 404 for an endpoint that has none, or is not there.",
  guard: open,
  parameters: {
    endpoint: named(PlainWords, {
      description: "The endpoint.",
      example: "we_0123456789abcdef0123456789abcdef",
      what: "key set",
    }),
  },
  answers: {
    200: {
      description: "The keys.",
      schema: KeySet,
      headers: {
        "cache-control": {
          description: `An answer may be kept for ${KEPT_S} s.`,
          example: `public, max-age=${KEPT_S}`,
        },
      },
      example: {
        keys: [
          {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            use: "sig",
            kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            whpk: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
          },
        ],
      },
    },
  },
  failures: ["StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ parameters: { endpoint } }) {
    const { publicKeys } = yield* EndpointSecrets
    const found = yield* limited(publicKeys(endpoint))
    if (found.length === 0) return yield* new NotFound({ what: "key set" })
    const keys = found.map(({ kid, x, text }) => ({
      kty: "OKP" as const,
      crv: "Ed25519" as const,
      alg: "EdDSA" as const,
      use: "sig" as const,
      kid,
      x,
      whpk: text,
    }))
    return reply(200, { keys }, { "cache-control": `public, max-age=${KEPT_S}` })
  }),
)
