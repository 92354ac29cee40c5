/** JSON bodies: from bytes to values, or to a failure that names the fields. Long bodies are parsed in slices. */
import { Effect, Result, type Schema, type SchemaIssue } from "effect"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { messageLimits, readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { inSlices } from "../../parsing/turns.ts"
import type { EdgeContext } from "./edge.ts"
import { InvalidBody, NotJson } from "./failures.ts"
import { fieldProblem, fieldProblems } from "./field-problem.ts"

const jsonMediaType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/** Refuses a body without the media type of JSON, before it is read. */
export const requireJson = (c: EdgeContext): Effect.Effect<void, NotJson> =>
  jsonMediaType.test(c.req.header("content-type") ?? "") ? Effect.void : Effect.fail(new NotJson())

/** Parses JSON in UTF-8, within limits. */
export const parseJson = (
  body: Buffer,
  limits: JsonLimits = messageLimits,
): Effect.Effect<unknown, InvalidBody> =>
  Effect.flatMap(inSlices(readJsonText(body, limits)), (json) =>
    json instanceof UnreadableJson ? Effect.fail(invalidBody(json)) : Effect.succeed(json),
  )

/** Parses and decodes a body. */
export const readJson = <A>(
  body: Buffer,
  decode: (json: unknown) => Result.Result<A, Schema.SchemaError>,
  limits?: JsonLimits,
): Effect.Effect<A, InvalidBody> =>
  Effect.flatMap(parseJson(body, limits), (json) =>
    Result.match(decode(json), {
      onSuccess: Effect.succeed,
      onFailure: ({ issue }) => Effect.fail(invalidBody(issue)),
    }),
  )

/** The failure for a body that cannot be parsed, or that does not match a schema. */
export const invalidBody = (problem: UnreadableJson | SchemaIssue.Issue): InvalidBody =>
  new InvalidBody({
    problems:
      problem instanceof UnreadableJson
        ? [fieldProblem(problem.path, problem.problem)]
        : fieldProblems([], problem),
  })
