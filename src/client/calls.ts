/** Calls of single operations: reads, acts, and what is neither. A new operation needs a line in client.ts alone. */
import { readJson } from "./answers.ts"
import type { Expected } from "./api-types.ts"
import { type ActOptions, keyOf } from "./batch-posting.ts"
import { type Operations, operations } from "./operations.ts"
import { withNames, withQuery } from "./paths.ts"
import { type CallOptions, type Service, send } from "./transport.ts"

export type OperationName = keyof Operations
export type QueryOf<Name extends OperationName> = Operations[Name]["query"]
export type BodyOf<Name extends OperationName> = Operations[Name] extends { readonly body: infer Body }
  ? Body
  : never
type Answers<Name extends OperationName> = Operations[Name]["answers"]
/** The answer of an operation that has one form. */
export type AnswerOf<Name extends OperationName> = Answers<Name>[keyof Answers<Name>]

/** Members without which an answer is none: older services may lack others. */
type Essential<Answer> = { readonly [Member in keyof Answer]?: "string" | "number" | "array" | "object" }

type Names = Readonly<Record<string, string | number>>

/** Reads something; repeated if need be. */
export const read = async <Name extends OperationName>(
  service: Service,
  name: Name,
  names: Names,
  query: QueryOf<Name>,
  essential: Essential<AnswerOf<Name>>,
  options: CallOptions = {},
): Promise<AnswerOf<Name>> =>
  send(service, {
    method: "GET",
    path: withQuery(withNames(operations[name][1], names), query),
    mayRepeat: true,
    options,
    read: async (response) =>
      (await readJson(response, { ...essential } as Readonly<Record<string, string>>)) as AnswerOf<Name>,
  })

/** A request to a batch that was acknowledged. Its events show what the batch decides. */
export type Acknowledged = Expected & {
  readonly idempotencyKey: string
  /** The request was acknowledged before under this key; then `expected` is empty. */
  readonly isReplayed: boolean
}

/** Names of operations that people do with a batch or an item, under an idempotency key. */
export type ActName = {
  [Name in OperationName]: Answers<Name> extends { readonly 202: Expected } ? Name : never
}[OperationName]

/** Does something with a batch, once: a repetition has the same key, which the service recognises for a day. */
export const act = async <Name extends ActName>(
  service: Service,
  name: Name,
  names: Names,
  body: BodyOf<Name>,
  { idempotencyKey: given, ...options }: ActOptions = {},
): Promise<Acknowledged> => {
  const idempotencyKey = keyOf(given)
  return await send(service, {
    method: "POST",
    path: withNames(operations[name][1], names),
    headers: { "content-type": "application/json" },
    body: inJson(body),
    idempotencyKey,
    mayRepeat: true,
    options,
    read: async (response) => ({
      ...((await readJson(response, { status: "string", expected: "array" })) as unknown as Expected),
      idempotencyKey,
      isReplayed: response.headers.get("idempotent-replayed") === "true",
    }),
  })
}

/** Does something that the service does again if it is asked again, so that it is never repeated by itself. */
export const doOnce = async <Name extends OperationName, Answer>(
  service: Service,
  name: Name,
  names: Names,
  body: BodyOf<Name> | undefined,
  options: CallOptions,
  readAnswer: (response: Response) => Promise<Answer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  send(service, {
    method: operations[name][0],
    path: withNames(operations[name][1], names),
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: inJson(body) }),
    mayRepeat: false,
    options,
    read: readAnswer,
  })

const inJson = (body: unknown): (() => string) => {
  const text = JSON.stringify(body)
  return () => text
}
