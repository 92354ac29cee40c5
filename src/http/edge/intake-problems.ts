/** The rows of the table of problems that new batches have for what is full, limited, or known already. */
import { Schema } from "effect"
import {
  type DayLimitReached,
  DuplicatePayouts,
  type DuplicatesUnknown,
  type IntakeFull,
} from "./failures.ts"
import { FieldProblem, fieldProblem } from "./field-problem.ts"

export const intakeRows = {
  DayLimitReached: {
    status: 409,
    slug: "day-limit-reached",
    title: "The batch exceeds what this partner may have accepted in a day",
    members: ({ setting, currency, max }: DayLimitReached) => ({
      detail: `Nothing was stored. The setting ${setting} allows ${max} ${currency} within 24 hours. Send the same request again later, or less.`,
      setting,
      currency,
      max,
      errors: [
        fieldProblem(["items"], `the setting ${setting} allows at most ${max} ${currency} within 24 hours`),
      ],
    }),
    fields: {
      setting: Schema.String,
      currency: Schema.String,
      max: Schema.String,
      errors: Schema.Array(FieldProblem),
    },
    example: { setting: "dayMax", currency: "EUR", max: "250000.00" },
  },
  DuplicatePayouts: {
    status: 409,
    slug: "duplicate-payouts",
    title: "Items of this batch were accepted before",
    members: ({ count, errors }: DuplicatePayouts) => ({
      detail:
        "Nothing was stored. Remove the items in errors, or pay them again on purpose: " +
        'add "duplicates": { "allowed": true, "reason": "…" } to the batch, or duplicatesReason to the query of a file.',
      count,
      errors,
    }),
    fields: { count: Schema.Int, errors: DuplicatePayouts.fields.errors },
    example: {
      count: 1,
      errors: [
        {
          pointer: "/items/0",
          item: 1,
          detail: "accepted before",
          duplicateOf: { batch: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u", item: 4 },
        },
      ],
    },
  },
  DuplicatesUnknown: {
    status: 503,
    slug: "duplicates-unknown",
    title: "It cannot be found out now whether these payouts were accepted before",
    members: ({ detail }: DuplicatesUnknown) => ({ detail }),
    retryAfterSeconds: ({ retryAfterSeconds }: DuplicatesUnknown) => retryAfterSeconds,
    example: { detail: "Earlier payouts cannot be read now.", retryAfterSeconds: 5 },
  },
  IntakeFull: {
    status: 503,
    slug: "intake-full",
    title: "The service accepts no more batches at the moment",
    retryAfterSeconds: ({ retryAfterSeconds }: IntakeFull) => retryAfterSeconds,
    example: { retryAfterSeconds: 5 },
  },
} as const
