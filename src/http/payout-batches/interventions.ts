/**
 * What people do with an open batch: approve, cancel, review, retry, resolve.
 *
 * A command that the batch would refuse in its present state is refused at once, with the reason. Otherwise it is
 * enqueued in the batch's mailbox, and the 202 has the expected events. The batch decides when it handles the command, and
 * its events show the decision. A client can repeat a request with an Idempotency-Key: it is enqueued once.
 */
import { createHash, randomUUID } from "node:crypto"
import { Clock, Effect, Result, Schema } from "effect"
import { AppConfig, type Settings } from "../../config.ts"
import type { Batch } from "../../domain/batch.ts"
import { nameOfFinding, openFindings } from "../../domain/clearance.ts"
import { FindingName } from "../../domain/clearance-answers.ts"
import type { MailCommand } from "../../domain/commands.ts"
import type { Credential } from "../../domain/credential.ts"
import { decide } from "../../domain/decide.ts"
import { Actor, type BatchEvent } from "../../domain/events.ts"
import { AttemptNumber, type BatchId, ItemNumber, parseItemNumber } from "../../domain/identifiers.ts"
import { ResolvedOutcome } from "../../domain/outcomes.ts"
import { AcceptedText, cleanText } from "../../domain/outside-text.ts"
import { type Decision, type Rejection, refuse } from "../../domain/rejection.ts"
import { instantOf } from "../../domain/written-time.ts"
import { type Act, isOperates } from "../../identity/access.ts"
import type { Administrator } from "../../identity/audit-trail.ts"
import { administratorOf, type Caller, nameOf, operatorNeeded, ownerOf } from "../../identity/caller.ts"
import { PartnerContracts } from "../../identity/partner-contracts.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { messageLimits } from "../../parsing/json-text.ts"
import { withNormalTexts } from "../../parsing/normal-text.ts"
import type { AuditedDecision } from "../../register/decision-register.ts"
import { type CommandId, Mailbox } from "../../streams/mailbox.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { CommandRefused, Forbidden, InvalidBody, InvalidRequest } from "../edge/failures.ts"
import { type FieldProblem, fieldProblem } from "../edge/field-problem.ts"
import { readJson, requireJson, requireUtf8 } from "../edge/json-body.ts"
import { RequestBodies } from "../edge/request-body.ts"
import { batchFromLog, ownBatch, partnerOf } from "./batch-from-log.ts"
import { optionalIdempotencyKeyOf } from "./idempotency-key.ts"
import { executeAtProblem, type IntakeRules } from "./intake-rules.ts"
import { shownEvent } from "./payout-batch-events.ts"
import { InstantText } from "./payout-batch-request.ts"
import { tellRegistered } from "./registered-decisions.ts"

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

/**
 * A request's content for a command, and who made it. Both `by` and `credential` follow from the key or token of the request: a name
 * in the body is kept as a note, for clients that send one.
 */
type Said<A> = Omit<A, "by"> & {
  readonly by: string
  readonly credential: Credential
  readonly typedBy?: string
  /** The caller is a partner whose contract allows the act. */
  readonly contract?: true
}

/** A route that reads the request of a person who is permitted, and enqueues it as a command for the batch. */
const intervention =
  <A extends { readonly by?: string }>(
    act: Act | "reschedule",
    body: Schema.Decoder<A>,
    commandOf: (said: Said<A>, at: number, item: number, policy: Settings["policy"]) => MailCommand,
    limits = messageLimits,
    /** What is wrong with the request at this time, by the rules of intake. */
    problemOf: (said: Said<A>, at: number, rules: IntakeRules) => FieldProblem | undefined = () => undefined,
  ) =>
  (c: EdgeContext, caller: Caller, address: string | undefined) =>
    Effect.gen(function* () {
      const contract = yield* contractFor(act, caller)
      yield* requireJson(c)
      const id = yield* ownBatch(yield* partnerOf(caller, c.req.param("id") ?? ""), c.req.param("id") ?? "")
      const item = parseItemNumber(c.req.param("item") ?? "1")
      if (item === undefined) return yield* new InvalidRequest({ detail: "Items are numbered from 1." })
      const key = yield* optionalIdempotencyKeyOf(c)
      const bodies = yield* RequestBodies
      const terms = { kind: "acts", owner: ownerOf(caller), bytesMax: BODY_BYTES_MAX } as const
      const { said, as } = yield* bodies.use(c.env, terms, (bytes) =>
        Effect.map(readAct(c, bytes, body, limits), (said) => ({
          said: { ...saidBy(caller, said), ...contract },
          as: commandIdOf(caller, c.req.path, key, bytes),
        })),
      )
      const mailbox = yield* Mailbox
      const repeated = () =>
        c.json({ status: "accepted", commandId: as.id, expected: [] }, 202, { "idempotent-replayed": "true" })
      if (yield* mailbox.wasEnqueued(id, as)) return repeated()
      const { policy, intake } = yield* AppConfig
      const at = yield* Clock.currentTimeMillis
      const problem = problemOf(said, at, intake)
      if (problem !== undefined) return yield* new InvalidBody({ problems: [problem] })
      const { command, decision, version, head, state } = yield* batchFromLog(id, ({ batch, head }) => {
        const command = asSeen(commandOf(said, at, item, policy), batch)
        const { version } = batch
        const state = batch.items.get(item)?.state
        return { command, decision: wanted(command, decide(batch, command)), version, head, state }
      })
      if (Result.isFailure(decision)) {
        // The first of two equal requests may have been enqueued and handled since the mailbox was read.
        if (yield* mailbox.wasEnqueued(id, as)) return repeated()
        if (act !== "reschedule" && decision.failure.reason === "operator-needed") return yield* notFor(act)
        return yield* new CommandRefused(refusal(decision.failure))
      }
      const audited = auditedAs(administratorOf(caller, address), id, command, { state, version })
      yield* tellRegistered(id, pinned(command, decision.success, version), as, { version, head }, audited)
      const expected = decision.success.map((event, index) =>
        shownEvent({ version: version + index + 1, event }),
      )
      return c.json({ status: "accepted", commandId: as.id, expected }, 202)
    })

const saidBy = <A extends { readonly by?: string }>(caller: Caller, { by: typed, ...said }: A): Said<A> => {
  const by = nameOf(caller)
  return {
    ...said,
    by,
    credential: caller.credential,
    ...(typed === undefined || typed === by ? {} : { typedBy: typed }),
  }
}

/** Partners decide what is otherwise left to operators only if their contract says so at this moment. */
const contractFor = Effect.fnUntraced(function* (act: Act | "reschedule", caller: Caller) {
  if (caller.kind === "operator" || !isOperates(act)) return {}
  const allowed = yield* (yield* PartnerContracts).operates(caller.partner)
  return allowed.has(act) ? { contract: true as const } : yield* notFor(act)
})

/** What the audit trail keeps of decisions that are otherwise left to operators. Their texts were checked for account numbers. */
const auditedAs = (
  by: Administrator,
  batch: BatchId,
  command: MailCommand,
  before: { readonly state: string | undefined; readonly version: number },
): AuditedDecision | undefined => {
  if (command._tag !== "Review" && command._tag !== "Resolve") return undefined
  const { _tag, at: _, item, credential: __, ...after } = command
  const act = _tag === "Review" ? "payout-item.review" : "payout-item.resolve"
  return { by, act, subject: `payout-item:${batch}/${item}`, before, after: shownAct(after) }
}

/** The terms of the policy are in the settings, and amounts in it have no form in JSON. */
const shownAct = ({ policy: _, ...after }: object & { readonly policy?: unknown }): object => after

const readAct = <A>(c: EdgeContext, bytes: Buffer, body: Schema.Decoder<A>, limits: JsonLimits) =>
  Effect.andThen(
    requireUtf8(c, bytes),
    readJson(bytes, (json) => Schema.decodeUnknownResult(body, decoding)(withNormalTexts(json)), limits),
  )

const notFor = (act: Act) => new Forbidden({ detail: operatorNeeded(act) })

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

const by = Schema.optionalKey(Actor)

/** `{"by"?, "hash"}`: `hash` is the `approval.hash` in the batch's first event. */
export const approve = intervention("approve", Schema.Struct({ by, hash }), (said, at) => ({
  _tag: "Approve",
  at,
  ...said,
}))

/** `{"hash", "reason", "by"?}`: who could approve the batch declines to, and it is cancelled. */
export const decline = intervention("approve", Schema.Struct({ by, hash, reason }), (said, at) => ({
  _tag: "Decline",
  at,
  ...said,
}))

/** One problem for the whole list, instead of one for each wrong number. */
const itemNumbers = Schema.declare(
  (list): list is ReadonlyArray<ItemNumber> =>
    Array.isArray(list) && list.length >= 1 && list.length <= ITEMS_NAMED_MAX && list.every(isItemNumber),
  { message: `expected 1 to ${ITEMS_NAMED_MAX} item numbers` },
)

/** `{"by"?, "reason", "items"?}`: all items if `items` is missing. An empty list is refused. */
export const cancel = intervention(
  "cancel",
  Schema.Struct({ by, reason, items: Schema.optionalKey(itemNumbers) }),
  ({ items = [], ...said }, at) => ({ _tag: "Cancel", at, items, ...said }),
  namingItems,
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
})

/** `{"reason", "decision", "findings"?, "by"?}`: a release covers the findings that it names, or all present ones. */
export const review = intervention("review", Review, ({ findings, ...said }, at, item) => ({
  _tag: "Review",
  at,
  item,
  ...said,
  ...(findings && { findings: findings.map(findingNamed) }),
}))

const Another = Schema.Struct({ by, attempt: Schema.optionalKey(AttemptNumber) })

/** A new attempt after a failed one; by default after the last one. */
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

/** The outcome of a parked item's attempt, from an operator with evidence; by default of the attempt in question. */
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

/** `{"executeAt", "by"?}`: when a scheduled batch may start to pay, within the bounds of a new batch. */
export const reschedule = intervention(
  "reschedule",
  Schema.Struct({ by, executeAt: InstantText }),
  ({ executeAt, ...said }, at) => ({
    _tag: "Reschedule",
    at,
    ...said,
    executeAt: instantOf(executeAt) ?? 0,
  }),
  messageLimits,
  ({ executeAt }, at, rules) => {
    const problem = executeAtProblem(instantOf(executeAt) ?? 0, at, rules)
    return problem === undefined ? undefined : fieldProblem(["executeAt"], problem)
  },
)
