/** `Idempotency-Key`: a client's name for a request, so that a repetition does nothing twice. */
import { Effect } from "effect"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"

/**
 * A key, as it names a request. A quoted one is written as a structured string (RFC 9651, 3.3.3), as the draft of the header
 * wants it, and names the same request as the text in it: `"week-12"` and `week-12` are one key.
 */
export interface IdempotencyKey {
  readonly key: string
  /** The header as it was written, if it was quoted: releases before took the quotes for a part of the key. */
  readonly quoted?: string
}

const printableAscii = /^[\x20-\x7e]{1,255}$/
const structuredString = /^"((?:[^"\\]|\\["\\])*)"$/

/** The key of a request that needs one. A header that came twice is refused: it could be read in two ways. */
export const idempotencyKeyOf = (c: EdgeContext): Effect.Effect<IdempotencyKey, InvalidRequest> => {
  const headers = c.env.incoming.headersDistinct["idempotency-key"] ?? []
  if (headers.length > 1) return new InvalidRequest({ detail: "Send one Idempotency-Key." })
  const header = headers[0] ?? ""
  if (!printableAscii.test(header)) return invalid
  if (!header.startsWith('"')) return Effect.succeed({ key: header })
  const key = structuredString.exec(header)?.[1]?.replace(/\\(.)/g, "$1") ?? ""
  return key === "" ? invalid : Effect.succeed({ key, quoted: header })
}

const invalid = new InvalidRequest({
  detail:
    'Send Idempotency-Key: 1 to 255 printable ASCII characters, as they are or as a quoted string ("week-12").',
})

/** The key of a request, if it has one. */
export const optionalIdempotencyKeyOf = (
  c: EdgeContext,
): Effect.Effect<IdempotencyKey | undefined, InvalidRequest> =>
  c.req.header("idempotency-key") === undefined ? Effect.succeed(undefined) : idempotencyKeyOf(c)
