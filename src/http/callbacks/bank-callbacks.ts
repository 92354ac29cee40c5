/** `POST /bank-callbacks/:bank`: what banks tell of transfers, signed as Standard Webhooks. */
import { hash } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { Hono } from "hono"
import type { TransferOutcome } from "../../domain/commands.ts"
import { plainCodeOf } from "../../domain/failure-codes.ts"
import { parseTransferReference } from "../../domain/identifiers.ts"
import { cleanText } from "../../domain/outside-text.ts"
import { CallbackSecrets } from "../../identity/callback-secrets.ts"
import { type CommandId, EventLog } from "../../streams/event-log.ts"
import { StrayCallbacks, strayOf } from "../../streams/stray-callbacks.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { InvalidRequest, InvalidSignature, NotFound } from "../edge/failures.ts"
import { readJson } from "../edge/json-body.ts"
import type { RequestBodies } from "../edge/request-body.ts"
import { CALLBACK_KEPT_MS, callbackBody, type Verify, verifying } from "./callback-signature.ts"

const BODY_BYTES_MAX = 64 * 1024

const text = (lengthMax: number) => Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(lengthMax))

const Callback = Schema.Struct({
  id: text(255),
  bank: text(255),
  reference: text(35),
  transferId: text(255),
  status: Schema.Literals(["settled", "rejected", "returned"]),
  code: Schema.optionalKey(text(35)),
  at: text(40),
})
type Callback = typeof Callback.Type

const decodeCallback = Schema.decodeUnknownResult(Callback, { errors: "all" })

/**
 * The route of callbacks. A bank signs with its own secret; who is no bank that calls back is answered as whoever does not
 * know it, and its body is not read.
 */
export const bankCallbacks = Effect.fnUntraced(function* (
  edge: Edge<EventLog | StrayCallbacks | RequestBodies>,
) {
  const secrets = yield* CallbackSecrets
  return new Hono<EdgeEnv>().post(
    "/bank-callbacks/:bank",
    edge.open((c) => {
      const own = secrets.ofBank(c.req.param("bank") ?? "")
      return own === undefined
        ? Effect.fail(new InvalidSignature())
        : callbackBody(c, BODY_BYTES_MAX, (body) => hear(c, verifying(...own), body))
    }),
  )
})

/** Puts what the bank tells into the mailbox of the batch; hearing it again changes nothing. */
const hear = Effect.fnUntraced(function* (c: EdgeContext, verify: Verify, body: Buffer) {
  yield* verify(c, body)
  const callback = yield* readJson(body, decodeCallback)
  if (callback.bank !== c.req.param("bank"))
    return yield* new InvalidRequest({ detail: "The body is from another bank than the path." })
  const transfer = parseTransferReference(callback.reference)
  if (transfer === undefined) return yield* unknownTransfer(callback, "not a reference of ours")
  const { batch, item, attempt } = transfer
  const at = yield* Clock.currentTimeMillis
  const outcome = outcomeOf(callback)
  const log = yield* EventLog
  yield* log
    .tell(
      batch,
      { _tag: "RecordTransfer", at, item, attempt, bank: callback.bank, outcome },
      commandIdOf(c.req.header("webhook-id") ?? "", callback, outcome),
    )
    .pipe(Effect.catchTag("NoSuchBatch", () => unknownTransfer(callback, "no-such-batch")))
  return c.body(null, 202)
})

/** A bank that gives one id to two messages has said two things: so the id is that of the message and of what it says. */
const commandIdOf = (
  webhookId: string,
  { bank, reference }: Callback,
  outcome: TransferOutcome,
): CommandId => {
  const said = JSON.stringify([bank, webhookId, reference, outcome])
  return { id: hash("sha256", said, "base64url"), digest: "", keptMs: CALLBACK_KEPT_MS }
}

const unknownTransfer = Effect.fnUntraced(function* (callback: Callback, why: string) {
  const stray = strayOf(callback, outcomeOf(callback), why)
  yield* (yield* StrayCallbacks).keep(stray, yield* Clock.currentTimeMillis)
  yield* Effect.logWarning("a bank told of a transfer that is not ours", stray)
  return yield* new NotFound({ what: "transfer" })
})

const outcomeOf = ({ status, code: said = "" }: Callback): TransferOutcome => {
  const evidence = "callback"
  const code = cleanText(plainCodeOf(said))
  switch (status) {
    case "settled":
      return { _tag: "Settled", evidence }
    case "rejected":
      return { _tag: "Failed", code, evidence }
    case "returned":
      return { _tag: "Returned", code, evidence }
  }
}
