/** Posts batches: as JSON, or as a file of payouts with the batch's terms in the query. */

import { type Json, readJson } from "./answers.ts"
import type { AcceptedPayoutBatch, BatchDryRun, NewPayoutBatch } from "./api-types.ts"
import type { Operations } from "./operations.ts"
import { withQuery } from "./paths.ts"
import { type BodyInit, type CallOptions, type Service, send } from "./transport.ts"

/** What names a call that does something. */
export interface ActOptions extends CallOptions {
  /**
   * Names what is asked for, for good: the same key and body are the same batch, however often they are sent. Without one the client makes
   * one; it is in the answer, and in the error if there is none. Give one that you still know after a crash.
   */
  readonly idempotencyKey?: string | undefined
}

/** A batch that was accepted. */
export type PostedBatch = AcceptedPayoutBatch & {
  readonly idempotencyKey: string
  /** The batch was accepted before under this key, and this is the answer of then. */
  readonly isReplayed: boolean
}

/** The terms of the batch in a file, and how the file is read. */
export type FileTerms = Omit<Operations["acceptPayoutBatch"]["query"], "dryRun" | "rejects">

type PieceByPiece = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * A file of payouts. A text, bytes, a `Blob` (of Node: `fs.openAsBlob`) and a function that opens a stream can be sent again; a stream
 * itself only once, so the call has one try.
 */
export type PayoutFile =
  | string
  | Uint8Array<ArrayBuffer>
  | Blob
  | PieceByPiece
  | (() => PieceByPiece | Promise<PieceByPiece>)

export interface FileOptions extends ActOptions {
  /** A charset may follow, as in `text/csv; charset=windows-1252`. */
  readonly contentType:
    | "text/csv"
    | "application/x-ndjson"
    | "application/xml"
    | `${string}/${string};${string}`
  readonly terms?: FileTerms
}

const PATH = "/payout-batches"
/** How slowly a body may go without being late, and the time of a body whose size is not known. The service reads for a minute at most. */
const BYTES_PER_MS = 1_024
const STREAM_MS = 75_000

/** A batch in JSON. A text is sent as it is. */
export const postBatch = (
  service: Service,
  batch: NewPayoutBatch | string,
  options: ActOptions,
): Promise<PostedBatch> => {
  const text = typeof batch === "string" ? batch : JSON.stringify(batch)
  return post(service, PATH, "application/json", text, options)
}

export const postFile = (
  service: Service,
  file: PayoutFile,
  { contentType, terms, ...options }: FileOptions,
): Promise<PostedBatch> => post(service, withQuery(PATH, { ...terms }), contentType, file, options)

/** Sends a batch to be checked alone. It has no key: a service that did not know `dryRun` would refuse it. */
export const tryBatch = (
  service: Service,
  batch: NewPayoutBatch | string,
  options: CallOptions,
): Promise<BatchDryRun> => {
  const text = typeof batch === "string" ? batch : JSON.stringify(batch)
  return check(service, {}, "application/json", text, options)
}

export const tryFile = (
  service: Service,
  file: PayoutFile,
  { contentType, terms, ...options }: Omit<FileOptions, "idempotencyKey">,
): Promise<BatchDryRun> => check(service, { ...terms }, contentType, file, options)

const post = async (
  service: Service,
  path: string,
  contentType: string,
  file: PayoutFile,
  { idempotencyKey: given, ...options }: ActOptions,
): Promise<PostedBatch> => {
  const idempotencyKey = keyOf(given)
  return await send(service, {
    method: "POST",
    path,
    headers: { "content-type": contentType },
    ...sendable(service, file, options),
    idempotencyKey,
    read: async (response) => ({
      ...((await readJson(response, { id: "string", itemCount: "number" })) as Json & AcceptedPayoutBatch),
      idempotencyKey,
      isReplayed: response.headers.get("idempotent-replayed") === "true",
    }),
  })
}

const check = (
  service: Service,
  terms: FileTerms,
  contentType: string,
  file: PayoutFile,
  options: CallOptions,
): Promise<BatchDryRun> =>
  send(service, {
    method: "POST",
    path: withQuery(PATH, { ...terms, dryRun: true }),
    headers: { "content-type": contentType },
    ...sendable(service, file, options),
    read: async (response) =>
      (await readJson(response, { dryRun: "boolean", itemCount: "number" })) as Json & BatchDryRun,
  })

const printableAscii = /^[\x20-\x7e]{1,255}$/

/** The key that a caller gave, or one that nobody else has. Throws a `TypeError` if the caller's can be none. */
export const keyOf = (given: string | undefined): string => {
  if (given === undefined) return crypto.randomUUID()
  if (!printableAscii.test(given))
    throw new TypeError("An idempotency key has 1 to 255 printable ASCII characters")
  return given
}

/** How a file is sent: with more time if it is large, and once only if it is a stream. */
export const sendable = (
  { limits }: Service,
  file: PayoutFile,
  options: CallOptions,
): {
  readonly body: () => BodyInit | Promise<BodyInit>
  readonly mayRepeat: boolean
  readonly options: CallOptions
} => {
  const size = sizeOf(file)
  const ownMs = size === undefined ? STREAM_MS : size / BYTES_PER_MS
  const tryMs = options.tryMs ?? limits.tryMs + ownMs
  return {
    body: () => bodyOf(file),
    mayRepeat: !isStream(file),
    options: { ...options, tryMs, totalMs: options.totalMs ?? limits.totalMs + 2 * ownMs },
  }
}

const sizeOf = (file: PayoutFile): number | undefined => {
  if (typeof file === "string") return file.length
  if (file instanceof Uint8Array) return file.byteLength
  return file instanceof Blob ? file.size : undefined
}

const isStream = (file: PayoutFile): boolean => typeof file !== "function" && sizeOf(file) === undefined

const bodyOf = async (file: PayoutFile): Promise<BodyInit> => {
  if (typeof file === "function") return asStream(await file())
  return typeof file === "string" || file instanceof Uint8Array || file instanceof Blob
    ? file
    : asStream(file)
}

const asStream = (pieces: PieceByPiece): ReadableStream<Uint8Array> => {
  if (pieces instanceof ReadableStream) return pieces
  const iterator = pieces[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
