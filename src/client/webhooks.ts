/** Verifies webhooks (https://www.standardwebhooks.com): who sent them, that nothing was changed, and that they are not old. */
import { Webhook } from "standardwebhooks"
import { jsonObject } from "./answers.ts"
import type { WebhookEvent } from "./webhook-events.ts"

/** A webhook that is not to be believed: answer it with 401, and do nothing of it. */
export class WebhookRefused extends Error {
  override readonly name = "WebhookRefused"
}

export interface VerifyOptions {
  /** How far the webhook's time may be from this clock. Five minutes by default. */
  readonly toleranceMs?: number | undefined
  /** The time, in milliseconds since 1970. */
  readonly now?: number | undefined
}

const TOLERANCE_MS = 300_000
/** The service sends one for each secret that it signs with. */
const SIGNATURES_MAX = 32

type WebhookHeaders = Headers | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/**
 * The event of a webhook.
 *
 * @param body as it came, before it was read as JSON: another spelling of the same JSON has another signature.
 * @param headers of the request; names in any case.
 * @param secrets of the endpoint (`whsec_…`): several while they are replaced. One of them must have signed.
 * @throws WebhookRefused if no secret signed it, if it is too old or from the future, or is no event. Events may come again:
 * remember the `id` of those that you handled, for thirty days.
 */
export const verifyWebhook = (
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | ReadonlyArray<string>,
  { toleranceMs = TOLERANCE_MS, now = Date.now() }: VerifyOptions = {},
): WebhookEvent => {
  const [id, timestamp, signatures] = [
    headerOf(headers, "webhook-id"),
    headerOf(headers, "webhook-timestamp"),
    headerOf(headers, "webhook-signature"),
  ]
  if (id === "" || signatures === "" || !/^[0-9]{1,12}$/.test(timestamp))
    throw new WebhookRefused("the webhook is not signed")
  const seconds = Number(timestamp)
  if (!(Math.abs(now - seconds * 1_000) <= toleranceMs))
    throw new WebhookRefused("the webhook is too old, or from the future")
  const text = textOf(body)
  const given = signatures.split(" ").slice(0, SIGNATURES_MAX)
  const signed = [secrets].flat().map((secret) => signatureOf(secret, id, seconds, text))
  if (!signed.some((own) => given.some((one) => isSame(one, own))))
    throw new WebhookRefused("none of the secrets signed the webhook")
  const event = jsonObject(text)
  if (typeof event?.type !== "string" || typeof event.id !== "string")
    throw new WebhookRefused("the webhook is no event")
  return event as unknown as WebhookEvent
}

const headerOf = (headers: WebhookHeaders, name: string): string => {
  if (headers instanceof Headers) return headers.get(name) ?? ""
  const found = Object.entries(headers).filter(([own]) => own.toLowerCase() === name)
  const [value] = found.length === 1 ? (found[0] ?? []).slice(1) : []
  return typeof value === "string" ? value : ""
}

/** A body that is no UTF-8 was not sent by the service. */
const textOf = (body: string | Uint8Array): string => {
  if (typeof body === "string") return body
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    throw new WebhookRefused("the webhook is not in UTF-8")
  }
}

/** Throws an error without the secret if that is none. */
const signatureOf = (secret: string, id: string, seconds: number, text: string): string => {
  if (!/^(?:whsec_)?[A-Za-z0-9+/]+={0,2}$/.test(secret))
    throw new TypeError("A secret of a webhook endpoint is expected: whsec_ and Base64")
  return new Webhook(secret).sign(id, new Date(seconds * 1_000), text)
}

/** Compares all characters, so that the time says nothing about where they differ. */
const isSame = (given: string, own: string): boolean => {
  let difference = given.length ^ own.length
  for (let index = 0; index < own.length; index += 1)
    difference |= (given.charCodeAt(index) || 0) ^ own.charCodeAt(index)
  return difference === 0
}
