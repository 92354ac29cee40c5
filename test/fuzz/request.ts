/**
 * A request of a run, before it is sent. It follows from the seed, so what only the service or the clock knows has a name in
 * double braces, which is replaced when the request is sent: `{{batch:closed}}`, `{{tomorrow}}`.
 */
import { gzipSync } from "node:zlib"

export type Header = readonly [name: string, value: string]

/** How the bytes of a body are sent. */
export type Coding = "identity" | "gzip" | "truncated-gzip"

export interface FuzzRequest {
  readonly number: number
  readonly operationId: string
  readonly listener: "api" | "operations"
  /** How far from a valid request it is. */
  readonly kind: "valid" | "nearly valid" | "hostile"
  /** What was changed of a valid one, in order. */
  readonly changes: ReadonlyArray<string>
  readonly credential: string
  readonly method: string
  /** The path of the operation, with names of parameters in braces. */
  readonly template: string
  /** The path without the query. */
  readonly path: string
  /** Each as it is written, `name=value`. */
  readonly query: ReadonlyArray<string>
  /** All but those that say how the body is sent, which follow from it. */
  readonly headers: ReadonlyArray<Header>
  readonly body: Buffer | undefined
  readonly coding: Coding
  readonly isChunked: boolean
  /** Which secret signs the body, for callbacks. */
  readonly signedWith?: string
  /**
   * What has to be true of the answer, beside no 5xx: that the document has it for the operation, that it is a problem (the
   * address or the method is not that of an operation), or nothing (the bytes are not HTTP, so the server may hang up).
   */
  readonly expects: "document" | "problem" | "any"
  /** The client closes its side in the middle. */
  readonly cutsOff: boolean
  /** Bytes behind the request, or instead of it if `isRaw`. */
  readonly raw?: Buffer
  readonly version: string
}

/** What the names in double braces stand for. */
export interface Names {
  readonly resolve: (name: string) => string
  /** The headers that sign a body with a secret. */
  readonly sign: (secret: string, body: Buffer) => ReadonlyArray<Header>
}

const placeholder = /\{\{([\w:.-]+)\}\}/g

const resolved = (text: string, { resolve }: Names): string =>
  text.replaceAll(placeholder, (_, name: string) => resolve(name))

/** The body as it is before its coding, with names replaced. */
export const bodyOf = ({ body }: FuzzRequest, names: Names): Buffer | undefined =>
  body?.includes("{{") ? Buffer.from(resolved(body.toString("latin1"), names), "latin1") : body

/** The bytes of a request. */
export const bytesOf = (request: FuzzRequest, host: string, names: Names): Buffer => {
  if (request.raw !== undefined) return Buffer.from(resolved(request.raw.toString("latin1"), names), "latin1")
  const plain = bodyOf(request, names)
  const sent = plain === undefined ? undefined : encoded(plain, request.coding)
  const has = (name: string) => request.headers.some(([other]) => other.toLowerCase() === name)
  const query = request.query.length === 0 ? "" : `?${request.query.join("&")}`
  const headers: ReadonlyArray<Header> = [
    ...(has("host") ? [] : [["Host", host] as const]),
    ...request.headers,
    ...(sent !== undefined && request.signedWith !== undefined ? names.sign(request.signedWith, sent) : []),
    ...(request.coding === "identity" ? [] : [["Content-Encoding", "gzip"] as const]),
    ...(sent === undefined || has("content-length") || has("transfer-encoding")
      ? []
      : request.isChunked
        ? [["Transfer-Encoding", "chunked"] as const]
        : [["Content-Length", String(sent.length)] as const]),
    ...(has("connection") ? [] : [["Connection", "close"] as const]),
  ]
  const head = [
    `${request.method} ${request.path}${query} ${request.version}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    "",
    "",
  ].join("\r\n")
  return Buffer.concat([
    Buffer.from(resolved(head, names), "latin1"),
    sent === undefined ? Buffer.alloc(0) : request.isChunked ? chunked(sent) : sent,
  ])
}

const encoded = (body: Buffer, coding: Coding): Buffer => {
  if (coding === "identity") return body
  const whole = gzipSync(body)
  return coding === "gzip" ? whole : whole.subarray(0, Math.floor(whole.length / 2))
}

const chunked = (body: Buffer): Buffer => {
  const middle = Math.ceil(body.length / 2)
  const chunks = [body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length > 0)
  return Buffer.concat([
    ...chunks.flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from("\r\n"),
    ]),
    Buffer.from("0\r\n\r\n"),
  ])
}
