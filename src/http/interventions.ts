/**
 * What people do to a batch under way: approve, cancel, review, retry, resolve.
 *
 * A command that the batch would refuse as it stands is refused at once, with the reason. Otherwise it goes into the
 * batch's mailbox and 202 tells what it is expected to cause; the batch decides when its turn comes, and its events
 * tell what was decided. A client that calls its request by an Idempotency-Key may repeat it: it is put to the batch once.
 */
import { createHash, randomUUID } from "node:crypto"
import { Clock, Effect, Result, Schema } from "effect"
import { PlainText } from "../domain/beneficiary.ts"
import type { MailCommand } from "../domain/commands.ts"
import { decide } from "../domain/decide.ts"
import { Actor, type BatchEvent } from "../domain/events.ts"
import { AttemptNumber, ItemNumber, type PartnerId, parseItemNumber } from "../domain/identifiers.ts"
import { type Decision, type Rejection, refuse } from "../domain/rejection.ts"
import type { JsonLimits } from "../parsing/json-outline.ts"
import { messageLimits } from "../parsing/json-text.ts"
import { type CommandId, EventLog } from "../streams/event-log.ts"
import { redactText } from "../telemetry/redaction.ts"
import { batchFromLog, ownBatch } from "./batch-from-log.ts"
import type { EdgeContext } from "./edge.ts"
import { CommandRefused, InvalidRequest } from "./failures.ts"
import { optionalIdempotencyKeyOf } from "./idempotency-key.ts"
import { readJson, requireJson } from "./json-body.ts"
import { shownEvent } from "./payout-batch-events.ts"
import { RequestBodies } from "./request-body.ts"

const BODY_BYTES_MAX = 1024 * 1024
/** How long a request is recognised by its key, and how long one without a key, of which only the connection knows. */
const KEY_KEPT_MS = 24 * 3_600_000
const KEPT_MS = 600_000

/** A request may name every item of the largest batch. */
const ITEMS_NAMED_MAX = 100_000
const limits: JsonLimits = {
  ...messageLimits,
  tokensMax: 2 * ITEMS_NAMED_MAX,
  elementsMax: ITEMS_NAMED_MAX,
}

/** What a person writes stays in the log for ever, so it may not quote an account. */
const reason = PlainText(280).check(
  Schema.makeFilter(
    (text: string) =>
      redactText(text) === text || "expected no account number, and no more than seven digits in a row",
  ),
)
const decoding = { errors: "all", onExcessProperty: "error" } as const

/** A route that reads what somebody wants, and puts it to the batch as a command. */
const intervention =
  <A>(body: Schema.Decoder<A>, commandOf: (said: A, at: number, item: number) => MailCommand) =>
  (c: EdgeContext, partner: PartnerId) =>
    Effect.gen(function* () {
      yield* requireJson(c)
      const id = yield* ownBatch(partner, c.req.param("id") ?? "")
      const item = parseItemNumber(c.req.param("item") ?? "1")
      if (item === undefined) return yield* new InvalidRequest({ detail: "Items are numbered from 1." })
      const key = yield* optionalIdempotencyKeyOf(c)
      const bodies = yield* RequestBodies
      const terms = { kind: "acts", owner: partner, bytesMax: BODY_BYTES_MAX } as const
      const { said, as } = yield* bodies.use(c.env, terms, (bytes) =>
        Effect.map(readJson(bytes, Schema.decodeUnknownResult(body, decoding), limits), (said) => ({
          said,
          as: commandIdOf(c.req.path, key, bytes),
        })),
      )
      const log = yield* EventLog
      const repeated = () =>
        c.json({ status: "accepted", expected: [] }, 202, { "idempotent-replayed": "true" })
      if (yield* log.wasTold(id, as)) return repeated()
      const command = commandOf(said, yield* Clock.currentTimeMillis, item)
      const { decision, version } = yield* batchFromLog(id, ({ batch }) => ({
        decision: wanted(command, decide(batch, command)),
        version: batch.version,
      }))
      if (Result.isFailure(decision)) {
        // The first of two equal requests may have been told and done since the mailbox was asked.
        if (yield* log.wasTold(id, as)) return repeated()
        return yield* new CommandRefused(refusal(decision.failure))
      }
      yield* log.tell(id, pinned(command, decision.success), as)
      const expected = decision.success.map((event, index) =>
        shownEvent({ version: version + index + 1, event }),
      )
      return c.json({ status: "accepted", expected }, 202)
    })

/** The path names the batch, and so its partner; what is asked of one is not asked of another under the same key. */
const commandIdOf = (path: string, key: string | undefined, body: Buffer): CommandId => {
  if (key === undefined) return { id: randomUUID(), digest: "", keptMs: KEPT_MS }
  const id = sha256(JSON.stringify([path, key]))
  return { id, digest: sha256(body), keptMs: KEY_KEPT_MS }
}

const sha256 = (of: string | Buffer): string => createHash("sha256").update(of).digest("base64url")

/** What would change nothing is refused here, and not put to the batch: its log would only grow. */
const wanted = (command: MailCommand, decision: Decision): Decision =>
  Result.isFailure(decision) || decision.success.some(({ _tag }) => _tag !== "CancellationRefused")
    ? decision
    : refuse(command, command._tag === "Cancel" ? "nothing-to-cancel" : "changes-nothing")

const refusal = ({ reason, attempts }: Rejection) =>
  attempts === undefined ? { reason } : { reason, attempts }

/** What is about an attempt goes into the mailbox with its number, so that while it waits it cannot come to mean another. */
const pinned = (command: MailCommand, [expected]: ReadonlyArray<BatchEvent>): MailCommand => {
  const attempt = expected !== undefined && "attempt" in expected ? expected.attempt : undefined
  const isAboutOne = command._tag === "Resolve" || command._tag === "Retry"
  return isAboutOne && attempt !== undefined ? { ...command, attempt } : command
}

const isItemNumber = Schema.is(ItemNumber)

const hash = Schema.String.check(Schema.isMaxLength(128))

/** `{"by", "hash"}`: `hash` is the `approval.hash` that the batch's first event shows. */
export const approve = intervention(Schema.Struct({ by: Actor, hash }), (said, at) => ({
  _tag: "Approve",
  at,
  ...said,
}))

/** One problem for the whole list: of many wrong numbers each would be one. */
const itemNumbers = Schema.declare(
  (list): list is ReadonlyArray<ItemNumber> =>
    Array.isArray(list) && list.length >= 1 && list.length <= ITEMS_NAMED_MAX && list.every(isItemNumber),
  { message: `expected 1 to ${ITEMS_NAMED_MAX} item numbers` },
)

/** `{"by", "reason", "items"?}`: all items when there is no `items`. An empty list means nothing, and is refused. */
export const cancel = intervention(
  Schema.Struct({ by: Actor, reason, items: Schema.optionalKey(itemNumbers) }),
  ({ items = [], ...said }, at) => ({ _tag: "Cancel", at, items, ...said }),
)

const Review = Schema.Struct({ by: Actor, reason, decision: Schema.Literals(["released", "rejected"]) })

export const review = intervention(Review, (said, at, item) => ({ _tag: "Review", at, item, ...said }))

const Another = Schema.Struct({ by: Actor, attempt: Schema.optionalKey(AttemptNumber) })

/** A new attempt after the one that failed: the last when none is named. */
export const retry = intervention(Another, (said, at, item) => ({ _tag: "Retry", at, item, ...said }))

const Resolution = Schema.Struct({
  by: Actor,
  reason,
  outcome: Schema.Literals(["settled", "failed"]),
  attempt: Schema.optionalKey(AttemptNumber),
})

/** How an attempt of a parked item ended, by a person who has evidence: the one in question when none is named. */
export const resolve = intervention(Resolution, (said, at, item) => ({ _tag: "Resolve", at, item, ...said }))
