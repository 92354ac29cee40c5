/** `POST /ledger-callbacks/funded`: the ledger reports that a partner's account was funded, signed as banks sign. */
import { hash } from "node:crypto"
import { Clock, Effect, Option, Schema } from "effect"
import { AppConfig } from "../../config.ts"
import { type BatchId, PartnerId } from "../../domain/identifiers.ts"
import { Currency } from "../../domain/money.ts"
import { BATCHES_PER_PAGE_MAX, BatchQueries } from "../../projections/batch-queries.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import { ACCEPTED } from "../edge/direct-route.ts"
import type { Call } from "../edge/edge.ts"
import { NotFound } from "../edge/failures.ts"
import { inUtf8, readJson } from "../edge/json-body.ts"
import { ownBody } from "../routing/bodies.ts"
import { signed } from "../routing/guards.ts"
import { route } from "../routing/route.ts"
import {
  CALLBACK_KEPT_MS,
  callbackBody,
  callbackFailures,
  type Verify,
  verifying,
} from "./callback-signature.ts"

const BODY_BYTES_MAX = 4 * 1024
/** To how many mailboxes commands are enqueued at a time. */
const ENQUEUEING_MAX = 16

const Funding = Schema.Struct({ partner: PartnerId, currency: Currency }).annotate({ identifier: "Funding" })
type Funding = typeof Funding.Type
const decodeFunding = Schema.decodeUnknownResult(Funding, { errors: "all" })

/** The route; it answers 404 if the settings have no secret of the ledger. */
export const reportFunding = route({
  method: "POST",
  path: "/ledger-callbacks/funded",
  operationId: "hearLedger",
  tag: "Callbacks",
  summary: "Report that a partner's account was funded",
  description:
    "For the ledger, signed as a Standard Webhook. Batches that wait for funds in that currency ask the ledger again.",
  guard: signed,
  body: ownBody({
    bytesMax: BODY_BYTES_MAX,
    closed: false,
    media: { "application/json": { schema: Funding, example: { partner: "acme", currency: "EUR" } } },
  }),
  answers: { 202: { description: "Acknowledged." } },
  failures: [
    ...callbackFailures,
    "CommandIdReused",
    "InvalidBody",
    "InvalidCursor",
    "NoSuchBatch",
    "NotFound",
    "MailboxFull",
    "StoreUnavailable",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c }) {
    const { ledgerCallbackSecret } = (yield* AppConfig).providers
    if (Option.isNone(ledgerCallbackSecret)) return yield* new NotFound({ what: "resource" })
    const verify = verifying([ledgerCallbackSecret.value])
    return yield* callbackBody(c, BODY_BYTES_MAX, (body) => receive(c, verify, body))
  }),
)

/** A repetition changes nothing: a batch that does not wait for funds ignores it. */
const receive = Effect.fnUntraced(function* (c: Call, verify: Verify, body: Buffer) {
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
