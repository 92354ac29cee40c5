/**
 * What people do with an open batch: approve, cancel, review, retry, resolve.
 *
 * A command that the batch would refuse in its present state is refused at once, with the reason. Otherwise it is
 * enqueued in the batch's mailbox, and the 202 has the expected events. The batch decides when it handles the command, and
 * its events show the decision. A client can repeat a request with an Idempotency-Key: it is enqueued once.
 */
import { createHash, randomUUID } from "node:crypto"
import { Clock, Effect, Result, Schema, SchemaTransformation } from "effect"
import { AppConfig, type Settings } from "../../config.ts"
import type { Batch } from "../../domain/batch.ts"
import { nameOfFinding, openFindings } from "../../domain/clearance.ts"
import { FindingName } from "../../domain/clearance-answers.ts"
import type { MailCommand } from "../../domain/commands.ts"
import { decide } from "../../domain/decide.ts"
import type { BatchEvent } from "../../domain/events.ts"
import { AttemptNumber, type BatchId, ItemNumber, parseItemNumber } from "../../domain/identifiers.ts"
import { ResolvedOutcome } from "../../domain/outcomes.ts"
import { AcceptedText, cleanText } from "../../domain/outside-text.ts"
import { Actor } from "../../domain/personal-events.ts"
import { type Decision, type Rejection, refuse } from "../../domain/rejection.ts"
import { type Act, access } from "../../identity/access.ts"
import { administratorOf, type Caller, ownerOf } from "../../identity/caller.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { messageLimits } from "../../parsing/json-text.ts"
import { withNormalTexts } from "../../parsing/normal-text.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { CommandRefused, InvalidBody } from "../edge/failures.ts"
import type { FieldProblem } from "../edge/field-problem.ts"
import { readJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { jsonFailures, ownBody } from "../routing/bodies.ts"
import { act } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { batchFromLog, ownBatch, partnerOf } from "./batch-from-log.ts"
import { type IdempotencyKey, optionalIdempotencyKey, waysOf } from "./idempotency-key.ts"
import type { IntakeRules } from "./intake-rules.ts"
import { shownEvent } from "./payout-batch-events.ts"
import { auditedAs, contractFor, notFor, type Said, saidBy } from "./people.ts"
import { tellRegistered } from "./registered-decisions.ts"
import { batchInPath, Expected, itemInPath } from "./shapes.ts"

const BODY_BYTES_MAX = 1024 * 1024
/** For how long a request is recognised by its key, and without a key by an id that only the connection knows. */
const KEY_KEPT_MS = 24 * 3_600_000
const KEPT_MS = 600_000

/** Enough for every item of the largest batch. */
const ITEMS_NAMED_MAX = 100_000
const namingItems: JsonLimits = {
  ...messageLimits,
  tokensMax: 2 * ITEMS_NAMED_MAX,
  elementsMax: ITEMS_NAMED_MAX,
}

const reason = AcceptedText(280)
const decoding = { errors: "all", onExcessProperty: "error" } as const

const FAILURES = [
  ...jsonFailures,
  "CommandIdReused",
  "CommandRefused",
  "CorruptEntry",
  "Forbidden",
  "MailboxFull",
  "NoSuchBatch",
  "NotFound",
  "StoreUnavailable",
  "TooManyRequests",
] as const

/** What distinguishes the routes of people. */
interface Intervention<A, I, Path> {
  readonly act: Act | "reschedule"
  readonly path: Path
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly body: Schema.Codec<A, I>
  readonly example: I
  readonly limits?: JsonLimits
  /** What is wrong with the request at this time (epoch milliseconds), by the rules of intake. */
  readonly problemOf?: (asked: A, at: number, rules: IntakeRules) => FieldProblem | undefined
}

/** What all routes of people answer, and take besides their bodies. */
const described = <A extends { readonly by?: string }, I, const Path extends `/${string}`>({
  act: permitted,
  path,
  operationId,
  summary,
  description,
  body,
  example,
}: Intervention<A, I, Path>) =>
  ({
    method: "POST",
    path,
    operationId,
    tag: "Payout batches",
    summary,
    description,
    guard: act(access[permitted]),
    headers: { "idempotency-key": optionalIdempotencyKey },
    body: ownBody({
      bytesMax: BODY_BYTES_MAX,
      closed: true,
      media: { "application/json": { schema: body, example } },
    }),
    answers: {
      202: {
        description: "The request is in the batch's mailbox. expected lists the events that it should cause.",
        schema: Expected,
        headers: {
          "idempotent-replayed": { description: "`true` in the answer to a repetition.", optional: true },
        },
        example: {
          status: "accepted",
          commandId: "3Q2-7wXh0Zb9T4cVyLr8KfUeJmPaNdGs1Io5BqEtRWk",
          expected: [],
        },
      },
    },
    failures: FAILURES,
  }) as const

type CommandOf<A> = (said: Said<A>, at: number, item: number, policy: Settings["policy"]) => MailCommand

interface Asked {
  readonly c: EdgeContext
  readonly caller: Caller
  readonly address: string | undefined
  readonly headers: { readonly "idempotency-key": IdempotencyKey | undefined }
}

/** Reads the request of a person who is permitted, and enqueues it as a command for the batch. */
const intervene =
  <A extends { readonly by?: string }, I>(
    { act, body, limits = messageLimits, problemOf }: Intervention<A, I, string>,
    commandOf: CommandOf<A>,
  ) =>
  ({ c, caller, address, headers: { "idempotency-key": key } }: Asked, batch: BatchId, item: number) =>
    Effect.gen(function* () {
      const contract = yield* contractFor(act, caller)
      yield* requireJson(c)
      const id = yield* ownBatch(yield* partnerOf(caller, batch), batch)
      const bodies = yield* RequestBodies
      const terms = { kind: "acts", owner: ownerOf(caller), bytesMax: BODY_BYTES_MAX } as const
      const [written, other] = key === undefined ? [] : waysOf(key)
      const { asked, said, as, before } = yield* bodies.use(c.env, terms, (bytes) =>
        Effect.map(readAct(c, bytes, body, limits), (said) => ({
          asked: said,
          said: { ...saidBy(caller, said), ...contract },
          as: commandIdOf(caller, c.req.path, written, bytes),
          before: other === undefined ? [] : [commandIdOf(caller, c.req.path, other, bytes)],
        })),
      )
      const mailbox = yield* Mailbox
      const repeated = ({ id: commandId }: CommandId) =>
        reply(
          202,
          { status: "accepted" as const, commandId, expected: [] },
          { "idempotent-replayed": "true" },
        )
      for (const name of [as, ...before]) if (yield* mailbox.wasEnqueued(id, name)) return repeated(name)
      const { policy, intake } = yield* AppConfig
      const at = yield* Clock.currentTimeMillis
      const problem = problemOf?.(asked, at, intake)
      if (problem !== undefined) return yield* new InvalidBody({ problems: [problem] })
      const { command, decision, version, head, state } = yield* batchFromLog(id, ({ batch, head }) => {
        const command = asSeen(commandOf(said, at, item, policy), batch)
        const { version } = batch
        const state = batch.items.get(item)?.state
        return { command, decision: wanted(command, decide(batch, command)), version, head, state }
      })
      if (Result.isFailure(decision)) {
        // The first of two equal requests may have been enqueued and handled since the mailbox was read.
        if (yield* mailbox.wasEnqueued(id, as)) return repeated(as)
        if (act !== "reschedule" && decision.failure.reason === "operator-needed") return yield* notFor(act)
        return yield* new CommandRefused(refusal(decision.failure))
      }
      const audited = auditedAs(administratorOf(caller, address), id, command, as.id, { state, version })
      yield* tellRegistered(id, pinned(command, decision.success, version), as, { version, head }, audited)
      const expected = decision.success.map((event, index) =>
        shownEvent({ version: version + index + 1, event }),
      )
      return reply(202, { status: "accepted" as const, commandId: as.id, expected })
    })

/** A route of people about a batch. */
export const aboutBatch = <A extends { readonly by?: string }, I>(
  terms: Intervention<A, I, `/payout-batches/:id/${string}`>,
  commandOf: CommandOf<A>,
) => {
  const handle = intervene(terms, commandOf)
  return route({
    ...described(terms),
    path: terms.path as "/payout-batches/:id",
    parameters: batchInPath,
  }).handledBy((request) => handle(request, request.parameters.id, 1))
}

/** A route of people about an item of a batch. */
const aboutItem = <A extends { readonly by?: string }, I>(
  terms: Intervention<A, I, `/payout-batches/:id/items/:item/${string}`>,
  commandOf: CommandOf<A>,
) => {
  const handle = intervene(terms, commandOf)
  return route({
    ...described(terms),
    path: terms.path as "/payout-batches/:id/items/:item",
    parameters: {
      ...batchInPath,
      item: {
        ...itemInPath,
        what: "payout item",
        read: parseItemNumber,
        refusal: "Items are numbered from 1.",
      },
    },
  }).handledBy((request) => handle(request, request.parameters.id, request.parameters.item))
}

const readAct = <A>(c: EdgeContext, bytes: Buffer, body: Schema.Decoder<A>, limits: JsonLimits) =>
  Effect.andThen(
    requireUtf8(c, bytes),
    readJson(bytes, (json) => Schema.decodeUnknownResult(body, decoding)(withNormalTexts(json)), limits),
  )

/**
 * The path contains the batch, and so its partner: the same key can be used for another batch. A request under another
 * credential is no repetition: if two operators are needed, the second one may send exactly the same body.
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

/** Refuses a command that would change nothing, instead of enqueueing it: the log would only grow. */
const wanted = (command: MailCommand, decision: Decision): Decision =>
  Result.isFailure(decision) || decision.success.some(({ _tag }) => _tag !== "CancellationRefused")
    ? decision
    : refuse(command, command._tag === "Cancel" ? "nothing-to-cancel" : "changes-nothing")

const refusal = ({ reason, attempts }: Rejection) =>
  attempts === undefined ? { reason } : { reason, attempts }

/**
 * A command about one item is enqueued with the version that was read, and with the number of the attempt that it
 * concerns, so that it cannot apply to another attempt after it has waited.
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

/** A release covers the findings that it names, or all present ones, but none that comes while it waits in the mailbox. */
const asSeen = (command: MailCommand, { items }: Batch): MailCommand => {
  if (command._tag !== "Review" || command.decision === "rejected" || command.findings !== undefined)
    return command
  const item = items.get(command.item)
  return { ...command, findings: item === undefined ? [] : openFindings(item).map(nameOfFinding) }
}

const isItemNumber = Schema.is(ItemNumber)

const hash = Schema.String.check(Schema.isMaxLength(128))

export const by = Schema.optionalKey(Actor)

/** `{"by"?, "hash"}`: `hash` is the `approval.hash` in the batch's first event. */
export const approveBatch = aboutBatch(
  {
    act: "approve",
    path: "/payout-batches/:id/approval",
    operationId: "approveBatch",
    summary: "Approve a batch",
    description:
      "Under another key than the one that submitted it. `hash` is that of the batch's first event.",
    body: Schema.Struct({ by, hash }).annotate({ identifier: "Approval" }),
    example: { hash: "3q2-7w…", by: "Anna" },
  },
  (said, at) => ({ _tag: "Approve", at, ...said }),
)

/** `{"hash", "reason", "by"?}`: who could approve the batch declines to, and it is cancelled. */
export const declineBatch = aboutBatch(
  {
    act: "approve",
    path: "/payout-batches/:id/decline",
    operationId: "declineBatch",
    summary: "Decline to approve a batch, which cancels it",
    description: "For those who may approve it. `hash` is that of the batch's first event.",
    body: Schema.Struct({ by, hash, reason }).annotate({ identifier: "Decline" }),
    example: { hash: "3q2-7w…", reason: "These invoices are paid already." },
  },
  (said, at) => ({ _tag: "Decline", at, ...said }),
)

/** One problem for the whole list, instead of one for each wrong number. */
const itemNumbers = Schema.declare(
  (list): list is ReadonlyArray<ItemNumber> =>
    Array.isArray(list) && list.length >= 1 && list.length <= ITEMS_NAMED_MAX && list.every(isItemNumber),
  {
    message: `expected 1 to ${ITEMS_NAMED_MAX} item numbers`,
    // How the document describes it: the list itself.
    toCodecJson: () =>
      Schema.link<ReadonlyArray<ItemNumber>>()(
        Schema.Array(ItemNumber).check(Schema.isMinLength(1), Schema.isMaxLength(ITEMS_NAMED_MAX)),
        SchemaTransformation.passthrough(),
      ),
  },
)

/** `{"by"?, "reason", "items"?}`: all items if `items` is missing. An empty list is refused. */
export const cancelBatch = aboutBatch(
  {
    act: "cancel",
    path: "/payout-batches/:id/cancellation",
    operationId: "cancelBatch",
    summary: "Cancel a batch, or some of its items",
    description: "What was ordered from a bank is not cancelled. All items by default.",
    body: Schema.Struct({ by, reason, items: Schema.optionalKey(itemNumbers) }).annotate({
      identifier: "Cancellation",
    }),
    example: { reason: "Sent by mistake.", items: [1] },
    limits: namingItems,
  },
  ({ items = [], ...said }, at) => ({ _tag: "Cancel", at, items, ...said }),
)

/** How many findings one release may name. */
const FINDINGS_NAMED_MAX = 64

/** A finding as it is shown, and as a release names it. */
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
}).annotate({ identifier: "Review" })

/** `{"reason", "decision", "findings"?, "by"?}`: a release covers the findings that it names, or all present ones. */
export const reviewItem = aboutItem(
  {
    act: "review",
    path: "/payout-batches/:id/items/:item/review",
    operationId: "reviewItem",
    summary: "Release or reject a held item",
    description: "For operators. A release covers the findings that it names, or all present ones.",
    body: Review,
    example: { reason: "Another person with the same name.", decision: "released" },
  },
  ({ findings, ...said }, at, item) => ({
    _tag: "Review",
    at,
    item,
    ...said,
    ...(findings && { findings: findings.map(findingNamed) }),
  }),
)

const Another = Schema.Struct({ by, attempt: Schema.optionalKey(AttemptNumber) }).annotate({
  identifier: "Retry",
})

/** A new attempt after a failed one; by default after the last one. */
export const retryItem = aboutItem(
  {
    act: "retry",
    path: "/payout-batches/:id/items/:item/retry",
    operationId: "retryItem",
    summary: "Retry a failed item",
    description: "For operators alone if the item was held or parked before, or was not routed.",
    body: Another,
    example: { attempt: 1 },
  },
  (said, at, item) => ({ _tag: "Retry", at, item, ...said }),
)

const Resolution = Schema.Struct({
  by,
  reason: Schema.optionalKey(reason),
  outcome: ResolvedOutcome,
  attempt: Schema.optionalKey(AttemptNumber),
  evidence: Schema.Struct({ text: reason, reference: AcceptedText(128) }),
}).annotate({ identifier: "Resolution" })

/** The outcome of a parked item's attempt, from an operator with evidence; by default of the attempt in question. */
export const resolveItem = aboutItem(
  {
    act: "resolve",
    path: "/payout-batches/:id/items/:item/resolution",
    operationId: "resolveItem",
    summary: "Record how an attempt of a parked item ended",
    description: "For operators, with evidence. By default of the attempt in question.",
    body: Resolution,
    example: {
      outcome: "settled",
      evidence: { text: "On the statement of the day.", reference: "statement 12" },
    },
  },
  (said, at, item, { resolutionAbove, resolutionWithinMs }) => ({
    _tag: "Resolve",
    at,
    item,
    reason: said.evidence.text,
    ...said,
    policy: { aloneUpTo: resolutionAbove, confirmWithinMs: resolutionWithinMs },
  }),
)

/** The routes of people. */
export const interventionRoutes = [
  approveBatch,
  declineBatch,
  cancelBatch,
  reviewItem,
  retryItem,
  resolveItem,
]
