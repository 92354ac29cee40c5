/**
 * What a provider has published about its API, as a check of requests and answers: an OpenAPI document, read from a folder that the
 * operator of the sandbox names. The documents belong to the providers and are no part of this project.
 */
import { type Document, OpenAPIBackend } from "openapi-backend"

/** A request as the document sees it. */
export interface PublishedRequest {
  readonly method: string
  /** Below the address that the document gives for its server, without the query. */
  readonly path: string
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Each problem is a place and what is wrong there; no value is quoted. */
export interface PublishedContract {
  /** What is wrong with a request; nothing if it is valid. A webhook is a request to `/<its name>`. */
  readonly ofRequest: (request: PublishedRequest) => ReadonlyArray<string>
  /** What is wrong with the answer to a request. */
  readonly ofAnswer: (
    request: Pick<PublishedRequest, "method" | "path">,
    status: number,
    body: unknown,
  ) => ReadonlyArray<string>
}

interface Loaded {
  readonly paths?: Readonly<Record<string, unknown>>
  readonly webhooks?: Readonly<Record<string, object>>
}

/**
 * Providers publish documents that break OpenAPI's own rules, or have formats and keywords of their own: what can be used of them is.
 */
const options = { quick: true, ajvOpts: { strict: false, validateFormats: false, allErrors: true } } as const

/** Reads a document, in JSON or YAML. Rejects if it is not there or is not OpenAPI 3. */
export const publishedContract = async (file: string): Promise<PublishedContract> => {
  const document = (await new OpenAPIBackend({ ...options, definition: file }).loadDocument()) as Loaded
  const { webhooks = {}, paths = {}, ...rest } = document
  const asPaths = Object.fromEntries(Object.entries(webhooks).map(([name, item]) => [`/${name}`, item]))
  const checked = new OpenAPIBackend({
    ...options,
    definition: { ...rest, paths: withIds({ ...paths, ...asPaths }) } as unknown as Document,
  })
  await checked.init()
  const operationOf = (request: Pick<PublishedRequest, "method" | "path">) =>
    checked.router.matchOperation({ ...request, headers: {} })
  return {
    ofRequest: (request) => {
      const operation = operationOf(request)
      if (operation === undefined) return [`${request.method} ${request.path}: no such operation`]
      const { valid, errors } = checked.validator.validateRequest(
        {
          ...request,
          headers: { ...request.headers },
          query: { ...request.query } as Record<string, string>,
        },
        operation,
      )
      return valid ? [] : problemsOf(errors)
    },
    ofAnswer: (request, status, body) => {
      const operation = operationOf(request)
      if (operation === undefined) return [`${request.method} ${request.path}: no such operation`]
      if (!(String(status) in (operation.responses ?? {})) && !("default" in (operation.responses ?? {})))
        return [`status ${status}: not one of the operation`]
      const { valid, errors } = checked.validator.validateResponse(body, operation, status)
      return valid ? [] : problemsOf(errors)
    },
  }
}

const methods: ReadonlySet<string> = new Set([
  "get",
  "put",
  "post",
  "delete",
  "options",
  "head",
  "patch",
  "trace",
])

/** The paths with an id for each operation: what a document gives none is not checked. */
const withIds = (paths: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(Object(item)).map(([method, operation]) => [
          method,
          methods.has(method) ? { operationId: `${method} ${path}`, ...Object(operation) } : operation,
        ]),
      ),
    ]),
  )

const problemsOf = (
  errors:
    | ReadonlyArray<{ readonly instancePath: string; readonly message?: string | undefined }>
    | null
    | undefined,
): ReadonlyArray<string> =>
  (errors ?? []).map(({ instancePath, message = "invalid" }) => `${instancePath}: ${message}`)
