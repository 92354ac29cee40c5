/** What clients of the Formance twin send, as its document describes it. */
import { hash } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Context } from "hono"
import type { Draft, Transaction } from "./formance-books.ts"
import { headerOf, type SandboxEnv } from "./request-body.ts"
import { readJson, refusal, requestLinesMax } from "./server.ts"

const Address = Schema.String.check(Schema.isPattern(/^\w+(:\w+)*$/), Schema.isMaxLength(500))
const Asset = Schema.String.check(Schema.isPattern(/^[A-Z][A-Z0-9]{0,16}(\/\d{1,6})?$/))

const Requested = Schema.Struct({
  reference: Schema.optionalKey(Schema.String.check(Schema.isBetweenLength(1, 255))),
  metadata: Schema.Record(Schema.String, Schema.String),
  postings: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        source: Address,
        destination: Address,
        asset: Asset,
        /** The twin keeps integers that JSON keeps exactly in all programs. */
        amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
      }),
    ).check(Schema.isMaxLength(requestLinesMax)),
  ),
  force: Schema.optionalKey(Schema.Boolean),
})
const decodeRequested = Schema.decodeUnknownResult(Requested)

/** A request to book, with its idempotency key, if it has one, and what identifies the request. */
export interface Asked {
  readonly draft: Draft
  readonly isForced: boolean
  readonly isDryRun: boolean
  readonly key?: string
  readonly fingerprint: string
}

const invalid = (message: string) => refusal(400, { code: "malformed", message })

/** Reads a request to book; answers 400 if it is not as described. Scripts are not executed. */
export const readAsked = async (c: Context<SandboxEnv>): Promise<Asked> => {
  const json = await readJson(c)
  const decoded = decodeRequested(json)
  if (Result.isFailure(decoded)) throw invalid(decoded.failure.message)
  const { reference, metadata, postings = [], force = false } = decoded.success
  const key = headerOf(c, "idempotency-key")
  const draft = {
    ...(reference === undefined ? {} : { reference }),
    metadata,
    postings: postings.map((posting) => ({ ...posting, amount: posting.amount.toString() })),
  }
  return {
    draft,
    isForced: force || c.req.query("force") === "true",
    isDryRun: c.req.query("dryRun") === "true",
    ...(key === "" ? {} : { key }),
    fingerprint: hash("sha256", JSON.stringify([draft, force]), "base64url"),
  }
}

/** Which transactions a client wants: a page of those that match. */
export interface Listing {
  readonly match: Readonly<Record<string, string>>
  readonly pageSize: number
  readonly isAscending: boolean
  /** The id that the page begins behind. */
  readonly after?: number
}

const Filter = Schema.Union([
  Schema.Struct({ $match: Schema.Record(Schema.String, Schema.String) }),
  Schema.Struct({}),
])
const decodeFilter = Schema.decodeUnknownResult(Filter, { onExcessProperty: "error" })
const pageSizeUsual = 15
const pageSizeMax = 1_000

/** Reads what is to be listed. A cursor has all of it. */
export const readListing = async (c: Context<SandboxEnv>): Promise<Listing> => {
  const { cursor, pageSize = String(pageSizeUsual), sort = "id:desc" } = c.req.query()
  if (cursor !== undefined) return fromCursor(cursor)
  const decoded = decodeFilter(await readJson(c))
  if (Result.isFailure(decoded)) throw invalid("this filter is not one of the twin's")
  const size = Number(pageSize)
  if (!Number.isInteger(size) || size < 1 || size > pageSizeMax)
    throw invalid("invalid 'pageSize' query param")
  if (sort !== "id:asc" && sort !== "id:desc") throw invalid("invalid 'sort' query param")
  const match = "$match" in decoded.success ? decoded.success.$match : {}
  return { match, pageSize: size, isAscending: sort === "id:asc" }
}

export const toCursor = (listing: Listing): string =>
  Buffer.from(JSON.stringify(listing)).toString("base64url")

/** The twin made the cursor; what somebody else made is refused by its form. */
const fromCursor = (cursor: string): Listing => {
  try {
    const json = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"))
    if (typeof json.pageSize === "number" && typeof json.match === "object") return json
  } catch {
    // Told below.
  }
  throw invalid("invalid 'cursor' query param")
}

/** Whether a transaction is one that a client wants: by its reference, or by a field of its metadata. */
export const isWanted = ({ reference, metadata }: Transaction, match: Listing["match"]): boolean =>
  Object.entries(match).every(([field, wanted]) => {
    const [, name] = /^metadata\[(.+)\]$/.exec(field) ?? []
    return wanted === (name === undefined ? (field === "reference" ? reference : undefined) : metadata[name])
  })
