/** Adds the credentials and certificates of the settings to the calls to a provider. */
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { Clock, Effect, Redacted } from "effect"
import type { AppConfig } from "../../config.ts"
import type { CallPolicy } from "./call-policy.ts"
import { signedHeaders } from "./message-signature.ts"
import { tokenSource } from "./oauth-token-http.ts"
import type { HttpFields, OAuth2, OutgoingRequest, ProviderAccess, ProviderAuth } from "./provider-access.ts"
import { type Connection, openConnection, plainConnection } from "./provider-connection.ts"
import type { ProviderUnavailable } from "./provider-error.ts"
import type { Provider } from "./provider-http.ts"
import { below, InvalidProviderSetting, type Place } from "./provider-place.ts"
import { openSecret, type Secret } from "./secret-reference.ts"

interface Settings extends HttpFields {
  readonly name: string
  readonly policy: Pick<CallPolicy, "timeoutMs" | "retries">
  readonly place: Place
}

/** A provider by its settings. Reads its secrets and certificates, and fails with the place of one that is unusable. */
export const providerOf = Effect.fnUntraced(function* (
  settings: Settings,
): Effect.fn.Return<Provider, InvalidProviderSetting, AppConfig> {
  const { name, url, policy, auth } = settings
  const provider = { name, url: new URL(url).href.replace(/\/+$/, ""), timeoutMs: policy.timeoutMs }
  const connection = yield* connectionOf(settings)
  if (auth === undefined && connection === plainConnection) return provider
  const proof = auth === undefined ? noProof : yield* proofOf(settings, auth, connection)
  return { ...provider, access: accessBy(proof, connection) }
})

/** Proves to a provider who sends a request, by headers. */
interface Proof {
  readonly headersFor: (
    request: OutgoingRequest,
  ) => Effect.Effect<Readonly<Record<string, string>>, ProviderUnavailable>
  readonly refused: (headers: Readonly<Record<string, string>>) => Effect.Effect<void>
}

const noProof: Proof = { headersFor: () => Effect.succeed({}), refused: () => Effect.void }

const accessBy = (proof: Proof, connection: Connection): ProviderAccess => ({
  admit: (request) =>
    Effect.gen(function* () {
      const headers = yield* proof.headersFor(request)
      const refused = Effect.andThen(proof.refused(headers), connection.doubt)
      return { headers, connections: yield* connection.connections, refused }
    }),
})

const connectionOf = Effect.fnUntraced(function* ({
  url,
  tls,
  place,
}: Pick<Settings, "url" | "tls" | "place">) {
  if (tls === undefined) return plainConnection
  const at = below(place, "tls")
  if (new URL(url).protocol === "https:") return yield* openConnection(tls, at)
  const reason = `${at.path}: the URL is not https://, so nothing would be checked`
  return yield* new InvalidProviderSetting({ setting: at.setting, reason })
})

/** The form of bearer tokens (RFC 6750, 2.1) and of most API keys. */
const visible = /^[\x21-\x7e]{1,8192}$/
const printable = /^[\x20-\x7e]{1,1024}$/
/** Base64 of 16 bytes or more. */
const macKey = /^(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

const proofOf = Effect.fnUntraced(function* (
  settings: Settings,
  auth: ProviderAuth,
  connection: Connection,
): Effect.fn.Return<Proof, InvalidProviderSetting, AppConfig> {
  const at = below(settings.place, "auth")
  switch (auth.kind) {
    case "bearer": {
      const token = yield* openSecret(auth.token, below(at, "token"), visible)
      return showing(token, (text) => ({ authorization: `Bearer ${text}` }))
    }
    case "basic": {
      const password = yield* openSecret(auth.password, below(at, "password"), printable)
      return showing(password, (text) => ({ authorization: basicOf(auth.user, text) }))
    }
    case "header": {
      const value = yield* openSecret(auth.value, below(at, "value"), visible)
      return showing(value, (text) => ({ [auth.name.toLowerCase()]: text }))
    }
    case "hmac": {
      const secret = yield* openSecret(auth.secret, below(at, "secret"), macKey)
      return signing(secret, auth.keyId)
    }
    case "oauth2":
      return yield* withTokens(settings, auth, connection)
  }
})

/** RFC 7617, in UTF-8. */
const basicOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

/** A proof that contains the secret itself. */
const showing = (secret: Secret, headersOf: (text: string) => Readonly<Record<string, string>>): Proof => ({
  headersFor: () => Effect.map(secret.current, (text) => headersOf(Redacted.value(text))),
  refused: () => secret.doubt,
})

const preparedKeys = new WeakMap<Redacted.Redacted<string>, KeyObject>()

/** The key of a secret in base64, prepared at its first use; a rotated secret is another one. */
const preparedKey = (secret: Redacted.Redacted<string>): KeyObject => {
  const known = preparedKeys.get(secret)
  if (known !== undefined) return known
  const key = createSecretKey(Buffer.from(Redacted.value(secret), "base64"))
  preparedKeys.set(secret, key)
  return key
}

/** A proof that is signed with the secret, and does not contain it. */
const signing = (secret: Secret, keyId: string): Proof => ({
  headersFor: (request) =>
    Effect.gen(function* () {
      const key = preparedKey(yield* secret.current)
      const created = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
      const nonce = randomBytes(16).toString("base64url")
      return signedHeaders(request, { keyId, key, created, nonce })
    }),
  refused: () => secret.doubt,
})

const withTokens = Effect.fnUntraced(function* (
  { name, place, policy }: Settings,
  { tokenUrl, tls, clientSecret, ...terms }: OAuth2,
  usual: Connection,
): Effect.fn.Return<Proof, InvalidProviderSetting, AppConfig> {
  const at = below(place, "auth")
  const connection = tls === undefined ? usual : yield* connectionOf({ url: tokenUrl, tls, place: at })
  const server = {
    name,
    url: new URL(tokenUrl).href,
    timeoutMs: policy.timeoutMs,
    access: accessBy(noProof, connection),
  }
  const secret = yield* openSecret(clientSecret, below(at, "clientSecret"), printable)
  const tokens = tokenSource(name, server, terms, secret, policy.retries)
  return {
    headersFor: () =>
      Effect.map(tokens.current, (token) => ({ authorization: `Bearer ${Redacted.value(token)}` })),
    refused: ({ authorization = "" }) => tokens.refused(Redacted.make(authorization.replace(/^Bearer /, ""))),
  }
})
