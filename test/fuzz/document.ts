/** The operations of an OpenAPI 3.1 document, as far as requests can be made from it. */

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string | ReadonlyArray<string>
  readonly enum?: ReadonlyArray<unknown>
  readonly const?: unknown
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly oneOf?: ReadonlyArray<JsonSchema>
  readonly allOf?: ReadonlyArray<JsonSchema>
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly format?: string
}

export interface Parameter {
  readonly in: "path" | "query" | "header"
  readonly name: string
  readonly required: boolean
  readonly schema: JsonSchema
  readonly example?: unknown
}

/** One form of a request's body. */
export interface BodyForm {
  readonly mediaType: string
  readonly schema: JsonSchema
  readonly example: unknown
}

/** Which kinds of credentials a document names: none of them for an operation that is open to all. */
export type CredentialKind = "partnerKey" | "operatorKey" | "signature"

export interface Operation {
  readonly operationId: string
  /** In capital letters. */
  readonly method: string
  /** As in the document: `/payout-batches/{id}`. */
  readonly path: string
  readonly listeners: ReadonlyArray<"api" | "operations">
  readonly parameters: ReadonlyArray<Parameter>
  readonly bodies: ReadonlyArray<BodyForm>
  readonly credentials: ReadonlyArray<CredentialKind>
  /** The media types of its answers to requests that succeed. */
  readonly mediaTypes: ReadonlyArray<string>
}

interface Described {
  readonly operationId: string
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: { readonly content: Readonly<Record<string, Omit<BodyForm, "mediaType">>> }
  readonly security?: ReadonlyArray<Partial<Record<CredentialKind, unknown>>>
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}

interface PathItem {
  readonly servers?: ReadonlyArray<{ readonly url: string }>
}

export interface ApiDocument {
  readonly operations: ReadonlyArray<Operation>
  /** The schema that a reference leads to. */
  readonly resolve: (schema: JsonSchema) => JsonSchema
}

const methods = ["get", "post", "put", "patch", "delete"]

/** Reads a document, as `/openapi.json` shows it. Throws if it has no operations. */
export const readDocument = (json: object): ApiDocument => {
  const { paths = {}, components } = json as {
    readonly paths?: Readonly<Record<string, PathItem & Readonly<Record<string, Described>>>>
    readonly components?: { readonly schemas?: Readonly<Record<string, JsonSchema>> }
  }
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const described = item[method]
      return described === undefined ? [] : [operationOf(path, method, item, described)]
    }),
  )
  if (operations.length === 0) throw new Error("the document has no operations")
  const resolve = (schema: JsonSchema): JsonSchema => {
    const name = schema.$ref?.split("/").at(-1)
    const found = name === undefined ? schema : components?.schemas?.[name]
    if (found === undefined) throw new Error(`the document has no ${schema.$ref}`)
    return found.$ref === undefined ? found : resolve(found)
  }
  return { operations, resolve }
}

const operationOf = (path: string, method: string, item: PathItem, described: Described): Operation => ({
  operationId: described.operationId,
  method: method.toUpperCase(),
  path,
  listeners: (item.servers ?? [{ url: "/" }]).map(({ url }) => (url === "/" ? "api" : "operations")),
  parameters: described.parameters ?? [],
  bodies: Object.entries(described.requestBody?.content ?? {}).map(([mediaType, form]) => ({
    mediaType,
    ...form,
  })),
  credentials: (described.security ?? []).flatMap((one) => Object.keys(one) as Array<CredentialKind>),
  mediaTypes: Object.entries(described.responses).flatMap(([status, { content }]) =>
    status.startsWith("2") ? Object.keys(content ?? {}) : [],
  ),
})
