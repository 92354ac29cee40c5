/** `POST /ledger-callbacks/funded`: the ledger reports that a partner's account was funded, signed as banks sign. */
import { hash } from "node:crypto"
import { Clock, Effect, Option, Schema } from "effect"
import { Hono } from "hono"
import { AppConfig } from "../../config.ts"
import { type BatchId, PartnerId } from "../../domain/identifiers.ts"
import { Currency } from "../../domain/money.ts"
import { BATCHES_PER_PAGE_MAX, BatchQueries } from "../../projections/batch-queries.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import { ACCEPTED } from "../edge/direct-route.ts"
import type { Edge, EdgeContext, EdgeEnv } from "../edge/edge.ts"
import { NotFound } from "../edge/failures.ts"
import { inUtf8, readJson } from "../edge/json-body.ts"
import type { RequestBodies } from "../edge/request-body.ts"
import { CALLBACK_KEPT_MS, callbackBody, type Verify, verifying } from "./callback-signature.ts"

const BODY_BYTES_MAX = 4 * 1024
/** To how many mailboxes commands are enqueued at a time. */
const ENQUEUEING_MAX = 16

const decodeFunding = Schema.decodeUnknownResult(Schema.Struct({ partner: PartnerId, currency: Currency }), {
  errors: "all",
})
type Funding = { readonly partner: PartnerId; readonly currency: string }

/** The route; it answers 404 if the settings have no secret of the ledger. */
export const ledgerCallbacks = Effect.fnUntraced(function* (
  edge: Edge<AppConfig | BatchQueries | Mailbox | RequestBodies>,
) {
  const { ledgerCallbackSecret } = (yield* AppConfig).providers
  const verify = Option.map(ledgerCallbackSecret, (secret) => verifying([secret]))
  return new Hono<EdgeEnv>().post(
    "/ledger-callbacks/funded",
    edge.open((c) =>
      Option.match(verify, {
        onNone: () => Effect.fail(new NotFound({ what: "resource" })),
        onSome: (verify) => callbackBody(c, BODY_BYTES_MAX, (body) => receive(c, verify, body)),
      }),
    ),
  )
})

/** A repetition changes nothing: a batch that does not wait for funds ignores it. */
const receive = Effect.fnUntraced(function* (c: EdgeContext, verify: Verify, body: Buffer) {
  yield* verify(c, body)
  const { partner, currency } = yield* readJson(yield* inUtf8(c, body), decodeFunding)
  yield* tellWaiting({ partner, currency }, c.req.header("webhook-id") ?? "")
  return ACCEPTED
})

/**
 * Enqueues the command for every batch of the partner that waits for funds by the read model. A batch that the read model
 * does not have yet asks again by its schedule. Their number is limited by a partner's share of open batches.
 */
const tellWaiting = Effect.fnUntraced(function* ({ partner, currency }: Funding, webhookId: string) {
  const queries = yield* BatchQueries
  const mailbox = yield* Mailbox
  const at = yield* Clock.currentTimeMillis
  const id = hash("sha256", JSON.stringify(["funded", webhookId, partner, currency]), "base64url")
  const as: CommandId = { id, digest: "", keptMs: CALLBACK_KEPT_MS }
  const enqueue = (batch: BatchId) => mailbox.enqueue(batch, { _tag: "FundAccount", at, currency }, as)
  let cursor: string | undefined
  do {
    const page = yield* queries.batches(partner, {
      state: ["awaiting-funds"],
      cursor,
      limit: BATCHES_PER_PAGE_MAX,
    })
    yield* Effect.forEach(page.entries, ({ id }) => enqueue(id), {
      concurrency: ENQUEUEING_MAX,
      discard: true,
    })
    cursor = page.next
  } while (cursor !== undefined)
})
