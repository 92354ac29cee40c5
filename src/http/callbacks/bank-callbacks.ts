/** `POST /bank-callbacks/:bank`: reports of banks about transfers, signed and written as the bank's kind defines. */
import { hash } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { wordsInPlaceOfCode } from "../../domain/coded-reason.ts"
import type { TransferOutcome } from "../../domain/commands.ts"
import { plainCodeOf } from "../../domain/failure-codes.ts"
import { parseTransferReference } from "../../domain/identifiers.ts"
import { cleanText } from "../../domain/outside-text.ts"
import { type BankCaller, CallbackSecrets } from "../../identity/callback-secrets.ts"
import type { BankReport, UnreadableCallback } from "../../providers/banks/bank-callbacks.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import { StrayCallbacks, strayOf } from "../../streams/stray-callbacks.ts"
import { ACCEPTED } from "../edge/direct-route.ts"
import type { Call } from "../edge/edge.ts"
import { type InvalidBody, InvalidRequest, InvalidSignature, NotFound } from "../edge/failures.ts"
import { inUtf8, invalidBody } from "../edge/json-body.ts"
import { ownBody } from "../routing/bodies.ts"
import { signed } from "../routing/guards.ts"
import { named } from "../routing/parameters.ts"
import { route } from "../routing/route.ts"
import {
  CALLBACK_KEPT_MS,
  callbackBody,
  callbackFailures,
  headerOf,
  verifying,
} from "./callback-signature.ts"

const BODY_BYTES_MAX = 64 * 1024
/** Reports of one callback that are enqueued at the same time, in their order for each batch. */
const ENQUEUED_AT_ONCE = 64
/** How many characters of each text are kept of a report about a transfer that is not ours. */
const STRAY_TEXT_MAX = 255

/** Any text: one that names no bank is refused as an invalid signature. */
const BankName = Schema.String

/**
 * The route of callbacks, in Hono and without it. Each bank signs with its own secret. A name that is not a bank with callbacks gets the same
 * answer as an invalid signature, and the body is not read.
 */
export const reportTransfer = route({
  method: "POST",
  path: "/bank-callbacks/:bank",
  operationId: "hearBank",
  tag: "Callbacks",
  summary: "Report the outcome of transfers",
  description: "For banks, signed and written as the bank's kind defines. A repetition has no effect.",
  guard: signed,
  parameters: {
    bank: named(BankName, { description: "The bank's name.", example: "north", what: "bank" }),
  },
  body: ownBody({
    description: "A report, as the bank's kind defines.",
    bytesMax: BODY_BYTES_MAX,
    media: {
      "application/json": {
        schema: Schema.Record(Schema.String, Schema.Unknown).annotate({ identifier: "BankCallback" }),
        example: {
          id: "msg_1",
          bank: "north",
          reference: "7QFDKZ5NHM2RJ3WTXAY4EB-1-1",
          transferId: "tr_1",
          status: "settled",
          at: "2027-01-02T03:04:05Z",
        },
      },
    },
    closed: false,
  }),
  answers: { 202: { description: "Acknowledged." } },
  failures: [
    ...callbackFailures,
    "CommandIdReused",
    "InvalidBody",
    "InvalidRequest",
    "MailboxFull",
    "StoreUnavailable",
    "NotFound",
  ],
}).handledBy(
  Effect.fnUntraced(function* ({ c, parameters: { bank } }) {
    const caller = (yield* CallbackSecrets).ofBank(bank)
    if (caller === undefined) return yield* new InvalidSignature()
    return yield* callbackBody(c, BODY_BYTES_MAX, (body) => receive(c, bank, caller, body), caller.callbacks)
  }),
)

/** Enqueues the bank's reports. A repetition changes nothing, and a report about no transfer of ours does not stop the others. */
const receive = Effect.fnUntraced(function* (
  c: Call,
  bank: string,
  { callbacks, secrets }: BankCaller,
  body: Buffer,
) {
  yield* verifying(secrets, callbacks)(c, body)
  const text = yield* inUtf8(c, body)
  const reports = yield* Effect.mapError(callbacks.read(bank, headerOf(c), text), refusalOf)
  const isKnown = yield* enqueueAll(bank, reports)
  return isKnown ? ACCEPTED : yield* new NotFound({ what: "transfer" })
})

/** Enqueues reports; false if one of them is about no transfer of ours. Most callbacks have one report, which needs no list. */
const enqueueAll = (bank: string, reports: ReadonlyArray<BankReport>) => {
  const [only] = reports
  if (only !== undefined && reports.length === 1) return enqueue(bank, only)
  const concurrency = Math.min(reports.length, ENQUEUED_AT_ONCE)
  return Effect.map(
    Effect.forEach(reports, (report) => enqueue(bank, report), { concurrency }),
    (known) => !known.includes(false),
  )
}

const refusalOf = ({ problem }: UnreadableCallback): InvalidBody | InvalidRequest =>
  typeof problem === "string" ? new InvalidRequest({ detail: problem }) : invalidBody(problem)

/** Enqueues a report in the mailbox of its batch; false if it is about no transfer of ours. */
const enqueue = Effect.fnUntraced(function* (bank: string, report: BankReport) {
  const transfer = parseTransferReference(report.reference)
  if (transfer === undefined) return yield* keepStray(bank, report, "not a reference of ours")
  const { batch, item, attempt } = transfer
  const at = yield* Clock.currentTimeMillis
  const outcome = outcomeOf(report)
  const mailbox = yield* Mailbox
  return yield* mailbox
    .enqueue(
      batch,
      { _tag: "RecordTransfer", at, item, attempt, bank, ...statedBy(report), outcome },
      commandIdOf(bank, report, outcome),
    )
    .pipe(
      Effect.as(true),
      Effect.catchTag("NoSuchBatch", () => keepStray(bank, report, "no-such-batch")),
    )
})

const statedBy = ({ amount }: BankReport) =>
  amount === undefined ? {} : { amount: { currency: amount.currency, minor: amount.minor.toString() } }

/** The id includes the content: if a bank gives one message id to two different reports, both count. */
const commandIdOf = (bank: string, report: BankReport, outcome: TransferOutcome): CommandId => {
  const { message, reference } = report
  // A report without an amount keeps the id that earlier releases gave it.
  const said = JSON.stringify([bank, message, reference, outcome, ...Object.values(statedBy(report))])
  return { id: hash("sha256", said, "base64url"), digest: "", keptMs: CALLBACK_KEPT_MS }
}

const keepStray = Effect.fnUntraced(function* (bank: string, report: BankReport, why: string) {
  // Masked before it is cut: a part of an account number would not be recognised.
  const { reference, id, ...masked } = strayOf({ ...report, bank }, outcomeOf(report), why)
  const kept = (text: string) => cleanText(text.slice(0, STRAY_TEXT_MAX))
  const stray = { ...masked, reference: kept(reference), ...(id === undefined ? {} : { id: kept(id) }) }
  yield* (yield* StrayCallbacks).keep(stray, yield* Clock.currentTimeMillis)
  yield* Effect.logWarning("a bank reported a transfer that is not ours", stray)
  return false
})

const outcomeOf = ({ outcome }: BankReport): TransferOutcome => {
  const evidence = "callback"
  if (outcome._tag === "Settled") return { _tag: "Settled", evidence }
  const text = outcome.code?.trim() ?? ""
  const code = cleanText(plainCodeOf(text))
  const detail = code === text ? undefined : wordsInPlaceOfCode(text)
  return { _tag: outcome._tag, code, evidence, ...(detail === undefined ? {} : { detail }) }
}
