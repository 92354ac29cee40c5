/** `Idempotency-Key`: a client's name for a request, so that a repetition does nothing twice. */
import { Effect } from "effect"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"

const printableAscii = /^[\x20-\x7e]{1,255}$/

/** The key of a request that needs one. */
export const idempotencyKeyOf = (c: EdgeContext): Effect.Effect<string, InvalidRequest> => {
  const key = c.req.header("idempotency-key") ?? ""
  return printableAscii.test(key)
    ? Effect.succeed(key)
    : Effect.fail(
        new InvalidRequest({ detail: "Send Idempotency-Key: 1 to 255 printable ASCII characters." }),
      )
}

/** The key of a request, if it has one. */
export const optionalIdempotencyKeyOf = (
  c: EdgeContext,
): Effect.Effect<string | undefined, InvalidRequest> =>
  c.req.header("idempotency-key") === undefined ? Effect.succeed(undefined) : idempotencyKeyOf(c)
