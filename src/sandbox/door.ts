/** The door of a sandbox server: callers must authenticate, in one of the ways that real banks require. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Context, Hono } from "hono"
import { bodyOf, type SandboxEnv } from "./request-body.ts"
import { createApp, refusal, tooLarge } from "./server.ts"

const Text = Schema.NonEmptyString

/** What a server requires of its callers. */
const Door = Schema.Struct({
  bearer: Schema.optionalKey(Text),
  basic: Schema.optionalKey(Schema.Struct({ user: Text, password: Text })),
  header: Schema.optionalKey(Schema.Struct({ name: Text, value: Text })),
  /** Tokens come from `POST /oauth/token` of the same server. */
  oauth2: Schema.optionalKey(
    Schema.Struct({
      clientId: Text,
      clientSecret: Text,
      clientAuth: Schema.optionalKey(Schema.Literals(["basic", "post"])),
      scope: Schema.optionalKey(Text),
      audience: Schema.optionalKey(Text),
      lifetimeS: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
    }),
  ),
  /** RFC 9421; the secret is base64. */
  hmac: Schema.optionalKey(Schema.Struct({ keyId: Text, secret: Text })),
  /** PEM: with `key` and `cert` the server uses TLS, and with `clientCa` it requires a certificate of that authority. */
  tls: Schema.optionalKey(Schema.Struct({ key: Text, cert: Text, clientCa: Schema.optionalKey(Text) })),
})
export type Door = typeof Door.Type

const decodeDoor = Schema.decodeUnknownResult(Door, { onExcessProperty: "error" })

/** Reads the door that a start was given. Throws if it is invalid, without quoting it. */
export const readDoor = (server: string, given: unknown): Door => {
  const decoded = decodeDoor(given ?? {})
  if (Result.isFailure(decoded)) throw new TypeError(`the door of ${server} is not valid`)
  return decoded.success
}

/** Whether a request itself has to prove nothing; TLS may still require a certificate of the connection. */
export const isOpen = (door: Door): boolean => Object.keys(door).every((name) => name === "tls")

const tokenLifetimeS = 300
const noncesMax = 100_000
const tokensMax = 10_000

/**
 * An app behind its door. The routes of the sandbox itself, below `/sandbox`, are open; and so are the books of a twin, which are no part
 * of its provider's API.
 */
export const behindDoor = (app: Hono<SandboxEnv>, door: Door, isTwin = false): Hono<SandboxEnv> => {
  const { oauth2 } = door
  if (isOpen(door)) return app
  const outside = createApp()
  const issuer = new TokenIssuer()
  const nonces = new Set<string>()
  outside.all("/sandbox", (c) => app.fetch(c.req.raw, c.env))
  if (isTwin) outside.get("/books", (c) => app.fetch(c.req.raw, c.env))
  outside.post("/sandbox/revoke-tokens", (c) => {
    issuer.revoke()
    return c.body(null, 204)
  })
  outside.get("/sandbox/tokens", (c) => c.json({ issued: issuer.issued, refused: issuer.refused }))
  outside.all("/sandbox/*", (c) => app.fetch(c.req.raw, c.env))
  if (oauth2 !== undefined) outside.post("/oauth/token", async (c) => issuer.answer(c, oauth2))
  outside.all("*", async (c) => {
    const body = await bodyOf(c)
    if (body === undefined) throw refusal(413, tooLarge)
    if (!isProved(c, body, door, issuer, nonces)) return c.json({ code: "unauthorized" }, 401)
    return app.fetch(c.req.raw, { ...c.env, body })
  })
  return outside
}

const isProved = (
  c: Context<SandboxEnv>,
  body: Buffer,
  { bearer, basic, header, oauth2, hmac }: Door,
  issuer: TokenIssuer,
  nonces: Set<string>,
): boolean => {
  const authorization = c.req.header("authorization") ?? ""
  const token = /^Bearer (\S+)$/.exec(authorization)?.[1] ?? ""
  return (
    (bearer === undefined || isSame(token, bearer)) &&
    (basic === undefined || isSame(authorization, basicOf(basic.user, basic.password))) &&
    (header === undefined || isSame(c.req.header(header.name) ?? "", header.value)) &&
    (oauth2 === undefined || issuer.isGood(token)) &&
    (hmac === undefined || isSigned(c, body, hmac, nonces))
  )
}

const isSame = (a: string, b: string): boolean => {
  const [one, other] = [a, b].map((text) => createHash("sha256").update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

const basicOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

/** Issues tokens, and knows which are valid. */
class TokenIssuer {
  readonly #ends = new Map<string, number>()
  issued = 0
  refused = 0

  isGood(token: string): boolean {
    return (this.#ends.get(token) ?? 0) > Date.now()
  }

  revoke(): void {
    this.#ends.clear()
  }

  /** RFC 6749, 4.4.2 and 5. */
  async answer(c: Context<SandboxEnv>, wanted: NonNullable<Door["oauth2"]>): Promise<Response> {
    const body = await bodyOf(c)
    if (body === undefined) throw refusal(413, tooLarge)
    const form = new URLSearchParams(body.toString("utf8"))
    const {
      clientId,
      clientSecret,
      clientAuth = "basic",
      scope,
      audience,
      lifetimeS = tokenLifetimeS,
    } = wanted
    const encoded = (text: string) => encodeURIComponent(text).replace(/%20/g, "+")
    const isClient =
      clientAuth === "basic"
        ? isSame(c.req.header("authorization") ?? "", basicOf(encoded(clientId), encoded(clientSecret)))
        : form.get("client_id") === clientId && isSame(form.get("client_secret") ?? "", clientSecret)
    const error =
      (!isClient && "invalid_client") ||
      (form.get("grant_type") !== "client_credentials" && "unsupported_grant_type") ||
      (scope !== undefined && form.get("scope") !== scope && "invalid_scope") ||
      (audience !== undefined && form.get("audience") !== audience && "invalid_request")
    if (error) {
      this.refused += 1
      return c.json({ error }, error === "invalid_client" ? 401 : 400)
    }
    const token = randomBytes(24).toString("base64url")
    if (this.#ends.size >= tokensMax) this.#ends.clear()
    this.#ends.set(token, Date.now() + lifetimeS * 1_000)
    this.issued += 1
    return c.json({ access_token: token, token_type: "Bearer", expires_in: lifetimeS })
  }
}

const signatureInput = /^([a-z][a-z0-9_-]*)=(\(((?:"[^"]+" ?)+)\)((?:;[a-z]+=(?:\d+|"[^"]*"))+))$/

/**
 * Verifies a signature by RFC 9421: by this key, recent, used once, and over everything that says what the request asks for.
 */
const isSigned = (
  c: Context<SandboxEnv>,
  body: Buffer,
  { keyId, secret }: NonNullable<Door["hmac"]>,
  nonces: Set<string>,
): boolean => {
  const [, label, input = "", names = "", parameters = ""] =
    signatureInput.exec(c.req.header("signature-input") ?? "") ?? []
  const components = [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name)
  const terms = new Map(
    [...parameters.matchAll(/;([a-z]+)=(?:"([^"]*)"|(\d+))/g)].map(([, name = "", text, number]) => [
      name,
      text ?? number ?? "",
    ]),
  )
  const now = Date.now() / 1_000
  const nonce = terms.get("nonce") ?? ""
  const isNow = Math.abs(now - Number(terms.get("created"))) < 60 && now < Number(terms.get("expires"))
  const isOurs = terms.get("keyid") === keyId && terms.get("alg") === "hmac-sha256"
  const needed = ["@method", "@target-uri", ...(body.length > 0 ? ["content-digest", "content-type"] : [])]
  for (const key of ["idempotency-key", "x-request-id"]) if (c.req.header(key) !== undefined) needed.push(key)
  if (!isNow || !isOurs || nonce === "" || nonces.has(nonce)) return false
  if (!needed.every((name) => components.includes(name))) return false
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`
  if (body.length > 0 && c.req.header("content-digest") !== digest) return false
  const signedOf = (name: string) =>
    name === "@method" ? c.req.method : name === "@target-uri" ? c.req.url : (c.req.header(name) ?? "")
  const lines = components.map((name) => `"${name}": ${signedOf(name)}`)
  const base = [...lines, `"@signature-params": ${input}`].join("\n")
  const mac = createHmac("sha256", Buffer.from(secret, "base64")).update(base).digest("base64")
  if (!isSame(c.req.header("signature") ?? "", `${label}=:${mac}:`)) return false
  if (nonces.size >= noncesMax) nonces.clear()
  nonces.add(nonce)
  return true
}
