/** `/admin`: what operators with `keys:manage` do with partners and API keys, and the audit trail of it. */
import { Effect, Schema } from "effect"
import { TextWithin } from "../../domain/code-points.ts"
import { PartnerId } from "../../domain/identifiers.ts"
import { AcceptedText } from "../../domain/outside-text.ts"
import { access } from "../../identity/access.ts"
import { KEYS_PER_PAGE_MAX, PARTNERS_PER_PAGE_MAX } from "../../identity/access-register.ts"
import { Administration, type AdministrationFailure } from "../../identity/administration.ts"
import { AuditTrail, ENTRIES_PER_PAGE_MAX } from "../../identity/audit-trail.ts"
import { shownEntry, shownKey, shownPartner } from "../../identity/shown-access.ts"
import { InvalidBody } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { jsonBody } from "../routing/bodies.ts"
import { operator } from "../routing/guards.ts"
import { named, PlainWords, text, wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import {
  ApiKey,
  ApiKeyList,
  AuditPage,
  exampleKey,
  exampleKeyText,
  examplePartner,
  IssuedApiKey,
  KeyId,
  Partner,
  PartnerList,
  Time,
} from "./shapes.ts"

const keys = operator(access.manageKeys.operator)
const tag = "Administration"

const small = <A, I>(schema: Schema.Codec<A, I>, example: I) =>
  jsonBody(schema, { kind: "endpoints", bytesMax: 64 * 1024, example })

/** An answer with a key, or about one, belongs into no cache. */
const unstored = { "cache-control": "no-store" }
const unstoredHeader = { "cache-control": { description: "`no-store`.", example: "no-store" } }

/** A failure in a term of the body is a problem of the body. */
const inBody = <A>(act: Effect.Effect<A, AdministrationFailure>) =>
  Effect.catchTag(act, "InvalidKeyTerms", ({ field, reason }) =>
    Effect.fail(new InvalidBody({ problems: [fieldProblem([field], reason)] })),
  )

const changing = [
  "AccessConflict",
  "InvalidBody",
  "NoSuchSubject",
  "StoreUnavailable",
  "VaultUnavailable",
] as const

const partnerInPath = {
  partner: named(PartnerId, { description: "The partner.", example: "acme", what: "partner" }),
}
const keyInPath = {
  key: named(KeyId, {
    description: "The id of the key: the 16 characters after `ap_`.",
    example: exampleKey.id,
    what: "API key",
  }),
}
const limitUpTo = (maximum: number) =>
  wholeNumber({ description: "How many entries a page has at most.", minimum: 1, maximum, fallback: 100 })

/** The id after which the next page begins; `null` at the end. */
const nextOf = (page: ReadonlyArray<{ readonly id: string }>, limit: number): string | null =>
  page.length < limit ? null : (page.at(-1)?.id ?? null)

const NewPartner = Schema.Struct({ id: PartnerId, name: Schema.optionalKey(AcceptedText(128)) }).annotate({
  identifier: "NewPartner",
})

export const createPartner = route({
  method: "POST",
  path: "/admin/partners",
  operationId: "createPartner",
  tag,
  summary: "Create a partner",
  description: "The id is permanent. The name is the id by default.",
  guard: keys,
  body: small(NewPartner, { id: "acme", name: "Acme Marketplace" }),
  answers: { 201: { description: "The partner.", schema: Partner, example: examplePartner } },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, body }) {
    const { id, name = id } = yield* body
    return reply(201, shownPartner(yield* inBody((yield* Administration).createPartner(by, { id, name }))))
  }),
)

export const listPartners = route({
  method: "GET",
  path: "/admin/partners",
  operationId: "listPartners",
  tag,
  summary: "List partners",
  description: "All partners, by their ids.",
  guard: keys,
  query: {
    limit: limitUpTo(PARTNERS_PER_PAGE_MAX),
    after: text(PartnerId, {
      description: "`next` of the previous page.",
      expected: "the next of the previous page",
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: PartnerList,
      example: { partners: [examplePartner], next: null },
    },
  },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ query: { limit, after } }) {
    const page = yield* (yield* Administration).partners(after, limit)
    return reply(200, { partners: page.map(shownPartner), next: nextOf(page, limit) })
  }),
)

const Reason = Schema.Struct({ reason: Schema.optionalKey(AcceptedText(280)) }).annotate({
  identifier: "Reason",
})
const reasonBody = small(Reason, { reason: "Asked for by the partner." })

export const suspendPartner = route({
  method: "POST",
  path: "/admin/partners/:partner/suspension",
  operationId: "suspendPartner",
  tag,
  summary: "Suspend a partner",
  description: "Refuses all keys of the partner. What was accepted before is paid all the same.",
  guard: keys,
  parameters: partnerInPath,
  body: reasonBody,
  answers: {
    200: { description: "The partner.", schema: Partner, example: { ...examplePartner, state: "suspended" } },
  },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { reason } = yield* body
    const suspended = yield* inBody((yield* Administration).suspendPartner(by, parameters.partner, reason))
    return reply(200, shownPartner(suspended))
  }),
)

export const resumePartner = route({
  method: "POST",
  path: "/admin/partners/:partner/resumption",
  operationId: "resumePartner",
  tag,
  summary: "Resume a partner",
  description: "Accepts the keys of a suspended partner again.",
  guard: keys,
  parameters: partnerInPath,
  body: reasonBody,
  answers: { 200: { description: "The partner.", schema: Partner, example: examplePartner } },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { reason } = yield* body
    const resumed = yield* inBody((yield* Administration).resumePartner(by, parameters.partner, reason))
    return reply(200, shownPartner(resumed))
  }),
)

const ShortText = TextWithin(64)
const names = Schema.Array(ShortText).check(Schema.isMaxLength(32))
const terms = {
  networks: Schema.optionalKey(Schema.Array(ShortText).check(Schema.isMaxLength(32))),
  expiresAt: Schema.optionalKey(Time),
}
const NewApiKey = Schema.Union([
  Schema.Struct({ partner: PartnerId, name: ShortText, scopes: names, ...terms }),
  Schema.Struct({
    operator: ShortText,
    roles: Schema.optionalKey(names),
    scopes: Schema.optionalKey(names),
    ...terms,
  }),
]).annotate({
  identifier: "NewApiKey",
  description: "Either `partner`, `name` and `scopes`, or `operator` and `roles`, `scopes` or both.",
})

const issuedHeaders = {
  location: { description: "The address of the key.", example: `/admin/api-keys/${exampleKey.id}` },
  ...unstoredHeader,
}

export const createApiKey = route({
  method: "POST",
  path: "/admin/api-keys",
  operationId: "createApiKey",
  tag,
  summary: "Create a key",
  description: "The whole key is shown once, in this answer.",
  guard: keys,
  body: small(NewApiKey, { partner: "acme", name: "payroll", scopes: ["batches:read", "batches:write"] }),
  answers: {
    201: {
      description: "The key.",
      schema: IssuedApiKey,
      headers: issuedHeaders,
      example: { ...exampleKey, key: exampleKeyText },
    },
  },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, body }) {
    const { networks = [], expiresAt, scopes = [], ...whose } = yield* body
    const roles = "operator" in whose ? (whose.roles ?? []) : []
    const owner =
      "partner" in whose
        ? ({ kind: "partner", partner: whose.partner, name: whose.name } as const)
        : ({ kind: "operator", name: whose.operator } as const)
    const asked = { owner, scopes: [...roles, ...scopes], networks, expiresAt: timeOf(expiresAt) }
    const { key, text } = yield* inBody((yield* Administration).createKey(by, asked))
    const headers = { location: `/admin/api-keys/${key.id}`, ...unstored }
    return reply(201, { ...shownKey(key, Date.now()), key: text }, headers)
  }),
)

const timeOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text)

export const listApiKeys = route({
  method: "GET",
  path: "/admin/api-keys",
  operationId: "listApiKeys",
  tag,
  summary: "List keys",
  description: "The keys of all partners and operators, or those of one partner; never their secrets.",
  guard: keys,
  query: {
    limit: limitUpTo(KEYS_PER_PAGE_MAX),
    partner: text(PartnerId, {
      description: "Only the keys of this partner.",
      expected: "the partner whose keys to list",
    }),
    after: text(KeyId, {
      description: "`next` of the previous page.",
      expected: "the next of the previous page",
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: ApiKeyList,
      headers: unstoredHeader,
      example: { apiKeys: [exampleKey], next: null },
    },
  },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ query: { limit, partner: of, after } }) {
    const page = yield* (yield* Administration).keys({ of, after, limit })
    const now = Date.now()
    return reply(200, { apiKeys: page.map((key) => shownKey(key, now)), next: nextOf(page, limit) }, unstored)
  }),
)

export const showApiKey = route({
  method: "GET",
  path: "/admin/api-keys/:key",
  operationId: "showApiKey",
  tag,
  summary: "Show a key",
  description: "What the key permits and what became of it, never its secret.",
  guard: keys,
  parameters: keyInPath,
  answers: { 200: { description: "The key.", schema: ApiKey, headers: unstoredHeader, example: exampleKey } },
  failures: ["NoSuchSubject", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ parameters }) {
    const key = yield* (yield* Administration).key(parameters.key)
    return reply(200, shownKey(key, Date.now()), unstored)
  }),
)

const Rotation = Schema.Struct({
  overlapSeconds: Schema.Int.annotate({ description: "For how long both keys work." }),
  expiresAt: Schema.optionalKey(Time),
}).annotate({ identifier: "Rotation" })

export const rotateApiKey = route({
  method: "POST",
  path: "/admin/api-keys/:key/rotation",
  operationId: "rotateApiKey",
  tag,
  summary: "Create the successor of a key",
  description: "Both keys work until the overlap ends. The whole new key is shown once, in this answer.",
  guard: keys,
  parameters: keyInPath,
  body: small(Rotation, { overlapSeconds: 86_400 }),
  answers: {
    201: {
      description: "The successor, and what it replaces.",
      schema: IssuedApiKey,
      headers: issuedHeaders,
      example: { ...exampleKey, key: exampleKeyText },
    },
  },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { overlapSeconds, expiresAt } = yield* body
    const asked = { overlapMs: overlapSeconds * 1_000, expiresAt: timeOf(expiresAt) }
    const rotated = yield* inBody((yield* Administration).rotateKey(by, parameters.key, asked))
    const { key, text, replaced } = rotated
    const headers = { location: `/admin/api-keys/${key.id}`, ...unstored }
    const now = Date.now()
    return reply(201, { ...shownKey(key, now), key: text, replaced: shownKey(replaced, now) }, headers)
  }),
)

export const revokeApiKey = route({
  method: "POST",
  path: "/admin/api-keys/:key/revocation",
  operationId: "revokeApiKey",
  tag,
  summary: "End a key at once",
  description: "It works nowhere a few seconds later.",
  guard: keys,
  parameters: keyInPath,
  body: reasonBody,
  answers: {
    200: {
      description: "The key.",
      schema: ApiKey,
      headers: unstoredHeader,
      example: { ...exampleKey, state: "revoked", revokedAt: "2027-02-03T04:05:06.789Z" },
    },
  },
  failures: changing,
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { reason } = yield* body
    const key = yield* inBody((yield* Administration).revokeKey(by, parameters.key, reason))
    return reply(200, shownKey(key, Date.now()), unstored)
  }),
)

/** The largest number that the query may have: more entries than three years have at a hundred a second. */
const SEQUENCE_MAX = 9_999_999_999

export const showAuditTrail = route({
  method: "GET",
  path: "/admin/audit",
  operationId: "showAuditTrail",
  tag,
  summary: "Show what administrators did",
  description: "The newest first.",
  guard: operator(access.readAudit.operator),
  query: {
    limit: limitUpTo(ENTRIES_PER_PAGE_MAX),
    before: wholeNumber({
      description: "`next` of the previous page.",
      minimum: 1,
      maximum: SEQUENCE_MAX,
      fallback: SEQUENCE_MAX,
    }),
    subject: text(PlainWords, {
      description: "Only acts on this, such as `partner:acme`.",
      expected: "a subject such as partner:acme",
    }),
    who: text(PlainWords, {
      description: "Only acts of this credential.",
      expected: "a credential such as operator:alice",
    }),
  },
  answers: {
    200: {
      description: "One page.",
      schema: AuditPage,
      headers: unstoredHeader,
      example: { entries: [], next: null },
    },
  },
  failures: ["StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ query: { limit, before, subject, who } }) {
    const entries = yield* (yield* AuditTrail).read({ before, subject, who, limit })
    const next = entries.length < limit ? null : (entries.at(-1)?.sequence ?? null)
    return reply(200, { entries: entries.map(shownEntry), next }, unstored)
  }),
)

/** The routes of this file. */
export const administrationRoutes = [
  createPartner,
  listPartners,
  suspendPartner,
  resumePartner,
  createApiKey,
  listApiKeys,
  showApiKey,
  rotateApiKey,
  revokeApiKey,
  showAuditTrail,
]
