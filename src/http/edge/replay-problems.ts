/** The rows of the table of problems that deliveries which are sent again, and replays, have. */
import { Schema } from "effect"
import type { EndpointDisabled } from "../../webhooks/endpoints.ts"
import type { ReplayUnderWay } from "../../webhooks/replays.ts"

export const replayRows = {
  EndpointDisabled: {
    status: 409,
    slug: "webhook-endpoint-disabled",
    title: "The webhook endpoint is disabled",
    members: ({ endpoint }: EndpointDisabled) => ({
      detail: "Nothing is sent to a disabled endpoint. Resume it, and send the request again.",
      webhookEndpoint: endpoint,
    }),
    fields: { webhookEndpoint: Schema.String },
    example: { endpoint: "we_0123456789abcdef0123456789abcdef" },
  },
  ReplayUnderWay: {
    status: 409,
    slug: "replay-under-way",
    title: "A replay to the endpoint is under way",
    members: ({ replay }: ReplayUnderWay) => ({
      detail: "Nothing was done. Wait until the replay in `replay` has ended.",
      replay,
    }),
    fields: { replay: Schema.String },
    example: { replay: "wr_0123456789abcdef0123456789abcdef" },
  },
} as const
