/** What the OpenAPI document says an answer must be: its status, its headers, its media type and its body. */
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { definitions, openApiDocument } from "../../src/http/routes.ts"
import { openApiOf } from "../../src/http/routing/openapi.ts"
import type { Answer } from "./api-under-test.ts"

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
/** Answers have to be as the document says, with no member that it does not know. */
const strict = openApiOf(definitions, { strict: true })
ajv.addSchema(strict, "strict")
ajv.addSchema(openApiDocument, "published")

/** `published` is the document as partners read it; `strict` has the same schemas, closed to members that they do not name. */
export type OpenApiVariant = "strict" | "published"

/** What is wrong with a value by the schema at a path of the document. Undefined if nothing is. */
export const mismatchOf = (
  variant: OpenApiVariant,
  path: ReadonlyArray<string>,
  value: unknown,
): string | undefined => {
  const pointer = path
    .map((part) => `/${encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))}`)
    .join("")
  const validate = ajv.getSchema(`${variant}#${pointer}`)
  if (validate === undefined) throw new Error(`the document has no schema at ${path.join(" ")}`)
  return validate(value) ? undefined : ajv.errorsText(validate.errors)
}

/** The definition of an operation, by its `operationId`. */
export const definitionOf = (operation: string) => {
  const definition = definitions.find(({ operationId }) => operationId === operation)
  if (definition === undefined) throw new Error(`there is no operation ${operation}`)
  return definition
}

interface Described {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  readonly content?: Readonly<Record<string, unknown>>
}

/** What is wrong with an answer of an operation, by the document. Empty if nothing is. */
export const problemsOf = (
  operation: string,
  answer: Pick<Answer, "status" | "headers" | "text">,
): ReadonlyArray<string> => {
  const { method, path } = definitionOf(operation)
  const at = [
    "paths",
    path.replaceAll(/:(\w+)/g, "{$1}"),
    method.toLowerCase(),
    "responses",
    `${answer.status}`,
  ]
  const described = at.reduce<unknown>((value, name) => Object(value)[name], strict) as Described | undefined
  if (described === undefined) return [`${operation} does not have the status ${answer.status}`]
  const missing = Object.entries(described.headers ?? {}).flatMap(([name, { required }]) =>
    required && !answer.headers.has(name) ? [`${operation} ${answer.status} lacks the header ${name}`] : [],
  )
  const type = answer.headers.get("content-type")?.split(";")[0] ?? ""
  if (described.content === undefined)
    return answer.text === "" ? missing : [...missing, `${operation} ${answer.status} has a body`]
  if (!(type in described.content)) return [...missing, `${operation} ${answer.status} is ${type}`]
  const body: unknown = /[/+]json$/.test(type) ? JSON.parse(answer.text) : answer.text
  const mismatch = mismatchOf("strict", [...at, "content", type, "schema"], body)
  return mismatch === undefined ? missing : [...missing, `${operation} ${answer.status}: ${mismatch}`]
}
