/**
 * Headers of every answer. They tell browsers to do nothing with an answer but to show it to the page that asked. There is no
 * Strict-Transport-Security: only who terminates TLS may send it (RFC 6797, 7.2).
 */
import type { ServerResponse } from "node:http"

export const ANSWER_HEADERS: ReadonlyArray<readonly [name: string, value: string]> = [
  ["x-content-type-options", "nosniff"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
]

/** Sets them before the answer, whose own headers of these names take their place. */
export const withAnswerHeaders = (outgoing: ServerResponse): void => {
  for (const [name, value] of ANSWER_HEADERS) outgoing.setHeader(name, value)
}
