/** The part of the OpenAPI document about `/admin`: partners, API keys and the audit trail. */
import { BatchMode } from "../domain/events.ts"
import { schemes } from "../domain/scheme.ts"
import { operates, operatorActs, scopes } from "../identity/access.ts"
import { operatorRoles } from "../identity/roles.ts"
import { closedObject, instant, list, object, of, text } from "./openapi-schemas.ts"

const ref = (name: keyof typeof administrationSchemas | "Problem") => ({
  $ref: `#/components/schemas/${name}`,
})
const json = (name: keyof typeof administrationSchemas) => ({ "application/json": { schema: ref(name) } })
const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: ref("Problem") } },
})

const always = {
  "401": problem("The API key is missing or does not work."),
  "403": problem("The key does not permit this; detail says which kind of key does."),
  "429": problem("You are sending too many requests. Retry after Retry-After seconds."),
  "503": problem("Temporarily unavailable. Retry after Retry-After seconds."),
}
const withBody = {
  "400": problem("The body is invalid; the problem names the field."),
  "408": problem("The body was sent too slowly."),
  "413": problem("The body is larger than 64 KiB."),
  "415": problem("The body is not JSON in UTF-8, or has a Content-Encoding that is not read here."),
}
const absent = { "404": problem("There is no such partner or key.") }
const conflict = { "409": problem("The request contradicts what there is; reason says how.") }
const invalidQuery = { "400": problem("A parameter is invalid.") }

const inPath = (name: string, description: string) => ({
  in: "path",
  name,
  required: true,
  schema: { type: "string" },
  description,
})
const partner = inPath("partner", "The partner.")
const key = inPath("key", "The id of the key: the 16 characters after `ap_`.")
const inQuery = (name: string, of: object, description: string) => ({
  in: "query",
  name,
  required: false,
  schema: of,
  description,
})
const limit = inQuery(
  "limit",
  { type: "integer", minimum: 1, maximum: 500 },
  "Maximum number of entries per page.",
)
const after = inQuery("after", { type: "string" }, "`next` of the previous page.")

/** A change: a body, and an answer about what was changed. */
const change = (
  operationId: string,
  summary: string,
  body: keyof typeof administrationSchemas,
  [status, answer]: readonly ["200" | "201", keyof typeof administrationSchemas],
  parameters: ReadonlyArray<object>,
  others: object,
) => ({
  post: {
    operationId,
    summary,
    parameters,
    requestBody: { required: true, content: json(body) },
    responses: {
      [status]: { description: "It is done, in both stores.", content: json(answer) },
      ...withBody,
      ...always,
      ...others,
    },
  },
})

const look = (
  operationId: string,
  summary: string,
  answer: keyof typeof administrationSchemas,
  parameters: ReadonlyArray<object>,
  others: object = invalidQuery,
) => ({
  get: {
    operationId,
    summary,
    parameters,
    responses: { "200": { description: "As asked.", content: json(answer) }, ...always, ...others },
  },
})

const stringOrNull = { type: ["string", "null"] }
const instantOrNull = { type: ["string", "null"], format: "date-time" }

const partnerFields = {
  id: text(63),
  name: text(128),
  state: { enum: ["active", "suspended"] },
  operates: list({ enum: [...operates] }),
  createdAt: instant,
  createdBy: text(),
}
const keyFields = {
  id: { type: "string", pattern: "^[a-z]{16}$" },
  credential: text(),
  state: { enum: ["active", "revoked", "replaced", "expired"] },
  scopes: list({ enum: [...new Set([...scopes, ...operatorActs])] }),
  networks: list(text()),
  createdAt: instant,
  createdBy: text(),
  expiresAt: instantOrNull,
  endsAt: instantOrNull,
  revokedAt: instantOrNull,
  lastUsedAt: instantOrNull,
  replaces: stringOrNull,
}
const roles = list({ enum: [...operatorRoles] })
const issued = { key: { ...text(), description: "The whole key. It is shown here and never again." } }

const byCurrency = { type: "object", additionalProperties: text(24) }
const partnerSettings = closedObject(
  {},
  {
    approvalAbove: byCurrency,
    modes: list({ enum: [...BatchMode.literals] }),
    currencies: list(text(3)),
    schemes: list({ enum: [...schemes] }),
    itemMax: byCurrency,
    batchMax: byCurrency,
    dayMax: byCurrency,
    backlogMax: { type: "integer", minimum: 1 },
    duplicates: text(64),
  },
)

export const administrationSchemas = {
  NewPartner: closedObject({ id: text(63) }, { name: text(128) }),
  Partner: object(partnerFields),
  PartnerList: object({ partners: list(of("Partner")), next: stringOrNull }),
  Contract: {
    ...closedObject({ operates: list({ enum: [...operates] }) }),
    description: "All that the contract lets the partner decide; what is not listed is taken back.",
  },
  PartnerSettings: partnerSettings,
  ShownPartnerSettings: object({ partner: text(63), settings: partnerSettings, setAt: instantOrNull }),
  Reason: closedObject({}, { reason: text(280) }),
  NewApiKey: {
    ...closedObject(
      {},
      {
        scopes: list(text(64)),
        roles: list({ enum: [...operatorRoles] }),
        partner: text(63),
        name: text(63),
        operator: text(63),
        networks: list(text(64)),
        expiresAt: instant,
      },
    ),
    description: "Either `partner`, `name` and `scopes`, or `operator` and `roles`, `scopes` or both.",
  },
  ApiKey: object(keyFields, { partner: text(63), roles }),
  IssuedApiKey: object({ ...keyFields, ...issued }, { partner: text(63), roles, replaced: of("ApiKey") }),
  ApiKeyList: object({ apiKeys: list(of("ApiKey")), next: stringOrNull }),
  Rotation: closedObject(
    { overlapSeconds: { type: "integer", minimum: 0, maximum: 2_592_000 } },
    { expiresAt: instant },
  ),
  AuditEntry: object({
    sequence: { type: "integer", minimum: 1 },
    at: instant,
    who: text(),
    address: stringOrNull,
    name: stringOrNull,
    act: text(),
    subject: text(),
    before: { type: ["object", "null"] },
    after: { type: ["object", "null"] },
  }),
  AuditPage: object({ entries: list(of("AuditEntry")), next: { type: ["integer", "null"] } }),
} as const

export const administrationPaths = {
  "/admin/partners": {
    ...change("createPartner", "Create a partner", "NewPartner", ["201", "Partner"], [], conflict),
    ...look("listPartners", "List partners", "PartnerList", [after, limit]),
  },
  "/admin/partners/{partner}/suspension": change(
    "suspendPartner",
    "Refuse all keys of a partner",
    "Reason",
    ["200", "Partner"],
    [partner],
    absent,
  ),
  "/admin/partners/{partner}/resumption": change(
    "resumePartner",
    "Accept the keys of a suspended partner again",
    "Reason",
    ["200", "Partner"],
    [partner],
    absent,
  ),
  "/admin/partners/{partner}/contract": change(
    "setPartnerContract",
    "Set what a partner may decide about its own batches",
    "Contract",
    ["200", "Partner"],
    [partner],
    absent,
  ),
  "/admin/partners/{partner}/settings": {
    ...change(
      "setPartnerSettings",
      "Set a partner's settings",
      "PartnerSettings",
      ["200", "ShownPartnerSettings"],
      [partner],
      absent,
    ),
    ...look("showPartnerSettings", "Show a partner's settings", "ShownPartnerSettings", [partner], absent),
  },
  "/admin/api-keys": {
    ...change("createApiKey", "Create a key; it is shown once", "NewApiKey", ["201", "IssuedApiKey"], [], {
      ...absent,
      ...conflict,
    }),
    ...look("listApiKeys", "List keys", "ApiKeyList", [
      inQuery("partner", { type: "string" }, "Only the keys of this partner."),
      after,
      limit,
    ]),
  },
  "/admin/api-keys/{key}": look("showApiKey", "Show a key, never its secret", "ApiKey", [key], absent),
  "/admin/api-keys/{key}/rotation": change(
    "rotateApiKey",
    "Create the successor of a key; both work until the overlap ends",
    "Rotation",
    ["201", "IssuedApiKey"],
    [key],
    { ...absent, ...conflict },
  ),
  "/admin/api-keys/{key}/revocation": change(
    "revokeApiKey",
    "End a key at once",
    "Reason",
    ["200", "ApiKey"],
    [key],
    absent,
  ),
  "/admin/audit": look("showAuditTrail", "Show what administrators did, the newest first", "AuditPage", [
    inQuery("before", { type: "integer", minimum: 1 }, "`next` of the previous page."),
    inQuery("subject", { type: "string" }, "Only acts on this, such as `partner:acme`."),
    inQuery("who", { type: "string" }, "Only acts of this credential."),
    limit,
  ]),
}
