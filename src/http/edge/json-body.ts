/** JSON bodies: from bytes to values, or to a failure that names the fields. Long bodies are parsed in slices. */
import { Effect, Result, type Schema, type SchemaIssue } from "effect"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { messageLimits, readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { inSlices } from "../../parsing/turns.ts"
import { isReadAsUtf8, UnsupportedCharset, utf8Of } from "./body-charset.ts"
import type { Call } from "./edge.ts"
import { InvalidBody, NotJson } from "./failures.ts"
import { fieldProblem, fieldProblems } from "./field-problem.ts"

const jsonMediaType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/** Whether a content type is JSON. */
export const isJson = (contentType: string): boolean => jsonMediaType.test(contentType)

/** Refuses a body without the media type of JSON, before it is read. */
export const requireJson = (c: Call): Effect.Effect<void, NotJson> =>
  isJson(c.req.header("content-type") ?? "") ? Effect.void : Effect.fail(new NotJson())

/** The body of a callback in UTF-8, whichever of the charsets that are read it came in. */
export const inUtf8 = (c: Call, body: Buffer): Effect.Effect<Buffer, UnsupportedCharset> => {
  const text = utf8Of(body, c.req.header("content-type") ?? "")
  return text instanceof UnsupportedCharset ? Effect.fail(text) : Effect.succeed(text)
}

/** Refuses a body that says by its charset, or its byte-order mark, that it is not in UTF-8. */
export const requireUtf8 = (c: Call, body: Buffer): Effect.Effect<void, UnsupportedCharset> =>
  isReadAsUtf8(body, c.req.header("content-type") ?? "") ? Effect.void : Effect.fail(new UnsupportedCharset())

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
