/**
 * Signs requests with a shared key: HTTP Message Signatures (RFC 9421) with hmac-sha256, over a digest of the body (RFC 9530).
 * The bank can verify who sent a request, to whom and when, and every byte of it.
 */
import { createHmac, hash, type KeyObject } from "node:crypto"
import type { OutgoingRequest } from "./provider-access.ts"

/** A component of a message and its signed value; the names of derived components begin with `@`. */
type Component = readonly [name: string, value: string]

const SIGNATURE_LABEL = "atlaspay"
/** A request that arrives later is not accepted as ours. */
const GOOD_FOR_SECONDS = 300

/** The signature base: one line `"name": value` per component, then the parameters (RFC 9421, 2.5). */
export const signatureBase = (components: ReadonlyArray<Component>, parameters: string): string =>
  [
    ...components.map(([name, value]) => `"${name}": ${value}`),
    `"@signature-params": ${inputOf(components, parameters)}`,
  ].join("\n")

/** The names of the components and the parameters, as in the header Signature-Input. */
const inputOf = (components: ReadonlyArray<Component>, parameters: string): string =>
  `(${components.map(([name]) => `"${name}"`).join(" ")})${parameters}`

/** The bytes of a key, or a key that is prepared once for many signatures, which makes each several times cheaper. */
export type SigningKey = Uint8Array | KeyObject

/** HMAC-SHA-256 of a signature base (RFC 9421, 3.3.3), in base64. */
export const signatureOf = (base: string, key: SigningKey): string =>
  createHmac("sha256", key).update(base).digest("base64")

export interface SignatureTerms {
  readonly keyId: string
  readonly key: SigningKey
  /** Epoch seconds. */
  readonly created: number
  /** A different one for each request. */
  readonly nonce: string
}

/** The headers that sign a request, with `Content-Digest` if it has a body. */
export const signedHeaders = (
  { method, url, headers, body }: OutgoingRequest,
  { keyId, key, created, nonce }: SignatureTerms,
): Readonly<Record<string, string>> => {
  const digest = body === undefined ? {} : { "content-digest": `sha-256=:${hash("sha256", body, "base64")}:` }
  const all: Readonly<Record<string, string>> = { ...headers, ...digest }
  const components: ReadonlyArray<Component> = [
    ["@method", method],
    ["@target-uri", url],
    // The idempotency key is among these headers, whatever the bank calls it.
    ...Object.entries(all)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name !== "accept"),
  ]
  const parameters = `;created=${created};expires=${created + GOOD_FOR_SECONDS};nonce="${nonce}";keyid="${keyId}";alg="hmac-sha256"`
  return {
    ...digest,
    "signature-input": `${SIGNATURE_LABEL}=${inputOf(components, parameters)}`,
    signature: `${SIGNATURE_LABEL}=:${signatureOf(signatureBase(components, parameters), key)}:`,
  }
}
