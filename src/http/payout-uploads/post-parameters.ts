/** The query of `POST /payout-batches`, and its key. */
import { Effect, Schema } from "effect"
import { PlainText } from "../../domain/beneficiary.ts"
import { BatchMode } from "../../domain/events.ts"
import { Actor } from "../../domain/personal-events.ts"
import { thousandsMarkNames } from "../../payout-files/decimal-notation.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"
import {
  type IdempotencyKey,
  idempotencyKey,
  optionalIdempotencyKey,
} from "../payout-batches/idempotency-key.ts"
import { flag, oneOf, type Parameter, text } from "../routing/parameters.ts"

/** A term of a batch that comes as a file. It is checked with the batch, as that of a body is. */
const term = (
  schema: Schema.Top,
  described: { readonly description: string; readonly example: string },
): Parameter<string | undefined> => ({
  ...described,
  required: false,
  schema,
  read: (value) => ({ value }),
})

/** What a request may have in its query: how it is answered, and of a file the terms of its batch, and how it is read. */
export const postQuery = {
  dryRun: flag({ description: "Checks the batch only, in any form: nothing is stored, and no key is used." }),
  rejects: text(Schema.Literal("file"), {
    description: "For CSV and NDJSON: a refusal is answered with the rejected rows, as a file to mend.",
    expected: "file",
  }),
  rows: text(Schema.Literal("good"), {
    description:
      "For CSV and NDJSON: accepts the rows that can be paid; the answer names the others. Otherwise a bad row refuses the file.",
    expected: "good",
  }),
  reference: term(PlainText(64), { description: "For files: your name for the batch.", example: "week 12" }),
  mode: term(BatchMode, { description: "For files: as `mode` of a batch in JSON.", example: "strict" }),
  submittedBy: term(Actor, { description: "For files: who submits the batch.", example: "kim" }),
  requireApproval: flag({ description: "For files: whether the batch waits for an approval." }),
  executeAt: term(Schema.String.annotate({ format: "date-time" }), {
    description: "For CSV and NDJSON: when to pay. A pain.001 document has its own time.",
    example: "2026-11-30T09:00:00Z",
  }),
  duplicatesReason: term(Schema.String, {
    description: "For files: allows payouts that were accepted before, for this reason.",
    example: "ordered twice",
  }),
  decimal: oneOf(Schema.Literals(["point", "comma"]), { description: "For CSV: what separates decimals." }),
  thousands: oneOf(Schema.Literals(thousandsMarkNames), {
    description: "For CSV: what separates thousands.",
  }),
}

type ValuesOf<P> = { readonly [Name in keyof P]: P[Name] extends Parameter<infer A> ? A : never }
export type FileParameters = ValuesOf<typeof postQuery>

/** The parameters that a request may have whose body is a batch in JSON. */
const ofJson: ReadonlyArray<string> = ["dryRun"]

/** Refuses a batch in JSON with parameters of files: its terms are in itself. */
export const requireTermsInBody = (c: Pick<EdgeContext, "req">): Effect.Effect<void, InvalidRequest> => {
  const strays = Object.keys(c.req.queries()).filter((name) => !ofJson.includes(name))
  return strays.length === 0
    ? Effect.void
    : Effect.fail(
        new InvalidRequest({
          detail: `The query has parameters for files: ${strays.join(", ")}. A batch in JSON has its terms in its body.`,
        }),
      )
}

/** The key of a request, which only a dry run may lack. */
export const postKey: Parameter<IdempotencyKey | undefined> = {
  ...optionalIdempotencyKey,
  description: `${idempotencyKey.description} Required, except with dryRun=true.`,
  example: "week-12",
}

/** The key of a request that is no dry run. */
export const requireKey = (
  key: IdempotencyKey | undefined,
): Effect.Effect<IdempotencyKey, InvalidRequest> => {
  if (key !== undefined) return Effect.succeed(key)
  const missing = idempotencyKey.read(undefined)
  const expected = "expected" in missing ? missing.expected : ""
  return Effect.fail(new InvalidRequest({ detail: `Idempotency-Key: expected ${expected}.` }))
}

/** The terms of a batch as a body of JSON has them. */
export const termsOf = ({
  reference,
  mode,
  submittedBy,
  requireApproval,
  executeAt,
  duplicatesReason,
}: FileParameters): Readonly<Record<string, unknown>> => ({
  ...(reference === undefined ? {} : { reference }),
  ...(mode === undefined ? {} : { mode }),
  ...(submittedBy === undefined ? {} : { submittedBy }),
  ...(requireApproval ? { requireApproval } : {}),
  ...(executeAt === undefined ? {} : { executeAt }),
  ...(duplicatesReason === undefined ? {} : { duplicates: { allowed: true, reason: duplicatesReason } }),
})
