import { hash } from "node:crypto"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Context, Hono } from "hono"
import { HTTPException } from "hono/http-exception"
import { type Asked, announcesTooMuch, bodyOf, headerOf, type SandboxEnv } from "./request-body.ts"

/** What a twin is held to. */
export interface Published {
  /** The name of the document in the folder. */
  readonly document: string
  /** The path of the API at the twin, where the document gives it as a part of the server's address. */
  readonly basePath?: string
  /** The provider's own answer to a request that is not as documented: status and body. */
  readonly refusing: (problems: ReadonlyArray<string>) => readonly [status: 400 | 422, body: object]
}

/** A server of the sandbox: its routes, and what to do when they become reachable and when they close. */
export interface SandboxServer {
  readonly app: Hono<SandboxEnv>
  /** The POSTs that come for each payout, by path; the routes of `app` give the same answers. */
  readonly posts?: ReadonlyMap<string, DirectPost>
  /** What it is held to, if it is the twin of a provider whose API is published. */
  readonly published?: Published
  start(): void
  close(): Promise<void>
}

/** An answer in JSON; `undefined` if the request stays unanswered. */
export type DirectAnswer = { readonly status: 202 | 422; readonly json: object } | undefined

/** Answers a request that was sent to one path. Throws what {@link createApp} makes an error answer of. */
export type DirectPost = (asked: Asked) => Promise<DirectAnswer>

const silenceMsMax = 120_000
const keyLengthMax = 255
const booksRecordsMax = 1_000_000
const pageRowsMax = 100_000

/** The most lines that one request may list. */
export const requestLinesMax = 20_000

/** The body of an error answer. */
export interface Refused {
  readonly code: string
  readonly [detail: string]: unknown
}

type RefusalStatus = 400 | 409 | 413 | 422 | 503

class Refusal extends HTTPException {
  declare readonly status: RefusalStatus
  readonly refused: Refused

  constructor(status: RefusalStatus, refused: Refused) {
    super(status)
    this.refused = refused
  }
}

/** An error answer that ends the request. */
export const refusal = (status: RefusalStatus, refused: Refused): HTTPException =>
  new Refusal(status, refused)

/** A body is longer than {@link bodyOf} reads. */
export const tooLarge: Refused = { code: "body-too-large" }

const malformed = (message: string): HTTPException => refusal(400, { code: "malformed", message })

/**
 * An empty app with the limits and error answers that all servers of the sandbox share. `format` gives the errors another form.
 */
export const createApp = (format: (refused: Refused) => object = (refused) => refused): Hono<SandboxEnv> => {
  const app = new Hono<SandboxEnv>()
  app.use((c, next) => (announcesTooMuch(c) ? Promise.resolve(c.json(format(tooLarge), 413)) : next()))
  app.notFound((c) => c.json(format({ code: "no-such-resource" }), 404))
  app.onError((error, c) => {
    const { status, refused } = errorAnswer(error)
    return c.json(format(refused), status)
  })
  return app
}

/** The answer to a request that failed. */
export const errorAnswer = (
  error: Error,
): { readonly status: RefusalStatus | 500; readonly refused: Refused } => {
  if (error instanceof Refusal) return error
  console.error(JSON.stringify({ level: "error", message: "request failed", error: error.message }))
  return { status: 500, refused: { code: "internal-error" } }
}

/**
 * Tells Hono's adapter that it has nothing to send. If the adapter has replaced the global `Response` before this module was
 * loaded, it has a fast way for responses that nobody has looked into, which would send this one all the same.
 */
export const unanswered: Response = RESPONSE_ALREADY_SENT
if (unanswered.body !== null) throw new Error("a response without a body has one")

/** Leaves the request unanswered. The connection ends when the client gives up, or after two minutes. */
export const keepSilent = ({ env: { outgoing } }: Asked): Response => {
  outgoing.setTimeout(silenceMsMax, () => outgoing.destroy())
  return unanswered
}

/** Resets the connection of the request instead of answering it. */
export const cut = ({ env }: Asked): Response => {
  env.incoming.socket.resetAndDestroy()
  return unanswered
}

/** A repeatable request: its key, its checked body, and a fingerprint that identifies the body. */
export interface KeyedRequest<Body> {
  readonly key: string
  readonly fingerprint: string
  readonly body: Body
}

/** Reads a request with an idempotency key; answers 400 if the key or the body is not as agreed. */
export const readKeyed = async <Body>(
  c: Asked,
  decode: (json: unknown) => Result.Result<Body, Schema.SchemaError>,
  header = "Idempotency-Key",
): Promise<KeyedRequest<Body>> => {
  const key = headerOf(c, header.toLowerCase())
  if (key === "" || key.length > keyLengthMax) throw malformed(`${header}: 1 to 255 characters`)
  const json = await readJson(c)
  const decoded = decode(json)
  if (Result.isFailure(decoded)) throw malformed(decoded.failure.message)
  const fingerprint = hash("sha256", JSON.stringify(sortKeys(json)), "base64url")
  return { key, fingerprint, body: decoded.success }
}

/** Reads a JSON body; answers 400 if it is not JSON, and 413 if it is too long. */
export const readJson = async (c: Asked): Promise<unknown> => {
  const body = await bodyOf(c)
  if (body === undefined) throw refusal(413, tooLarge)
  try {
    return JSON.parse(body.toString("utf8"))
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed("the body is not JSON")
    throw error
  }
}

/** The same JSON with sorted keys, because the order of keys makes no difference. */
const sortKeys = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(sortKeys)
  if (json === null || typeof json !== "object") return json
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, value]) => [key, sortKeys(value)]))
}

interface KnownKey<Answer> {
  readonly fingerprint: string
  readonly answer: Answer
  readonly atMs: number
}

/** The answers by idempotency key, kept as long as the books. */
export class KeyedAnswers<Answer> {
  readonly #known = new Map<string, KnownKey<Answer>>()

  /**
   * The earlier answer; undefined for a new key, or for one from before `forgottenBefore` (milliseconds since 1970). Answers
   * 409 if the key came with another body.
   */
  recall(key: string, fingerprint: string, forgottenBefore = Number.NEGATIVE_INFINITY): Answer | undefined {
    const known = this.#known.get(key)
    if (known === undefined || known.atMs < forgottenBefore) return undefined
    if (known.fingerprint !== fingerprint) throw refusal(409, { code: "key-conflict" })
    return known.answer
  }

  remember(key: string, fingerprint: string, answer: Answer, atMs = 0): void {
    this.#known.set(key, { fingerprint, answer, atMs })
  }
}

/** Books are in memory, so they have a limit; 503 once it is reached. */
export const refuseWhenFull = (records: number): void => {
  if (records >= booksRecordsMax) throw refusal(503, { code: "books-full" })
}

/** The rows of the books to show; `summary` shows none. */
export interface BooksPage {
  readonly summary: boolean
  readonly offset: number
  readonly limit: number
}

const PageNumber = Schema.NumberFromString.check(
  Schema.isInt(),
  Schema.isBetween({ minimum: 0, maximum: 1e9 }),
)
const decodePage = Schema.decodeUnknownResult(
  Schema.Struct({
    summary: Schema.optionalKey(Schema.Literals(["true", "false"])),
    offset: Schema.optionalKey(PageNumber),
    limit: Schema.optionalKey(PageNumber),
  }),
)

/** Reads `?summary=true`, `?offset=` and `?limit=` (at most 100 000 rows, which is also the default). */
export const readPage = (c: Context<SandboxEnv>): BooksPage => {
  const decoded = decodePage(c.req.query())
  if (Result.isFailure(decoded)) throw malformed(decoded.failure.message)
  const { summary, offset = 0, limit = pageRowsMax } = decoded.success
  return { summary: summary === "true", offset, limit: Math.min(limit, pageRowsMax) }
}

/** The rows of one page, each as it is shown. */
export const pageOf = <Row, Shown>(
  rows: readonly Row[],
  page: BooksPage,
  show: (row: Row) => Shown,
): Shown[] => rows.slice(page.offset, page.offset + page.limit).map(show)

/** The offset of the next page of the longest list, or null at the end. */
export const nextOffset = (rows: number, page: BooksPage): number | null =>
  page.offset + page.limit < rows ? page.offset + page.limit : null
