/** The rows of the table of problems that webhook endpoints and their secrets have. */
import { Schema } from "effect"
import type { RotationUnderWay } from "../../webhooks/endpoint-secrets.ts"
import type { EndpointChanged, EndpointExists } from "../../webhooks/endpoints.ts"

export const webhookRows = {
  EndpointChanged: {
    status: 412,
    slug: "webhook-endpoint-changed",
    title: "The webhook endpoint has another version than If-Match names",
    members: ({ version }: EndpointChanged) => ({
      detail: "Nothing was done. Read the endpoint again before you send the request with its new ETag.",
      version,
    }),
    fields: { version: Schema.Int },
    example: { version: 4 },
  },
  EndpointExists: {
    status: 409,
    slug: "webhook-endpoint-exists",
    title: "Another webhook endpoint has this URL",
    members: ({ endpoint }: EndpointExists) => ({
      detail:
        "Nothing was stored. The endpoint in `webhookEndpoint` has this URL, or one that leads to the same place: change that one.",
      webhookEndpoint: endpoint,
    }),
    fields: { webhookEndpoint: Schema.String },
    example: { endpoint: "we_0123456789abcdef0123456789abcdef" },
  },
  RotationUnderWay: {
    status: 409,
    slug: "rotation-under-way",
    title: "The previous one still signs",
    members: ({ until }: RotationUnderWay) => ({
      detail:
        "Nothing was changed. If your receiver has the new one, end the previous one first. If the answer with a new secret was lost, send restart: true. To end both at once, send overlapSeconds: 0.",
      until: until.toISOString(),
    }),
    fields: { until: Schema.String.annotate({ format: "date-time" }) },
    example: { until: new Date("2027-01-03T03:04:05.678Z") },
  },
} as const
