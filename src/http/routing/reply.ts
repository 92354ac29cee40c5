/** What a route answers, by status: the schema of the body, the headers, an example. Handlers may reply nothing else. */
import type { Schema } from "effect"
import { conditionalAnswer } from "../edge/conditional.ts"

/** A header of an answer. */
export interface AnswerHeader {
  readonly description: string
  readonly example?: string
  /** Whether some answers with this status do not have it. */
  readonly optional?: true
}

/** An answer with a status. One without `schema` has no body. */
export interface Answer<Body = unknown> {
  readonly description: string
  /** The body as it is sent; `Encoded` is what handlers reply. */
  readonly schema?: Schema.Codec<unknown, Body>
  /** `application/json` by default. A body of another type is a text, or a `Response` with a stream. */
  readonly mediaType?: string
  readonly headers?: Readonly<Record<string, AnswerHeader>>
  /** What the body may look like. Each example matches the schema, which a test checks. */
  readonly example?: Body
  /** Media types of other forms of the same answer. The handler replies with a `Response` for these. */
  readonly otherMediaTypes?: Readonly<Record<string, { readonly example: string }>>
}

/** Other forms of a refusal than problem details. */
export interface RefusalForm {
  /** When it is answered so. */
  readonly description: string
  readonly mediaTypes: Readonly<Record<string, { readonly example: string }>>
  readonly headers: Readonly<Record<string, AnswerHeader>>
}

export type Answers = Readonly<Record<number, Answer>>

/** An answer of a handler, before it is written. */
export class Reply<Status extends number, Body> {
  readonly status: Status
  readonly body: Body
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(status: Status, body: Body, headers: Readonly<Record<string, string>> | undefined) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** A reply with a body as the route's schema for the status encodes it. Names of headers are in lower case. */
export const reply = <const Status extends number, const Body>(
  status: Status,
  body: Body,
  headers?: Readonly<Record<string, string>>,
): Reply<Status, Body> => new Reply(status, body, headers)

/** A reply without a body. */
export const emptyReply = <const Status extends number>(
  status: Status,
  headers?: Readonly<Record<string, string>>,
): Reply<Status, null> => new Reply(status, null, headers)

/** What is written as a `T`: a field that may be missing may be `undefined`, which JSON leaves out. */
type Written<T> =
  T extends ReadonlyArray<infer E>
    ? ReadonlyArray<Written<E>>
    : T extends object
      ? {
          readonly [K in keyof T]: Record<never, never> extends Pick<T, K>
            ? Written<T[K]> | undefined
            : Written<T[K]>
        }
      : T

type BodyOf<A> = A extends { readonly schema: Schema.Codec<infer _, infer Body> } ? Written<Body> : null

/** What a handler may reply. A `Response` is for bodies that are streams; only the test of all operations checks it. */
export type ReplyOf<A extends Answers> =
  | { readonly [S in keyof A & number]: Reply<S, BodyOf<A[S]>> }[keyof A & number]
  | Response

export const JSON_TYPE = "application/json"

/** The media types of a route's answers, but for its problems, which are always sent. */
export type MediaTypeOf<A extends Answers> = {
  readonly [S in keyof A]: A[S] extends { readonly schema: unknown } ? FormsOf<A[S]> : never
}[keyof A]

type FormsOf<A> =
  | (A extends { readonly mediaType: infer Type extends string } ? Type : typeof JSON_TYPE)
  | (A extends { readonly otherMediaTypes: infer Others } ? keyof Others & string : never)

/** The same, the preferred one first; none if no answer has a body. */
export const mediaTypesOf = (answers: Answers): ReadonlyArray<string> => [
  ...new Set(
    Object.values(answers).flatMap(({ schema, mediaType = JSON_TYPE, otherMediaTypes = {} }) =>
      schema === undefined ? [] : [mediaType, ...Object.keys(otherMediaTypes)],
    ),
  ),
]

/**
 * What writes the replies of a route, each in the media type of its answer. If the route is `conditional`, those with 200 have an
 * entity tag, and are not sent to who has them by `ifNoneMatch`.
 */
export const writerOf = (answers: Answers, conditional: boolean) => {
  const varying = mediaTypesOf(answers).length > 1 ? { vary: "Accept" } : {}
  return (answered: Reply<number, unknown> | Response, ifNoneMatch: string | undefined): Response => {
    if (answered instanceof Response) return answered
    const { status, body } = answered
    if (body === null) return new Response(null, { status, headers: { ...answered.headers } })
    const mediaType = answers[status]?.mediaType ?? JSON_TYPE
    const text = mediaType === JSON_TYPE ? JSON.stringify(body) : String(body)
    const headers = { "content-type": mediaType, ...varying, ...answered.headers }
    return conditional && status === 200
      ? conditionalAnswer(text, headers, ifNoneMatch)
      : new Response(text, { status, headers })
  }
}
