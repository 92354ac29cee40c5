/** Partners, keys and entries of the audit trail as administrators see them. */
import { Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { operates } from "../../identity/access.ts"
import { operatorRoles } from "../../identity/roles.ts"
import { Instant } from "../routing/shapes.ts"

/** ISO 8601 in UTC, as all times of the API. */
export const Time = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/, {
    message: "expected a time such as 2027-01-02T03:04:05Z",
  }),
)

export const KeyId = Schema.String.check(Schema.isPattern(/^[a-z]{16}$/))

const Next = Schema.NullOr(Schema.String).annotate({
  description: "Where the next page begins; null at the end.",
})

/** What a contract may let a partner decide. */
export const Operates = Schema.Array(Schema.Literals(operates)).annotate({
  description: "What the partner may decide about its own batches, under keys with the scope for it.",
})

export const Partner = Schema.Struct({
  id: PartnerId,
  name: Schema.String,
  state: Schema.Literals(["active", "suspended"]),
  operates: Operates,
  createdAt: Instant,
  createdBy: Schema.String,
}).annotate({ identifier: "Partner" })

export const PartnerList = Schema.Struct({ partners: Schema.Array(Partner), next: Next }).annotate({
  identifier: "PartnerList",
})

const InstantOrNull = Schema.NullOr(Instant)

export const ApiKey = Schema.Struct({
  id: KeyId,
  credential: Schema.optionalKey(Schema.String),
  partner: Schema.optionalKey(PartnerId),
  state: Schema.Literals(["active", "revoked", "replaced", "expired"]),
  scopes: Schema.Array(Schema.String),
  roles: Schema.optionalKey(Schema.Array(Schema.Literals(operatorRoles))),
  networks: Schema.Array(Schema.String),
  createdAt: Instant,
  createdBy: Schema.String,
  expiresAt: InstantOrNull,
  endsAt: InstantOrNull,
  revokedAt: InstantOrNull,
  lastUsedAt: InstantOrNull,
  replaces: Schema.NullOr(Schema.String),
}).annotate({ identifier: "ApiKey" })

export const ApiKeyList = Schema.Struct({ apiKeys: Schema.Array(ApiKey), next: Next }).annotate({
  identifier: "ApiKeyList",
})

export const IssuedApiKey = Schema.Struct({
  ...ApiKey.fields,
  key: Schema.String.annotate({ description: "The whole key. It is shown here and never again." }),
  replaced: Schema.optionalKey(ApiKey),
}).annotate({ identifier: "IssuedApiKey" })

export const AuditPage = Schema.Struct({
  entries: Schema.Array(
    Schema.Struct({
      sequence: Schema.Int,
      at: Instant,
      who: Schema.String,
      name: Schema.NullOr(Schema.String).annotate({ description: "As the issuer names who signed in." }),
      address: Schema.NullOr(Schema.String),
      act: Schema.String.annotate({ description: "Such as `api-key.revoke`." }),
      subject: Schema.String.annotate({ description: "Such as `partner:acme`." }),
      before: Schema.Unknown.annotate({
        description: "The state before, without secrets; null if there was none.",
      }),
      after: Schema.Unknown.annotate({ description: "The state after." }),
    }).annotate({ identifier: "AuditEntry" }),
  ),
  next: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "AuditPage" })

const at = "2027-01-02T03:04:05.678Z"

export const examplePartner = {
  id: "acme",
  name: "Acme Marketplace",
  state: "active",
  operates: [],
  createdAt: at,
  createdBy: "operator:anna",
} as const

export const exampleKey = {
  id: "abcdefghijklmnop",
  credential: "partner:acme/payroll",
  partner: "acme",
  state: "active",
  scopes: ["batches:read", "batches:write"],
  networks: [],
  createdAt: at,
  createdBy: "operator:anna",
  expiresAt: null,
  endsAt: null,
  revokedAt: null,
  lastUsedAt: null,
  replaces: null,
} as const

/** Not a key: its end is no checksum. */
export const exampleKeyText = "ap_abcdefghijklmnop_…"
