/** How AtlasPay proves to a provider who it is, and how it makes sure of the provider: the fields of the settings. */
import { type Effect, Schema } from "effect"
import type { ProviderUnavailable } from "./provider-error.ts"
import { ProviderUrl } from "./provider-url.ts"
import { SecretReference } from "./secret-reference.ts"

/** Certificates for TLS. The provider's is always checked: by the usual authorities, or by `ca` alone. */
export const ProviderTls = Schema.Struct({
  /** The authorities that sign the provider's certificate, in PEM. */
  ca: Schema.optionalKey(SecretReference),
  /** Our certificate and its chain, in PEM, where the provider wants one; `key` belongs to it. */
  cert: Schema.optionalKey(SecretReference),
  key: Schema.optionalKey(SecretReference),
  /** The name that its certificate has to have, where that is not the host of the URL. */
  serverName: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9.-]{1,253}$/))),
}).check(
  Schema.makeFilter(
    ({ cert, key }) => (cert === undefined) === (key === undefined) || "expected cert and key together",
  ),
)
export type ProviderTls = typeof ProviderTls.Type

const Text = Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{1,1024}$/))

/** A header of the provider's own; those that say what a request is are not for that. */
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
/** RFC 6749, 4.4: the client's own credentials for a token that is good for a while. */
const OAuth2 = Schema.Struct({
  kind: Schema.Literal("oauth2"),
  tokenUrl: ProviderUrl,
  clientId: Text,
  clientSecret: SecretReference,
  /** How the client says who it is: in the header, or in the body (RFC 6749, 2.3.1). */
  clientAuth: Schema.optionalKey(Schema.Literals(["basic", "post"])),
  scope: Schema.optionalKey(Text),
  audience: Schema.optionalKey(Text),
  /** For the token's own server; as for the provider by default. */
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

/** What every provider that is called by HTTP has in its settings. */
export const httpFields = {
  url: ProviderUrl,
  auth: Schema.optionalKey(ProviderAuth),
  tls: Schema.optionalKey(ProviderTls),
} as const
export const HttpFields = Schema.Struct(httpFields)
export type HttpFields = typeof HttpFields.Type

/** A request that is ready but for the proof of who sends it. */
export interface OutgoingRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** What lets one request through: headers that prove who sends it, and a connection made with our certificates. */
export interface Admission {
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: typeof fetch
  /** The provider did not believe it: what it was made of is looked up anew, within bounds. */
  readonly refused: Effect.Effect<void>
}

/** Gives admissions, one for each request. A failure is certain: nothing was sent to the provider. */
export interface ProviderAccess {
  readonly admit: (request: OutgoingRequest) => Effect.Effect<Admission, ProviderUnavailable>
}
