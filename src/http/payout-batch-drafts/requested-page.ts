/** The items of a page in the form in which they come: JSON, or rows of CSV or NDJSON. */
import { Effect } from "effect"
import { AppConfig } from "../../config.ts"
import { inSlices } from "../../parsing/turns.ts"
import { PartnerKeys } from "../../vault/partner-keys.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidBody, InvalidRequest, NotJson } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { isJson, requireUtf8 } from "../edge/json-body.ts"
import { REQUESTS, requestDigest } from "../payout-batches/batch-identity.ts"
import { readBatchRequest } from "../payout-batches/payout-batch-request.ts"
import { PayoutUpload } from "../payout-uploads/payout-upload.ts"
import { encodingOf } from "../payout-uploads/post-batch.ts"
import type { FileParameters } from "../payout-uploads/post-parameters.ts"

/** How the rows of a page are written. */
export type Notation = Pick<FileParameters, "decimal" | "thousands">

type RowsForm = "csv" | "ndjson"

const forms: Readonly<Record<string, RowsForm>> = { "text/csv": "csv", "application/x-ndjson": "ndjson" }

/** How the bytes of a page are read: as JSON, or as rows in a charset. */
export interface PageForm {
  readonly rows: RowsForm | undefined
  readonly encoding: string | undefined
}

/** The media types of a page. */
export const pageTypes = ["application/json", ...Object.keys(forms)]

/** How a page is written. What would be ignored in its query is refused. */
export const formOf = Effect.fnUntraced(function* (c: EdgeContext) {
  const type = c.req.header("content-type") ?? ""
  const rows = forms[(type.split(";", 1)[0] ?? "").trim().toLowerCase()]
  if (rows === undefined && !isJson(type)) return yield* new NotJson({ accepted: pageTypes })
  const strays = rows === "csv" ? [] : Object.keys(c.req.queries())
  if (strays.length > 0) return yield* new InvalidRequest({ detail: `Only CSV has ${strays.join(" and ")}.` })
  const encoding = rows === undefined ? undefined : yield* encodingOf(c, rows)
  return { rows, encoding } satisfies PageForm as PageForm
})

/** The keyed digest of a page: of its bytes, behind its form. */
export const pageDigest = Effect.fnUntraced(function* (
  pieces: ReadonlyArray<Buffer>,
  { rows, encoding }: PageForm,
  { decimal = null, thousands = null }: { readonly [Name in keyof Notation]?: Notation[Name] | null },
) {
  const key = yield* (yield* PartnerKeys).current(REQUESTS)
  const before = `atlaspay draft page 1 ${JSON.stringify([rows ?? "json", encoding ?? null, decimal, thousands])}\n`
  return yield* inSlices(requestDigest(key, pieces, before))
})

/** Reads and checks the items of a page as those of a batch. Bytes of rows are let go as they are read. */
export const itemsOfPage = Effect.fnUntraced(function* (
  c: EdgeContext,
  pieces: Array<Buffer>,
  { rows, encoding }: PageForm,
  { decimal, thousands }: Notation,
) {
  if (rows !== undefined) {
    const parameters = { ...noTerms, decimal, thousands }
    const { items } = yield* new PayoutUpload({ form: rows, pieces, encoding, parameters }).asked.read
    return items
  }
  const body = Buffer.concat(pieces)
  yield* requireUtf8(c, body)
  const {
    items,
    totals: _,
    modulusFailures: __,
    ...terms
  } = yield* readBatchRequest(body, (yield* AppConfig).intake)
  const problems = Object.keys(terms).map((name) =>
    fieldProblem([name], "expected among the terms of the draft"),
  )
  return problems.length === 0 ? items : yield* new InvalidBody({ problems })
})

const noTerms: FileParameters = {
  dryRun: false,
  rejects: undefined,
  rows: undefined,
  reference: undefined,
  mode: undefined,
  submittedBy: undefined,
  requireApproval: false,
  executeAt: undefined,
  duplicatesReason: undefined,
  decimal: undefined,
  thousands: undefined,
}
