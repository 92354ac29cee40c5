/**
 * Answers that a client need not read twice: each has a strong entity tag (RFC 9110, section 8.8.3), and a request whose
 * `If-None-Match` has it gets 304 without a body.
 */
import { hash } from "node:crypto"
import type { EdgeContext } from "./edge.ts"

const TAG_CHARACTERS = 22

/**
 * Answers with a value as JSON. The tag is made of all bytes of the answer, and of the version of the log that it reflects, if
 * one is given: the same tag is the same answer, whichever process or release gave it.
 */
export const conditionalJson = (c: EdgeContext, body: unknown, version?: number): Response => {
  const text = JSON.stringify(body)
  const digest = hash("sha256", text, "base64url").slice(0, TAG_CHARACTERS)
  const etag = `"${version === undefined ? "" : `${version}-`}${digest}"`
  const headers = { etag, vary: "Accept" }
  if (isKnown(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers)
  return c.body(text, 200, {
    ...headers,
    "content-type": "application/json",
    "content-length": `${Buffer.byteLength(text)}`,
  })
}

/** Compares weakly, as section 13.1.2 wants it for reading: `W/"a"` is `"a"` here. */
const isKnown = (condition: string | undefined, etag: string): boolean =>
  condition !== undefined &&
  (condition.trim() === "*" || [...condition.matchAll(tags)].some(([, tag]) => tag === etag))

const tags = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g
