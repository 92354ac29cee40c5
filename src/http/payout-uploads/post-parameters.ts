/**
 * The query of `POST /payout-batches`. A parameter that is unknown, repeated or misspelt is refused: without its `dryRun` a
 * request would pay, and without its `executeAt` too early.
 */
import { Effect, Schema } from "effect"
import { decodingThoroughly, schemaProblems } from "../../parsing/schema-problems.ts"
import { thousandsMarkNames } from "../../payout-files/decimal-notation.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"

const flag = Schema.optionalKey(Schema.Literals(["true", "false"]))

/** How a request is answered; it is no part of what it asks for. */
const answer = { dryRun: flag }

/** What any form may have in its query. */
export const JsonParameters = Schema.Struct(answer)

/** What a file may have in its query: the terms of its batch, and how it is read. The terms are checked as those of a body are. */
export const FileParameters = Schema.Struct({
  ...answer,
  /** The rejected rows are the answer to a file that has some, in its own form. */
  rejects: Schema.optionalKey(Schema.Literal("file")),
  reference: Schema.optionalKey(Schema.String),
  mode: Schema.optionalKey(Schema.String),
  submittedBy: Schema.optionalKey(Schema.String),
  requireApproval: flag,
  executeAt: Schema.optionalKey(Schema.String),
  /** Allows duplicates, for this reason. */
  duplicatesReason: Schema.optionalKey(Schema.String),
  decimal: Schema.optionalKey(Schema.Literals(["point", "comma"])),
  thousands: Schema.optionalKey(Schema.Literals(thousandsMarkNames)),
})
export type FileParameters = typeof FileParameters.Type

const decodeFile = decodingThoroughly(FileParameters)
const decodeJson = decodingThoroughly(JsonParameters)
const known = { json: Object.keys(JsonParameters.fields), file: Object.keys(FileParameters.fields) }

/** The parameters of a request whose terms are in its body. */
export const jsonParameters = (c: EdgeContext) => decoded(c, known.json, decodeJson)

/** The parameters of a request whose body is a file. */
export const fileParameters = (c: EdgeContext) => decoded(c, known.file, decodeFile)

const decoded = Effect.fnUntraced(function* <A>(
  c: EdgeContext,
  names: ReadonlyArray<string>,
  decode: ReturnType<typeof decodingThoroughly<Schema.ConstraintDecoder<A>>>,
) {
  const given = c.req.queries()
  for (const [name, values] of Object.entries(given)) {
    if (!names.includes(name))
      return yield* new InvalidRequest({
        detail: `The query has a parameter that is not known with this Content-Type. Known are ${names.join(", ")}.`,
      })
    if (values.length > 1) return yield* new InvalidRequest({ detail: `${name}: expected once.` })
  }
  const one = Object.fromEntries(Object.entries(given).map(([name, [value]]) => [name, value]))
  return yield* Effect.mapError(Effect.fromResult(decode(one)), ({ issue }) => {
    const [first] = schemaProblems(issue).issues
    return new InvalidRequest({ detail: `${first?.path?.map(String).join(".")}: ${first?.message}.` })
  })
})

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
  ...(requireApproval === undefined ? {} : { requireApproval: requireApproval === "true" }),
  ...(executeAt === undefined ? {} : { executeAt }),
  ...(duplicatesReason === undefined ? {} : { duplicates: { allowed: true, reason: duplicatesReason } }),
})
