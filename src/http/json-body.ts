/** JSON bodies: bytes to values, or a failure that names the fields. */
import { isUtf8 } from "node:buffer"
import { Effect, Result, type Schema } from "effect"
import type { EdgeContext } from "./edge.ts"
import { InvalidBody, NotJson } from "./failures.ts"
import { fieldProblem, fieldProblems } from "./field-problem.ts"

const jsonMediaType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/** Refuses a body that does not say that it is JSON, before it is read. */
export const requireJson = (c: EdgeContext): Effect.Effect<void, NotJson> =>
  jsonMediaType.test(c.req.header("content-type") ?? "") ? Effect.void : Effect.fail(new NotJson())

/** Parses JSON in UTF-8. */
export const parseJson = (body: Buffer): Effect.Effect<unknown, InvalidBody> =>
  isUtf8(body)
    ? Effect.try({ try: () => JSON.parse(body.toString("utf8")), catch: () => malformed("expected JSON") })
    : Effect.fail(malformed("expected JSON in UTF-8"))

const malformed = (detail: string) => new InvalidBody({ problems: [fieldProblem([], detail)] })

/** Parses and decodes a body. */
export const readJson = <A>(
  body: Buffer,
  decode: (json: unknown) => Result.Result<A, Schema.SchemaError>,
): Effect.Effect<A, InvalidBody> =>
  Effect.flatMap(parseJson(body), (json) =>
    Result.match(decode(json), {
      onSuccess: Effect.succeed,
      onFailure: ({ issue }) => Effect.fail(new InvalidBody({ problems: fieldProblems([], issue) })),
    }),
  )
