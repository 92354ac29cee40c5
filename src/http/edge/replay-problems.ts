/** The rows of the table of problems that replays of events have. */
import { Schema } from "effect"
import type { ReplayUnderWay } from "../../webhooks/replays.ts"

export const replayRows = {
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
