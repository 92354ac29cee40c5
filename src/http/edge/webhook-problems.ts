/** The rows of the table of problems that webhook endpoints have. */
import { Schema } from "effect"
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
} as const
