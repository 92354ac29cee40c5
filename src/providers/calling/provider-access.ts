/** The settings of how AtlasPay authenticates to a provider, and verifies the provider. */
import { type Effect, Schema } from "effect"
import type { Dispatcher } from "undici"
import type { ProviderUnavailable } from "./provider-error.ts"
import { ProviderUrl } from "./provider-url.ts"
import { SecretReference } from "./secret-reference.ts"

/** Certificates for TLS. The provider's certificate is always checked: against the usual authorities, or against `ca` alone. */
export const ProviderTls = Schema.Struct({
  /** The authorities that sign the provider's certificate, in PEM. */
  ca: Schema.optionalKey(SecretReference),
  /** Our certificate and its chain, in PEM, if the provider requires one; `key` is its private key. */
  cert: Schema.optionalKey(SecretReference),
  key: Schema.optionalKey(SecretReference),
  /** The name that its certificate must have, if it is not the host of the URL. */
  serverName: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9.-]{1,253}$/))),
}).check(
  Schema.makeFilter(
    ({ cert, key }) => (cert === undefined) === (key === undefined) || "expected cert and key together",
  ),
)
export type ProviderTls = typeof ProviderTls.Type

const Text = Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{1,1024}$/))

/** A provider-specific header. Headers that describe the request itself are not allowed. */
const HeaderName = Schema.String.check(
  Schema.isPattern(
    /^(?!(?:host|connection|keep-alive|upgrade|te|trailer|expect|transfer-encoding|content-.*|accept|idempotency-key|x-request-id)$)[a-z0-9-]{1,64}$/i,
  ),
)

const Bearer = Schema.Struct({ kind: Schema.Literal("bearer"), token: SecretReference })
const Basic = Schema.Struct({
  kind: Schema.Literal("basic"),
  user: Schema.String.check(Schema.isPattern(/^[^:\p{Cc}]{1,255}$/u)),
  password: SecretReference,
})
const Header = Schema.Struct({ kind: Schema.Literal("header"), name: HeaderName, value: SecretReference })
/** RFC 6749, 4.4: client credentials, which give a token for a limited time. */
const OAuth2 = Schema.Struct({
  kind: Schema.Literal("oauth2"),
  tokenUrl: ProviderUrl,
  clientId: Text,
  clientSecret: SecretReference,
  /** Where the client's credentials go: in the header, or in the body (RFC 6749, 2.3.1). */
  clientAuth: Schema.optionalKey(Schema.Literals(["basic", "post"])),
  scope: Schema.optionalKey(Text),
  audience: Schema.optionalKey(Text),
  /** For the token server; by default the same as for the provider. */
  tls: Schema.optionalKey(ProviderTls),
})
/** RFC 9421, hmac-sha256; the secret is base64. */
const Hmac = Schema.Struct({
  kind: Schema.Literal("hmac"),
  keyId: Schema.String.check(Schema.isPattern(/^[\w.:/@-]{1,128}$/)),
  secret: SecretReference,
})

export const ProviderAuth = Schema.Union([Bearer, Basic, Header, OAuth2, Hmac])
export type ProviderAuth = typeof ProviderAuth.Type
export type OAuth2 = typeof OAuth2.Type

/** The settings of every provider that is called by HTTP. */
export const httpFields = {
  url: ProviderUrl,
  auth: Schema.optionalKey(ProviderAuth),
  tls: Schema.optionalKey(ProviderTls),
} as const
export const HttpFields = Schema.Struct(httpFields)
export type HttpFields = typeof HttpFields.Type

/** A complete request, except for the proof of who sends it. */
export interface OutgoingRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Makes requests over a pool of connections. It follows no redirects, so credentials go to no other server. */
export type Connections = Pick<Dispatcher, "dispatch">

/** The proof for one request: headers, and a connection with our certificates. */
export interface Admission {
  readonly headers: Readonly<Record<string, string>>
  readonly connections: Connections
  /** The provider refused it: read the secrets again, within bounds. */
  readonly refused: Effect.Effect<void>
}

/** Makes an admission for each request. If it fails, it is certain that nothing was sent to the provider. */
export interface ProviderAccess {
  readonly admit: (request: OutgoingRequest) => Effect.Effect<Admission, ProviderUnavailable>
}
