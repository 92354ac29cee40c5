/**
 * Answers that a client need not read twice: each has a strong entity tag (RFC 9110, section 8.8.3), and a request whose
 * `If-None-Match` has it gets 304 without a body.
 */
import { hash } from "node:crypto"

const TAG_CHARACTERS = 22

/**
 * The answer with a text, or 304 if the client has it by its `If-None-Match`. The tag is made of all bytes of the text: the same tag
 * is the same answer, whichever process or release gave it.
 */
export const conditionalAnswer = (
  text: string,
  headers: Readonly<Record<string, string>>,
  ifNoneMatch: string | undefined,
): Response => {
  const etag = `"${hash("sha256", text, "base64url").slice(0, TAG_CHARACTERS)}"`
  if (isKnown(ifNoneMatch, etag)) {
    const { vary } = headers
    return new Response(null, { status: 304, headers: { etag, ...(vary === undefined ? {} : { vary }) } })
  }
  return new Response(text, { headers: { ...headers, etag, "content-length": `${Buffer.byteLength(text)}` } })
}

/** Compares weakly, as section 13.1.2 wants it for reading: `W/"a"` is `"a"` here. */
const isKnown = (condition: string | undefined, etag: string): boolean =>
  condition !== undefined &&
  (condition.trim() === "*" || [...condition.matchAll(tags)].some(([, tag]) => tag === etag))

const tags = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g
