/** `POST /payout-batches` in every form: JSON with the terms in it, or a file of payouts with the terms in the query. */
import { Effect } from "effect"
import { AppConfig } from "../../config.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { isEncoding } from "../../payout-files/file-text.ts"
import type { StreamForm } from "../../payout-files/payout-stream.ts"
import { rejectsOfStream } from "../../payout-files/rejects-stream.ts"
import { acceptedType } from "../edge/accepted-type.ts"
import { charsetOf, UnsupportedCharset } from "../edge/body-charset.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { DuplicatePayouts, InvalidRequest, InvalidRows, NotAcceptable, NotJson } from "../edge/failures.ts"
import { isJson, requireUtf8 } from "../edge/json-body.ts"
import { type BodyTerms, RequestBodies } from "../edge/request-body.ts"
import { traceIn } from "../edge/trace-parent.ts"
import type { IdempotencyKey } from "../payout-batches/idempotency-key.ts"
import {
  accept,
  acceptJson,
  admitted,
  BODY_BYTES_MAX,
  bodyTerms,
  holdingPressure,
  inJson,
  type Submitter,
} from "../payout-batches/payout-batch-intake.ts"
import { exampleRequest, NewPayoutBatch } from "../payout-batches/payout-batch-request.ts"
import { AcceptedPayoutBatch, exampleAccepted } from "../payout-batches/shapes.ts"
import { jsonFailures, ownBody } from "../routing/bodies.ts"
import { partner } from "../routing/guards.ts"
import { JSON_TYPE } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { BatchDryRun, dryRun, exampleDryRun } from "./dry-run.ts"
import { exampleFiles, exampleRejects } from "./example-files.ts"
import { PayoutUpload, type ReceivedFile } from "./payout-upload.ts"
import { type FileParameters, postKey, postQuery, requireKey, requireTermsInBody } from "./post-parameters.ts"

/** XML takes three times as many bytes for a payout as JSON. */
const XML_BYTES_MAX = 96 * 1024 * 1024

const rejectsHeaders = {
  "content-disposition": { description: "The name of the file of rejected rows.", optional: true },
  "rejected-rows": { description: "How many rows are in the file.", example: "1", optional: true },
} as const

/** Accepts a batch in the form that its content type says, or repeats the first answer, or checks it only. */
export const acceptPayoutBatch = route({
  method: "POST",
  path: "/payout-batches",
  operationId: "acceptPayoutBatch",
  tag: "Payout batches",
  summary: "Accept a payout batch",
  description:
    "The batch is in the log before it is answered. Its Idempotency-Key names it permanently: the same key and body get the " +
    "same answer, with `Idempotent-Replayed: true`. A batch in JSON has its terms in itself, a file of payouts has them in the " +
    "query. A parameter that is not known is refused.",
  guard: partner(access.postBatches.partner),
  query: postQuery,
  headers: { "idempotency-key": postKey },
  body: ownBody({
    description: `A batch in JSON, or a file of payouts. XML: at most ${XML_BYTES_MAX} bytes. Other forms:`,
    bytesMax: BODY_BYTES_MAX,
    closed: true,
    media: { "application/json": { schema: NewPayoutBatch, example: exampleRequest }, ...exampleFiles },
  }),
  answers: {
    200: {
      description: "With dryRun=true: what would become of the batch. Nothing was stored.",
      schema: BatchDryRun,
      example: exampleDryRun,
    },
    202: {
      description:
        "The batch is in the log and will be paid. With rows=good and rejects=file, the rows that it does not have.",
      schema: AcceptedPayoutBatch,
      headers: {
        location: { description: "The address of the batch.", example: "/payout-batches/pb_…" },
        "idempotent-replayed": { description: "`true` in the answer to a repetition.", optional: true },
        ...rejectsHeaders,
      },
      example: exampleAccepted,
      otherMediaTypes: exampleRejects,
    },
  },
  refusalForms: {
    400: {
      description: "With rejects=file, the rejected rows of a file, which were not stored.",
      mediaTypes: exampleRejects,
      headers: rejectsHeaders,
    },
  },
  failures: [
    ...jsonFailures,
    "CorruptEntry",
    "DayLimitReached",
    "DuplicatePayouts",
    "DuplicatesUnknown",
    "IdempotencyKeyReused",
    "IntakeFull",
    "InvalidRows",
    "KeysForgotten",
    "NotAcceptable",
    "PartnerShareFull",
    "StoreUnavailable",
    "VaultUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c, partner, credential, query, headers: { "idempotency-key": asked } }) {
    const key = query.dryRun ? undefined : yield* requireKey(asked)
    const type = c.req.header("content-type") ?? ""
    const form = forms[(type.split(";", 1)[0] ?? "").trim().toLowerCase()]
    if (form === undefined && !isJson(type)) return yield* new NotJson({ accepted })
    if (form === undefined) yield* requireTermsInBody(c)
    yield* requireAccepted(c, form, query.rejects)
    const submitter = { partner, credential, trace: traceIn(c.req.header("traceparent")) }
    if (form === undefined)
      return yield* key === undefined ? tryJson(c, partner, asked) : acceptJson(c, submitter, key)
    return yield* key === undefined
      ? tryFile(c, partner, asked, form, query)
      : acceptFile(c, submitter, key, form, query)
  }),
)

/** The media types of files, and how they are read. */
const forms: Readonly<Record<string, StreamForm>> = {
  "text/csv": "csv",
  "application/x-ndjson": "ndjson",
  "application/xml": "xml",
  "text/xml": "xml",
}

const accepted = ["application/json", ...Object.keys(forms)]

/** Refuses a request whose `Accept` permits neither JSON nor the file of rejected rows, if that is asked for. */
const requireAccepted = (c: EdgeContext, form: StreamForm | undefined, rejects: "file" | undefined) => {
  const file = rejects === undefined || form === undefined || form === "xml" ? [] : [fileTypes[form]]
  return acceptedType(c.req.header("accept"), [JSON_TYPE, ...file]) === undefined
    ? Effect.fail(new NotAcceptable({ mediaTypes: [JSON_TYPE, ...file] }))
    : Effect.void
}

const fileTypes = { csv: "text/csv", ndjson: "application/x-ndjson" } as const

const tryJson = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  key: IdempotencyKey | undefined,
) {
  const { intake } = yield* AppConfig
  return yield* (yield* RequestBodies).use(c.env, bodyTerms(partner), (body) =>
    Effect.andThen(requireUtf8(c, body), dryRun(partner, key, inJson(body, intake))),
  )
})

const tryFile = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  key: IdempotencyKey | undefined,
  form: StreamForm,
  parameters: FileParameters,
) {
  const received = yield* receiving(c, form, parameters)
  return yield* (yield* RequestBodies).usePieces(c.env, fileTerms(partner, form), (pieces) =>
    answering(received(pieces), (upload) => dryRun(partner, key, upload.asked)),
  )
})

const acceptFile = Effect.fnUntraced(function* (
  c: EdgeContext,
  submitter: Submitter,
  key: IdempotencyKey,
  form: StreamForm,
  parameters: FileParameters,
) {
  const received = yield* receiving(c, form, parameters)
  const bodies = yield* RequestBodies
  return yield* admitted(submitter, key, (submission) =>
    bodies.usePieces(c.env, fileTerms(submitter.partner, form), (pieces) =>
      answering(received(pieces), (upload) => accept(submission, upload.asked)).pipe(holdingPressure),
    ),
  )
})

/** How a file is received, if its parameters and its charset are those of its form. */
const receiving = Effect.fnUntraced(function* (c: EdgeContext, form: StreamForm, parameters: FileParameters) {
  for (const name of ["rejects", "rows"] as const)
    if (parameters[name] !== undefined && form === "xml")
      return yield* new InvalidRequest({
        detail: `${name}: a pain.001 document is right as a whole, or refused as a whole.`,
      })
  if (parameters.executeAt !== undefined && form === "xml")
    return yield* new InvalidRequest({ detail: "executeAt: a pain.001 document has its own (ReqdExctnDt)." })
  const encoding = yield* encodingOf(c, form)
  return (pieces: Array<Buffer>): ReceivedFile => ({ form, pieces, encoding, parameters })
})

const fileTerms = (partner: PartnerId, form: StreamForm): BodyTerms =>
  form === "xml" ? { ...bodyTerms(partner), bytesMax: XML_BYTES_MAX } : bodyTerms(partner)

/** The charset that a file declares. JSON has only one. */
export const encodingOf = (
  c: EdgeContext,
  form: StreamForm,
): Effect.Effect<string | undefined, UnsupportedCharset> => {
  const charset = charsetOf(c.req.header("content-type") ?? "")
  if (charset === "") return Effect.undefined
  const isRead = form === "ndjson" ? ["utf-8", "utf8", "us-ascii"].includes(charset) : isEncoding(charset)
  return isRead ? Effect.succeed(charset) : Effect.fail(new UnsupportedCharset())
}

/** Answers to a file: a refusal says where in the file, or is the file of rejected rows, if that was asked for. */
const answering = <A, E, R>(file: ReceivedFile, answer: (upload: PayoutUpload) => Effect.Effect<A, E, R>) => {
  const upload = new PayoutUpload(file)
  return answer(upload).pipe(
    Effect.flatMap((answered): Effect.Effect<A | Response> => {
      const { rows, rejects } = file.parameters
      const isAsked = rows === "good" && rejects === "file" && upload.rejected.length > 0
      return answered instanceof Response && isAsked
        ? Effect.map(rejectsAnswer(file, upload, answered), (rows) => rows ?? answered)
        : Effect.succeed(answered)
    }),
    Effect.catchIf(
      (failure): failure is Extract<E, DuplicatePayouts> => failure instanceof DuplicatePayouts,
      (found) => Effect.fail(withLines(found, upload)),
    ),
    Effect.catch((failure) =>
      // Whether the file was accepted before may not be known: what fails then is no refusal of rows.
      failure instanceof InvalidRows && file.parameters.rejects === "file" && upload.rejected.length > 0
        ? Effect.flatMap(rejectsAnswer(file, upload, undefined), (rows) =>
            rows === undefined ? Effect.fail(failure) : Effect.succeed(rows),
          )
        : Effect.fail(failure),
    ),
  )
}

const withLines = (found: DuplicatePayouts, upload: PayoutUpload): DuplicatePayouts =>
  new DuplicatePayouts({
    count: found.count,
    errors: found.errors.map((error) => {
      const line = error.item === undefined ? undefined : upload.lineOf(error.item)
      return line === undefined ? error : { ...error, line }
    }),
  })

const mediaTypes = { csv: "text/csv; charset=utf-8", ndjson: "application/x-ndjson", xml: "" } as const

/**
 * The rejected rows, with the status of the refusal, or of the answer to the batch that was accepted without them. They are not
 * stored, neither here nor on the way. Nothing if the file cannot be read as rows.
 */
const rejectsAnswer = (
  { form, pieces }: ReceivedFile,
  upload: PayoutUpload,
  answered: Response | undefined,
): Effect.Effect<Response | undefined> => {
  const { terms } = upload
  const text = terms === undefined ? Effect.undefined : rejectsOfStream(pieces, terms, upload.rejected)
  return Effect.map(
    Effect.catch(text, () => Effect.undefined),
    (rows) => {
      if (rows === undefined) return undefined
      const headers = new Headers(answered?.headers)
      headers.set("content-type", mediaTypes[form])
      headers.set("content-disposition", `attachment; filename="rejected-rows.${form}"`)
      headers.set("cache-control", "no-store")
      headers.set("rejected-rows", `${upload.rejected.length}`)
      return new Response(rows, { status: answered?.status ?? 400, headers })
    },
  )
}
