/**
 * What people do to a batch under way: approve, cancel, review, retry, resolve.
 *
 * A command that the batch would refuse as it stands is refused at once, with the reason. Otherwise it goes into the
 * batch's mailbox and 202 tells what it is expected to cause; the batch decides when its turn comes, and its events
 * tell what was decided. A client that calls its request by an Idempotency-Key may repeat it: it is put to the batch once.
 */
import { createHash, randomUUID } from "node:crypto"
import { Clock, Effect, Result, Schema } from "effect"
import { AppConfig, type Settings } from "../../config.ts"
import type { Batch } from "../../domain/batch.ts"
import { nameOfFinding, openFindings } from "../../domain/clearance.ts"
import { FindingName } from "../../domain/clearance-words.ts"
import type { MailCommand } from "../../domain/commands.ts"
import type { Credential } from "../../domain/credential.ts"
import { decide } from "../../domain/decide.ts"
import { Actor, type BatchEvent } from "../../domain/events.ts"
import { AttemptNumber, ItemNumber, parseItemNumber } from "../../domain/identifiers.ts"
import { ResolvedOutcome } from "../../domain/outcomes.ts"
import { AcceptedText, cleanText } from "../../domain/outside-text.ts"
import { type Decision, type Rejection, refuse } from "../../domain/rejection.ts"
import { type Act, type Caller, mayDo, nameOf, ownerOf } from "../../identity/caller.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { messageLimits } from "../../parsing/json-text.ts"
import { withNormalTexts } from "../../parsing/normal-text.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { CommandRefused, Forbidden, InvalidRequest } from "../edge/failures.ts"
import { readJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { batchFromLog, ownBatch, partnerOf } from "./batch-from-log.ts"
import { optionalIdempotencyKeyOf } from "./idempotency-key.ts"
import { shownEvent } from "./payout-batch-events.ts"
import { tellRegistered } from "./registered-decisions.ts"

const BODY_BYTES_MAX = 1024 * 1024
/** How long a request is recognised by its key, and how long one without a key, of which only the connection knows. */
const KEY_KEPT_MS = 24 * 3_600_000
const KEPT_MS = 600_000

/** A request may name every item of the largest batch. */
const ITEMS_NAMED_MAX = 100_000
const namingItems: JsonLimits = {
  ...messageLimits,
  tokensMax: 2 * ITEMS_NAMED_MAX,
  elementsMax: ITEMS_NAMED_MAX,
}

const reason = AcceptedText(280)
const decoding = { errors: "all", onExcessProperty: "error" } as const

/** What somebody said, and under which credential, for a command. `by` is a note: the key's own name where none is given. */
type Said<A> = A & { readonly by: string; readonly credential: Credential }

/** A route that reads what somebody wants, and puts it to the batch as a command, if the caller may. */
const intervention =
  <A extends { readonly by?: string }>(
    act: Act,
    body: Schema.Decoder<A>,
    commandOf: (said: Said<A>, at: number, item: number, policy: Settings["policy"]) => MailCommand,
    limits = messageLimits,
  ) =>
  (c: EdgeContext, caller: Caller) =>
    Effect.gen(function* () {
      if (!mayDo(caller, act)) return yield* notFor(act)
      yield* requireJson(c)
      const id = yield* ownBatch(yield* partnerOf(caller, c.req.param("id") ?? ""), c.req.param("id") ?? "")
      const item = parseItemNumber(c.req.param("item") ?? "1")
      if (item === undefined) return yield* new InvalidRequest({ detail: "Items are numbered from 1." })
      const key = yield* optionalIdempotencyKeyOf(c)
      const bodies = yield* RequestBodies
      const terms = { kind: "acts", owner: ownerOf(caller), bytesMax: BODY_BYTES_MAX } as const
      const { said, as } = yield* bodies.use(c.env, terms, (bytes) =>
        Effect.map(readAct(c, bytes, body, limits), (said) => ({
          said: { by: nameOf(caller), ...said, credential: caller.credential },
          as: commandIdOf(caller, c.req.path, key, bytes),
        })),
      )
      const mailbox = yield* Mailbox
      const repeated = () =>
        c.json({ status: "accepted", expected: [] }, 202, { "idempotent-replayed": "true" })
      if (yield* mailbox.wasTold(id, as)) return repeated()
      const { policy } = yield* AppConfig
      const at = yield* Clock.currentTimeMillis
      const { command, decision, version, head } = yield* batchFromLog(id, ({ batch, head }) => {
        const command = asSeen(commandOf(said, at, item, policy), batch)
        const { version } = batch
        return { command, decision: wanted(command, decide(batch, command)), version, head }
      })
      if (Result.isFailure(decision)) {
        // The first of two equal requests may have been told and done since the mailbox was asked.
        if (yield* mailbox.wasTold(id, as)) return repeated()
        if (decision.failure.reason === "operator-needed") return yield* notFor(act)
        return yield* new CommandRefused(refusal(decision.failure))
      }
      yield* tellRegistered(id, pinned(command, decision.success, version), as, { version, head })
      const expected = decision.success.map((event, index) =>
        shownEvent({ version: version + index + 1, event }),
      )
      return c.json({ status: "accepted", expected }, 202)
    })

const readAct = <A>(c: EdgeContext, bytes: Buffer, body: Schema.Decoder<A>, limits: JsonLimits) =>
  Effect.andThen(
    requireUtf8(c, bytes),
    readJson(bytes, (json) => Schema.decodeUnknownResult(body, decoding)(withNormalTexts(json)), limits),
  )

const notFor = (act: Act) => new Forbidden({ detail: `Use an operator's key that may ${act}.` })

/**
 * The path names the batch, and so its partner; what is asked of one is not asked of another under the same key. What
 * somebody else says is no repetition: where two operators are needed, it may be the same word for word.
 */
const commandIdOf = (
  { credential }: Caller,
  path: string,
  key: string | undefined,
  body: Buffer,
): CommandId => {
  if (key === undefined) return { id: randomUUID(), digest: "", keptMs: KEPT_MS }
  const id = sha256(JSON.stringify([path, key, credential]))
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

/**
 * What is about one item goes into the mailbox with the version that was looked at, and the number of the attempt that it
 * is about: while it waits, it cannot come to mean another.
 */
const pinned = (command: MailCommand, [expected]: ReadonlyArray<BatchEvent>, seen: number): MailCommand => {
  if (command._tag !== "Resolve" && command._tag !== "Retry") return command
  const attempt = expected === undefined ? undefined : attemptIn(expected)
  return { ...command, seen, ...(attempt === undefined ? {} : { attempt }) }
}

const attemptIn = (expected: BatchEvent): number | undefined => {
  if (expected._tag === "WithdrawalsRequested") return expected.transfers[0].attempt
  return "attempt" in expected ? expected.attempt : undefined
}

/** A release covers what it names, or what was found by now: what is found while it waits in the mailbox, nobody has seen. */
const asSeen = (command: MailCommand, { items }: Batch): MailCommand => {
  if (command._tag !== "Review" || command.decision === "rejected" || command.findings !== undefined)
    return command
  const item = items.get(command.item)
  return { ...command, findings: item === undefined ? [] : openFindings(item).map(nameOfFinding) }
}

const isItemNumber = Schema.is(ItemNumber)

const hash = Schema.String.check(Schema.isMaxLength(128))

const by = Schema.optionalKey(Actor)

/** `{"by"?, "hash"}`: `hash` is the `approval.hash` that the batch's first event shows. */
export const approve = intervention("approve", Schema.Struct({ by, hash }), (said, at) => ({
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

/** `{"by"?, "reason", "items"?}`: all items when there is no `items`. An empty list means nothing, and is refused. */
export const cancel = intervention(
  "cancel",
  Schema.Struct({ by, reason, items: Schema.optionalKey(itemNumbers) }),
  ({ items = [], ...said }, at) => ({ _tag: "Cancel", at, items, ...said }),
  namingItems,
)

/** Findings that one release may name. */
const FINDINGS_NAMED_MAX = 64

/** A finding as it is shown, and named again by whoever releases it. */
const NamedFinding = Schema.Struct({ ...FindingName.fields, reason: Schema.optionalKey(Schema.String) })

const findingNamed = ({ reason, ...name }: typeof NamedFinding.Type): FindingName =>
  reason === undefined ? name : { ...name, reason: cleanText(reason) }

const Review = Schema.Struct({
  by,
  reason,
  decision: Schema.Literals(["released", "rejected"]),
  findings: Schema.optionalKey(
    Schema.NonEmptyArray(NamedFinding).check(Schema.isMaxLength(FINDINGS_NAMED_MAX)),
  ),
})

/** `{"reason", "decision", "findings"?, "by"?}`: a release covers the findings named, or all that were there when it came. */
export const review = intervention("review", Review, ({ findings, ...said }, at, item) => ({
  _tag: "Review",
  at,
  item,
  ...said,
  ...(findings && { findings: findings.map(findingNamed) }),
}))

const Another = Schema.Struct({ by, attempt: Schema.optionalKey(AttemptNumber) })

/** A new attempt after the one that failed: the last when none is named. */
export const retry = intervention("retry", Another, (said, at, item) => ({
  _tag: "Retry",
  at,
  item,
  ...said,
}))

const Resolution = Schema.Struct({
  by,
  reason: Schema.optionalKey(reason),
  outcome: ResolvedOutcome,
  attempt: Schema.optionalKey(AttemptNumber),
  evidence: Schema.Struct({ text: reason, reference: AcceptedText(128) }),
})

/** How an attempt of a parked item ended, by an operator who has evidence: the one in question when none is named. */
export const resolve = intervention(
  "resolve",
  Resolution,
  (said, at, item, { resolutionAbove, resolutionWithinMs }) => ({
    _tag: "Resolve",
    at,
    item,
    reason: said.evidence.text,
    ...said,
    policy: { aloneUpTo: resolutionAbove, confirmWithinMs: resolutionWithinMs },
  }),
)
