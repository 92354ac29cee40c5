/** `POST /payout-batches` in every form: JSON with the terms in it, or a file of payouts with the terms in the query. */
import { Effect } from "effect"
import { AppConfig } from "../../config.ts"
import type { Credential } from "../../domain/credential.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { isEncoding } from "../../payout-files/file-text.ts"
import type { StreamForm } from "../../payout-files/payout-stream.ts"
import { rejectsOfStream } from "../../payout-files/rejects-stream.ts"
import { charsetOf, UnsupportedCharset } from "../edge/body-charset.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { DuplicatePayouts, InvalidRequest, NotJson } from "../edge/failures.ts"
import { isJson, requireUtf8 } from "../edge/json-body.ts"
import { type BodyTerms, RequestBodies } from "../edge/request-body.ts"
import { idempotencyKeyOf, optionalIdempotencyKeyOf } from "../payout-batches/idempotency-key.ts"
import {
  accept,
  acceptBatch,
  admitted,
  bodyTerms,
  holdingPressure,
  inJson,
  type Submitter,
} from "../payout-batches/payout-batch-intake.ts"
import { dryRun } from "./dry-run.ts"
import { PayoutUpload, type ReceivedFile } from "./payout-upload.ts"
import { fileParameters, jsonParameters } from "./post-parameters.ts"

/** The media types of files, and how they are read. */
const forms: Readonly<Record<string, StreamForm>> = {
  "text/csv": "csv",
  "application/x-ndjson": "ndjson",
  "application/xml": "xml",
  "text/xml": "xml",
}

const accepted = ["application/json", ...Object.keys(forms)]

/** Accepts a batch in the form that its content type says, or checks it only. */
export const postBatch = Effect.fnUntraced(function* (
  c: EdgeContext,
  partner: PartnerId,
  credential: Credential,
) {
  const type = c.req.header("content-type") ?? ""
  const form = forms[(type.split(";", 1)[0] ?? "").trim().toLowerCase()]
  if (form !== undefined) return yield* postFile(c, { partner, credential }, form)
  if (!isJson(type)) return yield* new NotJson({ accepted })
  const parameters = yield* jsonParameters(c)
  return yield* parameters.dryRun === "true" ? tryJson(c, partner) : acceptBatch(c, partner, credential)
})

const tryJson = Effect.fnUntraced(function* (c: EdgeContext, partner: PartnerId) {
  const key = yield* optionalIdempotencyKeyOf(c)
  const { intake } = yield* AppConfig
  return yield* (yield* RequestBodies).use(c.env, bodyTerms(partner), (body) =>
    Effect.andThen(requireUtf8(c, body), dryRun(partner, key, inJson(body, intake))),
  )
})

const postFile = Effect.fnUntraced(function* (c: EdgeContext, submitter: Submitter, form: StreamForm) {
  const { partner } = submitter
  const parameters = yield* fileParameters(c)
  if (parameters.rejects !== undefined && form === "xml")
    return yield* new InvalidRequest({
      detail: "rejects: a pain.001 document is right as a whole, or refused as a whole.",
    })
  if (parameters.executeAt !== undefined && form === "xml")
    return yield* new InvalidRequest({ detail: "executeAt: a pain.001 document has its own (ReqdExctnDt)." })
  const encoding = yield* encodingOf(c, form)
  const received = (pieces: Array<Buffer>): ReceivedFile => ({ form, pieces, encoding, parameters })
  const bodies = yield* RequestBodies
  if (parameters.dryRun === "true") {
    const key = yield* optionalIdempotencyKeyOf(c)
    return yield* bodies.usePieces(c.env, fileTerms(partner, form), (pieces) =>
      answering(received(pieces), (upload) => dryRun(partner, key, upload.asked)),
    )
  }
  const key = yield* idempotencyKeyOf(c)
  return yield* admitted(partner, key, () =>
    bodies.usePieces(c.env, fileTerms(partner, form), (pieces) =>
      answering(received(pieces), (upload) => accept(submitter, key, upload.asked)).pipe(holdingPressure),
    ),
  )
})

/** XML takes three times as many bytes for a payout as JSON. */
const XML_BYTES_MAX = 96 * 1024 * 1024

const fileTerms = (partner: PartnerId, form: StreamForm): BodyTerms =>
  form === "xml" ? { ...bodyTerms(partner), bytesMax: XML_BYTES_MAX } : bodyTerms(partner)

/** The charset that a file declares. JSON has only one. */
const encodingOf = (
  c: EdgeContext,
  form: StreamForm,
): Effect.Effect<string | undefined, UnsupportedCharset> => {
  const charset = charsetOf(c.req.header("content-type") ?? "")
  if (charset === "") return Effect.undefined
  const isRead = form === "ndjson" ? ["utf-8", "utf8", "us-ascii"].includes(charset) : isEncoding(charset)
  return isRead ? Effect.succeed(charset) : Effect.fail(new UnsupportedCharset())
}

/** Answers to a file: a refusal says where in the file, or is the file of rejected rows, if that was asked for. */
const answering = <E, R>(
  file: ReceivedFile,
  answer: (upload: PayoutUpload) => Effect.Effect<Response, E, R>,
) => {
  const upload = new PayoutUpload(file)
  return answer(upload).pipe(
    Effect.catchIf(
      (failure): failure is Extract<E, DuplicatePayouts> => failure instanceof DuplicatePayouts,
      (found) => Effect.fail(withLines(found, upload)),
    ),
    Effect.catch((failure) =>
      file.parameters.rejects === "file" && upload.rejected.length > 0
        ? rejectsAnswer(file, upload, failure)
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

/** The rejected rows, with the status of the refusal. They are not stored, neither here nor on the way. */
const rejectsAnswer = Effect.fnUntraced(function* <F>(
  { form, pieces }: ReceivedFile,
  upload: PayoutUpload,
  failure: F,
) {
  if (upload.terms === undefined) return yield* Effect.fail(failure)
  const text = yield* Effect.mapError(rejectsOfStream(pieces, upload.terms, upload.rejected), () => failure)
  if (text === undefined) return yield* Effect.fail(failure)
  return new Response(text, {
    status: 400,
    headers: {
      "content-type": mediaTypes[form],
      "content-disposition": `attachment; filename="rejected-rows.${form}"`,
      "cache-control": "no-store",
      "rejected-rows": `${upload.rejected.length}`,
    },
  })
})
