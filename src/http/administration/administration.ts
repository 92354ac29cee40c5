/** `/admin`: what operators with `keys:manage` do with partners and API keys, and the audit trail of it. */
import { Effect, Schema } from "effect"
import { Hono } from "hono"
import { TextWithin } from "../../domain/code-points.ts"
import { PartnerId } from "../../domain/identifiers.ts"
import { AcceptedText } from "../../domain/outside-text.ts"
import { access } from "../../identity/access.ts"
import { KEYS_PER_PAGE_MAX, NoSuchSubject, PARTNERS_PER_PAGE_MAX } from "../../identity/access-register.ts"
import { Administration, type AdministrationFailure } from "../../identity/administration.ts"
import { isApiKeyId } from "../../identity/api-key.ts"
import { type Administrator, AuditTrail, ENTRIES_PER_PAGE_MAX } from "../../identity/audit-trail.ts"
import { shownEntry, shownKey, shownPartner } from "../../identity/shown-access.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { InvalidBody } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { readJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import { textIn, wholeNumber } from "../edge/query.ts"
import { RequestBodies } from "../edge/request-body.ts"

export const administration = (edge: Edge<Administration | AuditTrail | RequestBodies>): Hono<EdgeEnv> => {
  const keys = access.manageKeys.operator
  return new Hono<EdgeEnv>()
    .post("/admin/partners", edge.operator(keys, createPartner))
    .get("/admin/partners", edge.operator(keys, listPartners))
    .post("/admin/partners/:partner/suspension", edge.operator(keys, suspendPartner))
    .post("/admin/partners/:partner/resumption", edge.operator(keys, resumePartner))
    .post("/admin/api-keys", edge.operator(keys, createKey))
    .get("/admin/api-keys", edge.operator(keys, listKeys))
    .get("/admin/api-keys/:key", edge.operator(keys, showKey))
    .post("/admin/api-keys/:key/rotation", edge.operator(keys, rotateKey))
    .post("/admin/api-keys/:key/revocation", edge.operator(keys, revokeKey))
    .get("/admin/audit", edge.operator(access.readAudit.operator, showAudit))
}

const BODY_BYTES_MAX = 64 * 1024
const PAGE_DEFAULT = 100
/** An answer with a key, or about one, belongs into no cache. */
const unstored = { "cache-control": "no-store" }
const decoding = { errors: "all", onExcessProperty: "error" } as const

const isPartnerId = Schema.is(PartnerId)
const isKeyId = (text: string): text is string => isApiKeyId(text)
const noSuchPartner = new NoSuchSubject({ what: "partner" })
const noSuchKey = new NoSuchSubject({ what: "API key" })

/** Reads a JSON body as a schema decodes it. */
const bodyOf = Effect.fnUntraced(function* <A>(c: EdgeContext, by: Administrator, schema: Schema.Decoder<A>) {
  yield* requireJson(c)
  const terms = { kind: "endpoints", owner: by.who, bytesMax: BODY_BYTES_MAX } as const
  return yield* (yield* RequestBodies).use(c.env, terms, (body) =>
    Effect.andThen(
      requireUtf8(c, body),
      readJson(body, (json) => Schema.decodeUnknownResult(schema, decoding)(json)),
    ),
  )
})

/** A failure in a term of the body is a problem of the body. */
const inBody = <A>(act: Effect.Effect<A, AdministrationFailure>) =>
  Effect.catchTag(act, "InvalidKeyTerms", ({ field, reason }) =>
    Effect.fail(new InvalidBody({ problems: [fieldProblem([field], reason)] })),
  )

const partnerIn = Effect.fnUntraced(function* (c: EdgeContext) {
  const id = c.req.param("partner")
  return isPartnerId(id) ? id : yield* noSuchPartner
})

const keyIn = Effect.fnUntraced(function* (c: EdgeContext) {
  const id = c.req.param("key") ?? ""
  return isApiKeyId(id) ? id : yield* noSuchKey
})

const NewPartner = Schema.Struct({ id: PartnerId, name: Schema.optionalKey(AcceptedText(128)) })

const createPartner = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const { id, name = id } = yield* bodyOf(c, by, NewPartner)
  const partner = yield* inBody((yield* Administration).createPartner(by, { id, name }))
  return c.json(shownPartner(partner), 201)
})

const listPartners = Effect.fnUntraced(function* (c: EdgeContext) {
  const limit = yield* limitOf(c, PARTNERS_PER_PAGE_MAX)
  const after = yield* textIn(c, "after", "the next of the previous page", isPartnerId)
  const page = yield* (yield* Administration).partners(after, limit)
  return c.json({ partners: page.map(shownPartner), next: nextOf(page, limit) })
})

const limitOf = (c: EdgeContext, maximum: number) =>
  wholeNumber(c, "limit", { fallback: PAGE_DEFAULT, minimum: 1, maximum })

/** The id after which the next page begins; `null` at the end. */
const nextOf = (page: ReadonlyArray<{ readonly id: string }>, limit: number): string | null =>
  page.length < limit ? null : (page.at(-1)?.id ?? null)

const Reason = Schema.Struct({ reason: Schema.optionalKey(AcceptedText(280)) })

const suspendPartner = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const id = yield* partnerIn(c)
  const { reason } = yield* bodyOf(c, by, Reason)
  return c.json(shownPartner(yield* inBody((yield* Administration).suspendPartner(by, id, reason))))
})

const resumePartner = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const id = yield* partnerIn(c)
  const { reason } = yield* bodyOf(c, by, Reason)
  return c.json(shownPartner(yield* inBody((yield* Administration).resumePartner(by, id, reason))))
})

/** ISO 8601 in UTC, as all times of the API. */
const Time = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/, {
    message: "expected a time such as 2027-01-02T03:04:05Z",
  }),
)

const ShortText = TextWithin(64)
const names = Schema.Array(ShortText).check(Schema.isMaxLength(32))
const terms = {
  networks: Schema.optionalKey(Schema.Array(ShortText).check(Schema.isMaxLength(32))),
  expiresAt: Schema.optionalKey(Time),
}
const NewKeyBody = Schema.Union([
  Schema.Struct({ partner: PartnerId, name: ShortText, scopes: names, ...terms }),
  Schema.Struct({
    operator: ShortText,
    roles: Schema.optionalKey(names),
    scopes: Schema.optionalKey(names),
    ...terms,
  }),
])

const createKey = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const { networks = [], expiresAt, scopes = [], ...whose } = yield* bodyOf(c, by, NewKeyBody)
  const roles = "operator" in whose ? (whose.roles ?? []) : []
  const owner =
    "partner" in whose
      ? ({ kind: "partner", partner: whose.partner, name: whose.name } as const)
      : ({ kind: "operator", name: whose.operator } as const)
  const asked = { owner, scopes: [...roles, ...scopes], networks, expiresAt: timeOf(expiresAt) }
  const { key, text } = yield* inBody((yield* Administration).createKey(by, asked))
  const headers = { location: `/admin/api-keys/${key.id}`, ...unstored }
  return c.json({ ...shownKey(key, Date.now()), key: text }, 201, headers)
})

const timeOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text)

const listKeys = Effect.fnUntraced(function* (c: EdgeContext) {
  const limit = yield* limitOf(c, KEYS_PER_PAGE_MAX)
  const of = yield* textIn(c, "partner", "the partner whose keys to list", isPartnerId)
  const after = yield* textIn(c, "after", "the next of the previous page", isKeyId)
  const page = yield* (yield* Administration).keys({ of, after, limit })
  const now = Date.now()
  return c.json({ apiKeys: page.map((key) => shownKey(key, now)), next: nextOf(page, limit) }, 200, unstored)
})

const showKey = Effect.fnUntraced(function* (c: EdgeContext) {
  const key = yield* (yield* Administration).key(yield* keyIn(c))
  return c.json(shownKey(key, Date.now()), 200, unstored)
})

const Rotation = Schema.Struct({
  overlapSeconds: Schema.Int,
  expiresAt: Schema.optionalKey(Time),
})

const rotateKey = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const id = yield* keyIn(c)
  const { overlapSeconds, expiresAt } = yield* bodyOf(c, by, Rotation)
  const asked = { overlapMs: overlapSeconds * 1_000, expiresAt: timeOf(expiresAt) }
  const { key, text, replaced } = yield* inBody((yield* Administration).rotateKey(by, id, asked))
  const headers = { location: `/admin/api-keys/${key.id}`, ...unstored }
  const now = Date.now()
  return c.json({ ...shownKey(key, now), key: text, replaced: shownKey(replaced, now) }, 201, headers)
})

const revokeKey = Effect.fnUntraced(function* (c: EdgeContext, by: Administrator) {
  const id = yield* keyIn(c)
  const { reason } = yield* bodyOf(c, by, Reason)
  const key = yield* inBody((yield* Administration).revokeKey(by, id, reason))
  return c.json(shownKey(key, Date.now()), 200, unstored)
})

/** The largest number that the query may have: more entries than three years have at a hundred a second. */
const SEQUENCE_MAX = 9_999_999_999

const showAudit = Effect.fnUntraced(function* (c: EdgeContext) {
  const limit = yield* limitOf(c, ENTRIES_PER_PAGE_MAX)
  const before = yield* wholeNumber(c, "before", {
    fallback: SEQUENCE_MAX,
    minimum: 1,
    maximum: SEQUENCE_MAX,
  })
  const subject = yield* textIn(c, "subject", "a subject such as partner:acme")
  const who = yield* textIn(c, "who", "a credential such as operator:alice")
  const entries = yield* (yield* AuditTrail).read({ before, subject, who, limit })
  const next = entries.length < limit ? null : (entries.at(-1)?.sequence ?? null)
  return c.json({ entries: entries.map(shownEntry), next }, 200, unstored)
})
