/** Compares answers with an OpenAPI document: their status, their media type, their required headers and their body. */
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"

/** What is compared of an answer. */
export interface CheckedAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Described {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  readonly content?: Readonly<Record<string, unknown>>
}

/** An operation, with its path as the document writes it, such as `/payout-batches/{id}`. */
export interface CheckedOperation {
  readonly operationId: string
  readonly method: string
  readonly path: string
}

/** A JSON pointer as the fragment of a URI (RFC 6901, 6). */
export const pointerTo = (...path: ReadonlyArray<string>): string =>
  path.map((part) => `/${encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("")

export class AnswerChecks {
  readonly ajv = new Ajv2020({ strict: false, allErrors: true })
  readonly #document: object

  /** `document` is an OpenAPI 3.1 document; its schemas get the name `openapi`. */
  constructor(document: object) {
    formats.default(this.ajv)
    // RFC 3987; ajv-formats does not have it.
    this.ajv.addFormat("iri", (text) => URL.canParse(text) && !/[\s<>"{}|\\^`]/.test(text))
    this.#document = document
    this.ajv.addSchema(document, "openapi")
  }

  /** What is wrong with an answer, by the document. An answer to HEAD has no body to look at. */
  problemsOf(operation: CheckedOperation, answer: CheckedAnswer, isHead = false): ReadonlyArray<string> {
    const what = `${operation.operationId} ${answer.status}`
    const at = ["paths", operation.path, operation.method.toLowerCase(), "responses", `${answer.status}`]
    const described = at.reduce<unknown>((value, name) => Object(value)[name], this.#document) as
      | Described
      | undefined
    if (described === undefined) return [`${operation.operationId} does not have the status ${answer.status}`]
    const missing = Object.entries(described.headers ?? {}).flatMap(([name, { required }]) =>
      required && !answer.headers.has(name) ? [`${what} lacks the header ${name}`] : [],
    )
    if (described.content === undefined || isHead)
      return answer.text === "" ? missing : [...missing, `${what} has a body`]
    const type = answer.headers.get("content-type")?.split(";")[0] ?? ""
    if (!(type in described.content)) return [...missing, `${what} is ${type}`]
    return [...missing, ...this.#bodyProblems(what, [...at, "content", type, "schema"], type, answer.text)]
  }

  #bodyProblems(what: string, at: ReadonlyArray<string>, type: string, text: string): ReadonlyArray<string> {
    const validate = this.ajv.getSchema(`openapi#${pointerTo(...at)}`)
    if (validate === undefined) throw new Error(`no schema of ${what}`)
    const isValid = validate(/[/+]json$/.test(type) ? JSON.parse(text) : text)
    return isValid ? [] : [`${what}: ${this.ajv.errorsText(validate.errors)}`]
  }
}
