/** Signatures of Standard Webhooks (https://www.standardwebhooks.com) with `node:crypto` alone. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"

/** The key in a secret `whsec_…`. */
export const keyOf = (secret: string): KeyObject =>
  createSecretKey(Buffer.from(secret.slice("whsec_".length), "base64"))

/** The three headers of a message. `atMs`: milliseconds since 1970. */
export const signedHeaders = (key: KeyObject, id: string, atMs: number, body: string | Buffer) => {
  const timestamp = String(Math.floor(atMs / 1_000))
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${digest(key, id, timestamp, body)}`,
  }
}

/** Whether one of the signatures in the headers is that of the body. The time is not judged. */
export const isSigned = (key: KeyObject, headers: IncomingHttpHeaders, body: Buffer): boolean => {
  const text = (name: string) => String(headers[name] ?? "")
  const expected = Buffer.from(`v1,${digest(key, text("webhook-id"), text("webhook-timestamp"), body)}`)
  return text("webhook-signature")
    .split(" ")
    .some((one) => {
      const given = Buffer.from(one)
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
}

const digest = (key: KeyObject, id: string, timestamp: string, body: string | Buffer): string =>
  createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")
