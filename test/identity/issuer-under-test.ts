/** An issuer of OpenID Connect over real HTTP: its discovery document, its keys, and the tokens that it signs. */

import type { webcrypto } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose"

/** A pair of keys of the issuer, under an id. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: webcrypto.CryptoKey
  readonly jwk: JWK
  /** The public key as text, which a forger takes for a shared secret. */
  readonly pem: string
}

export const signingKey = async (kid: string, alg = "RS256"): Promise<SigningKey> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" }
  return { kid, alg, privateKey, jwk, pem: await exportSPKI(publicKey) }
}

/** What a token says, besides what every token says. `undefined` leaves a claim out. */
export type Claims = Readonly<Record<string, unknown>>

export const AUDIENCE = "atlaspay"

export class IssuerUnderTest implements AsyncDisposable {
  readonly url: string
  /** The keys that it publishes. */
  keys: ReadonlyArray<JWK>
  /** Answers in place of the issuer; `undefined` while it works. */
  trouble: ((response: ServerResponse) => void) | undefined
  /** Whom its discovery document names. */
  named: string
  /** How often its keys were read. */
  reads = 0
  readonly #server: Server

  private constructor(server: Server, keys: ReadonlyArray<JWK>) {
    this.#server = server
    this.keys = keys
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.named = this.url
  }

  static async open(keys: ReadonlyArray<SigningKey>): Promise<IssuerUnderTest> {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const issuer = new IssuerUnderTest(
      server,
      keys.map(({ jwk }) => jwk),
    )
    server.on("request", ({ url }, response: ServerResponse) => issuer.#answer(url ?? "", response))
    return issuer
  }

  troubleBy(answer: (response: ServerResponse) => void): void {
    this.trouble = answer
  }

  nameAnother(issuer: string): void {
    this.named = issuer
  }

  #answer(path: string, response: ServerResponse): void {
    if (path === "/keys") this.reads += 1
    if (this.trouble !== undefined) {
      this.trouble(response)
      return
    }
    const answers: Readonly<Record<string, object>> = {
      "/.well-known/openid-configuration": { issuer: this.named, jwks_uri: `${this.url}/keys` },
      "/keys": { keys: this.keys },
    }
    const answer = answers[path]
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
    response.end(JSON.stringify(answer ?? {}))
  }

  /** A token of a subject, signed by a key under a header that a test may change. */
  token(
    key: SigningKey,
    claims: Claims = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1_000)
    const all = { iss: this.url, aud: AUDIENCE, sub: "00u-anna", iat: now, exp: now + 300, ...claims }
    return new SignJWT(JSON.parse(JSON.stringify(all)))
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header })
      .sign(key.privateKey)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, "close")
  }
}
