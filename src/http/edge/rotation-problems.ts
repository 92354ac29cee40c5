/** The row of the table of problems about replacing what signs webhooks. */
import { Schema } from "effect"
import type { RotationUnderWay } from "../../webhooks/endpoint-secrets.ts"

export const rotationRows = {
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
