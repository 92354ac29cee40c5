/** What the OpenAPI document of the routes says an answer must be. */
import { definitions, openApiDocument } from "../../src/http/routes.ts"
import { openApiOf } from "../../src/http/routing/openapi.ts"
import { AnswerChecks, type CheckedAnswer, pointerTo } from "./answer-checks.ts"

/** `published` is the document as partners read it; `strict` has the same schemas, closed to members that they do not name. */
export type OpenApiVariant = "strict" | "published"

const checks: Readonly<Record<OpenApiVariant, AnswerChecks>> = {
  strict: new AnswerChecks(openApiOf(definitions, { strict: true })),
  published: new AnswerChecks(openApiDocument),
}

/** What is wrong with a value by the schema at a path of the document. Undefined if nothing is. */
export const mismatchOf = (
  variant: OpenApiVariant,
  path: ReadonlyArray<string>,
  value: unknown,
): string | undefined => {
  const { ajv } = checks[variant]
  const validate = ajv.getSchema(`openapi#${pointerTo(...path)}`)
  if (validate === undefined) throw new Error(`the document has no schema at ${path.join(" ")}`)
  return validate(value) ? undefined : ajv.errorsText(validate.errors)
}

/** The definition of an operation, by its `operationId`. */
export const definitionOf = (operation: string) => {
  const definition = definitions.find(({ operationId }) => operationId === operation)
  if (definition === undefined) throw new Error(`there is no operation ${operation}`)
  return definition
}

/** What is wrong with an answer of an operation, by the document, with no member that it does not know. Empty if nothing is. */
export const problemsOf = (operationId: string, answer: CheckedAnswer): ReadonlyArray<string> => {
  const { method, path } = definitionOf(operationId)
  return checks.strict.problemsOf({ operationId, method, path: path.replaceAll(/:(\w+)/g, "{$1}") }, answer)
}
