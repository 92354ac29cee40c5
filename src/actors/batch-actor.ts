/**
 * The actor of one payout batch. A batch has one owner at a time. The loop has five steps:
 *
 *   1. load     fold the log, or only its tail onto a warm state
 *   2. listen   take the mail, and the answers of calls under way
 *   3. decide   turn commands into events, and due work into intents
 *   4. append   the only commit; if it fails, the actor discards its state and stops
 *   5. act      start the calls whose intents are now in the log
 *
 * It releases the batch when no call is under way, nothing is due and no mail waits. Only between 3 and 4 is the state ahead
 * of the log; a failure discards it.
 */
import { Cause, Clock, Effect, Exit, FiberSet, Option, Random } from "effect"
import { type Batch, isQuiescent } from "../domain/batch.ts"
import { type ClearanceTerms, isCurrent } from "../domain/clearance.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchEvent, BatchEventOf } from "../domain/events.ts"
import { singleCount } from "../domain/gathered-events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { cleanText } from "../domain/outside-text.ts"
import { wakeAt } from "../domain/plan.ts"
import type { Call, Mandate } from "../pipelines/call.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { RegisteredDecision } from "../register/decision-register.ts"
import { OwnershipLost } from "../streams/run-queue.ts"
import { logDebug } from "../telemetry/log-level.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { CallScope } from "../traces/call-scope.ts"
import { traceIdOf } from "../traces/span.ts"
import {
  type Activation,
  type ActorServices,
  compare,
  isMoneyDue,
  isRegisterDown,
  load,
  type Message,
  mayPay,
} from "./activation.ts"
import type { Stall } from "./backoff.ts"
import type { BatchTraces } from "./batch-traces.ts"
import { type Lease, moment } from "./lease.ts"
import { LOOK_MS_MAX } from "./message-queue.ts"
import { type Refusal, type Turn, takeTurn } from "./turn.ts"

/** Commands of the mailbox that one append answers. */
const MAIL_MAX = 256
/** Calls of one batch under way at a time; each may have many items. */
const CALLS_MAX = 8
/** The shortest wait before the stores are checked again while no money may move. */
const LOOK_AGAIN_MS = 250
/** Answered decisions that are remembered while a batch is at rest. */
const ANSWERED_MAX = 256

/** Runs a batch until it is released. Fails if another worker owns the batch, its log cannot be read, or a store is down. */
export const activate = Effect.fnUntraced(function* (lease: Lease, services: ActorServices) {
  const actor = yield* load(lease, services)
  // Also for the calls that it starts.
  yield* Effect.annotateLogsScoped(subjectsOf(actor))
  if (services.traces !== undefined) yield* recordRun(actor, services.traces)
  let isBehind = false
  while (true) {
    const received = yield* listen(actor, isBehind)
    actor.terms = services.seenTerms() ?? (yield* services.clearanceTerms)
    if (!mayPay(actor) && isMoneyDue(actor)) yield* lookAtStores(actor)
    const now = services.clock.currentTimeMillisUnsafe()
    const turn = takeTurn(actor, received, now)
    services.pace.tookTurn(now)
    if (yield* record(actor, turn)) return keepWarm(actor)
    const waitUntil = turn.calls.length > 0 ? yield* act(actor, turn) : waitOf(actor, turn)
    actor.messages.lookAt = lookAt(actor, turn, waitUntil)
    isBehind = turn.isBehind
    if (isBehind) yield* Effect.yieldNow
    if (isBehind || actor.callsUnderWay > 0 || actor.decisions.length > 0) continue
    const lingerMs = lingeringMs(actor, turn, now)
    if (lingerMs > 0) {
      yield* Effect.sleep(lingerMs)
      actor.mailWaiting = true
      continue
    }
    if (actor.mailWaiting && !services.isDraining()) continue
    if (yield* rest(actor, turn, waitUntil)) return
  }
}, Effect.scoped)

/** What all lines of the log say that are about this batch. */
const subjectsOf = ({ id, batch }: Activation) => ({
  batch: id,
  partner: batch.partner,
  trace: traceIdOf(id, batch.trace),
})

/** Records this run of the actor when it ends. */
const recordRun = Effect.fnUntraced(function* (actor: Activation, traces: BatchTraces) {
  const startedAt = yield* Clock.currentTimeMillis
  const from = actor.batch.version
  const { worker } = actor.lease.owned
  yield* Effect.addFinalizer((exit) =>
    Effect.sync(() => traces.rested(actor, { worker, startedAt, from, failure: failureOf(exit) })),
  )
})

const failureOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return undefined
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "Defect"
}

/**
 * Whether a turn leaves nothing to do for now: then the append that records it also releases the batch, unless mail came
 * meanwhile. A repeated append is recognised by its events, so one without events releases nothing.
 */
const isLast = (actor: Activation, turn: Turn): boolean =>
  turn.events.length > 0 &&
  turn.calls.length + turn.answered.length + actor.callsUnderWay + actor.decisions.length === 0 &&
  !turn.isBehind &&
  lingeringMs(actor, turn, turn.at) === 0 &&
  !actor.services.isDraining()

/** Lets the answers of calls under way come together, for as long as more may come. */
const gatherAnswers = Effect.fnUntraced(function* (actor: Activation) {
  if (gatheringMs(actor) === 0) return
  // A call that has answered ends in the same round of the event loop.
  yield* Effect.yieldNow
  const waitMs = gatheringMs(actor)
  if (waitMs > 0) yield* actor.messages.gather(waitMs, () => gatheringMs(actor) === 0)
})

const gatheringMs = ({ batch, callsUnderWay, services, messages }: Activation): number => {
  const isMoreToCome = messages.countOf(({ _tag }) => _tag !== "Answered") < callsUnderWay
  const awaited = batch.tasks.transfer.size + batch.tasks.inquire.size - messages.countOf(isFinal)
  return services.pace.gatherAnswersMs(isMoreToCome, awaited, services.clock.currentTimeMillisUnsafe())
}

/** Whether a message is an answer about a transfer after which nobody is likely to report more about it. */
const isFinal = (message: Message): boolean =>
  message._tag === "Answered" &&
  message.command._tag === "RecordTransfer" &&
  (message.command.outcome._tag === "Settled" || message.command.outcome._tag === "Failed")

/**
 * How long the batch is kept although there is nothing to do, in milliseconds: its banks are likely to report more transfers soon,
 * and to release and take it again for each report costs more than the report. A turn that found nothing ends that.
 */
const lingeringMs = ({ batch, services }: Activation, { events }: Turn, now: number): number =>
  events.length > 0 && !services.isDraining()
    ? services.pace.gatherReportsMs(batch.tasks.inquire.size, recordedIn(events), now)
    : 0

/** How many events were recorded, however few they were gathered into. */
const recordedIn = (events: ReadonlyArray<BatchEvent>): number =>
  events.reduce((recorded, event) => recorded + singleCount(event), 0)

/** Takes what arrived. It waits only if a call is under way and the actor is not behind with its own work. */
const listen = Effect.fnUntraced(function* (actor: Activation, isBehind: boolean) {
  const { id, services, messages } = actor
  let quiet = false
  if (actor.callsUnderWay > 0 && !isBehind) {
    if (yield* messages.arrives) yield* gatherAnswers(actor)
    else quiet = true
  }
  const answers: Array<BatchCommand> = []
  for (const message of messages.takeAll()) {
    if (message._tag === "Answered") answers.push(message.command)
    else if (message._tag === "Ended") yield* endCall(actor, message)
    else if (message._tag === "Lost") return yield* message.failure
    else return yield* Effect.die(message.defect)
  }
  const mail = actor.mailWaiting || quiet ? yield* services.mailbox.mail(id, MAIL_MAX) : []
  return { answers, mail }
})

/** Before money moves again: checks the stores and compares the log. If either fails, transfers wait. */
const lookAtStores = Effect.fnUntraced(function* (actor: Activation) {
  const { partition, backoff, services } = actor
  if (backoff.until("Transfer") > services.clock.currentTimeMillisUnsafe()) return
  yield* services.watch.look
  if (actor.compared !== services.watch.epoch())
    yield* Effect.catchIf(compare(actor), isRegisterDown, (down) => stall(actor, "Transfer", down))
  const reason = services.watch.objection(partition)
  if (reason !== undefined)
    yield* stall(
      actor,
      "Transfer",
      new StoreUnavailable({ store: "redis", step: "look at the stores", reason }),
    )
})

const endCall = (actor: Activation, ended: Message & { _tag: "Ended" }): Effect.Effect<void> => {
  actor.decisions.push(...ended.decisions)
  actor.callsUnderWay -= 1
  actor.busy.end(ended.call)
  if (ended.stalled !== undefined) return stall(actor, ended.kind, ended.stalled)
  actor.backoff.succeeded(ended.kind)
  return Effect.void
}

const stall = Effect.fnUntraced(function* (actor: Activation, kind: Call["_tag"], stalled: Stall) {
  actor.backoff.stalled(kind, stalled, yield* Clock.currentTimeMillis, yield* Random.next)
  yield* Effect.logWarning("work stalled", { call: kind, why: reasonOf(stalled) })
})

const reasonOf = (stalled: Stall): string => {
  switch (stalled._tag) {
    case "ProviderUnavailable":
      return `${stalled.provider}: ${stalled.reason}`
    case "StoreUnavailable":
      return `${stalled.step}: ${stalled.reason}`
    case "VaultUnavailable":
      return `vault: ${stalled.reason}`
  }
}

/** Whether a turn did anything that the log, the mailbox, the register or an operator has to learn of. */
const hasNews = ({ events, handled, answered, refusals }: Turn): boolean =>
  events.length + handled.length + answered.length + refusals.length > 0

/** Records a turn. Returns whether that also released the batch. */
const record = (actor: Activation, turn: Turn): ReturnType<typeof append> => {
  if (hasNews(turn)) return append(actor, turn)
  actor.mailWaiting = false
  return Effect.succeed(false)
}

const append = Effect.fnUntraced(function* (actor: Activation, turn: Turn) {
  const { events, handled, answered, refusals } = turn
  for (const refusal of refusals) yield* logRefusal(actor, refusal)
  const isAppended = events.length > 0 || handled.length > 0
  const isReleased = isAppended && (yield* appendToLog(actor, turn))
  if (!isAppended) actor.mailWaiting = false
  if (answered.length === 0) return isReleased
  const { id, batch, head, services } = actor
  yield* services.decisions.answered({ batch: id, version: batch.version, head }, answered)
  return isReleased
})

const appendToLog = Effect.fnUntraced(function* (actor: Activation, turn: Turn) {
  const { events, handled } = turn
  const { store, pass, nextCommandId } = actor.services
  const release = isLast(actor, turn) ? { wakeAt: wakeOf(actor, turn, waitOf(actor, turn)) } : undefined
  if (release !== undefined) yield* pass("before-release")
  const intends = events.some(({ _tag }) => _tag === "TransfersRequested" || _tag === "TransferResent")
  yield* pass(intends ? "before-intent" : "before-append")
  const { mailWaiting, head, isReleased } = yield* store.append(actor.lease.owned, {
    expectedVersion: actor.batch.version - events.length,
    head: actor.head,
    events,
    handled,
    commandId: nextCommandId(),
    open: !isQuiescent(actor.batch),
    release,
  })
  actor.head = head
  actor.mailWaiting = mailWaiting > 0
  yield* tellAppended(actor, turn)
  yield* logDebug("events appended", () => ({
    version: actor.batch.version,
    events: events.map(({ _tag }) => _tag),
  }))
  for (const event of events) if (event._tag === "ItemsUnrouted") yield* alarmUnrouted(actor.id, event)
  yield* pass(intends ? "after-intent" : "after-append")
  return isReleased
})

/** Tells traces and metrics. The events are in the log, so a mistake in what watches must not stop the batch. */
const tellAppended = (actor: Activation, { events, outcomes, at }: Turn): Effect.Effect<void> => {
  const { batch, services } = actor
  const told = Effect.sync(() => {
    const traceId = services.traces?.appended(actor, events)
    if (!outcomes.isEmpty) services.countOutcomes(batch, outcomes, at, traceId)
  })
  return Effect.catchDefect(told, (defect) => Effect.logError("traces or metrics miss an append", { defect }))
}

/** Logs a refused command. A bank's report about no transfer of ours is kept before its mail is deleted. */
const logRefusal = Effect.fnUntraced(function* (actor: Activation, refusal: Refusal) {
  if (refusal.stray !== undefined)
    yield* actor.services.strays.keep(refusal.stray, yield* Clock.currentTimeMillis)
  yield* Effect.logWarning("command refused", refusal)
})

const alarmUnrouted = Effect.fnUntraced(function* (
  batch: BatchId,
  { items, version }: BatchEventOf<"ItemsUnrouted">,
) {
  ;(yield* Metrics).unroutedItems.inc(items.length)
  yield* Effect.logError("items parked: no rule leads to a bank", { batch, items: items.length, version })
})

/** When to look again at work that waits, in epoch milliseconds; `undefined` if none does. */
const waitOf = (actor: Activation, { waitUntil }: Turn): number | undefined => {
  if (actor.batch.tasks.request.size === 0) return waitUntil
  const now = actor.services.clock.currentTimeMillisUnsafe()
  const looked = mayPay(actor) ? 0 : now + LOOK_AGAIN_MS
  const stalled = Math.max(actor.backoff.until("Transfer"), looked)
  return stalled > now ? Math.min(stalled, waitUntil ?? stalled) : waitUntil
}

/** Starts the calls that are due. Returns when those that have to wait may start. */
const act = Effect.fnUntraced(function* (actor: Activation, turn: Turn) {
  const { calls } = turn
  let waitUntil = waitOf(actor, turn)
  const now = actor.services.clock.currentTimeMillisUnsafe()
  if (!actor.services.isOwner(actor.lease)) yield* prolong(actor)
  if (!mayPay(actor) && calls.some(({ _tag }) => _tag === "Transfer")) yield* lookAtStores(actor)
  for (const call of calls) {
    const until = actor.backoff.until(call._tag)
    if (until > now) waitUntil = Math.min(until, waitUntil ?? until)
    else if (call._tag === "Transfer" && (!mayPay(actor) || actor.decisions.length > 0)) waitUntil = now
    else if (actor.callsUnderWay < CALLS_MAX) yield* start(actor, call)
  }
  return waitUntil
})

/**
 * When a turn may find something although nothing came, in epoch milliseconds. While items are to be paid, their banks may take
 * more of them at any time.
 */
const lookAt = (actor: Activation, turn: Turn, waitUntil: number | undefined): number =>
  actor.callsUnderWay === 0 || actor.batch.tasks.request.size > 0
    ? turn.at
    : Math.min(wakeOf(actor, turn, waitUntil) ?? Number.POSITIVE_INFINITY, turn.at + LOOK_MS_MAX)

/** Renews a lease that grew old because this process slept or Redis was slow, before anything is done under it. */
const prolong = Effect.fnUntraced(function* ({ services, lease }: Activation) {
  const asked = moment()
  const lost = yield* services.queue.renew([lease.owned])
  if (lost.length > 0) return yield* new OwnershipLost({ batch: lease.owned.batch, reason: "taken-over" })
  lease.renewedAt = asked
})

const start = (actor: Activation, call: Call): Effect.Effect<unknown> => {
  const { id, batch, services, messages, head } = actor
  const number = ++actor.callCount
  actor.callsUnderWay += 1
  actor.busy.begin(number, call.items)
  const ended = { _tag: "Ended", call: number, kind: call._tag } as const
  const fail = (failure: Stall | OwnershipLost) =>
    messages.putLast(
      failure._tag === "OwnershipLost"
        ? { _tag: "Lost", failure }
        : { ...ended, stalled: failure, decisions: [] },
    )
  const end = (decisions: ReadonlyArray<RegisteredDecision>) =>
    messages.putLast({ ...ended, stalled: undefined, decisions })
  const work = services.pipelines.perform(id, batch, call, mandateOf(actor), (command) =>
    messages.put({ _tag: "Answered", command }),
  )
  // A bank gets no transfer whose intent a failover could still lose.
  const safely =
    call._tag === "Transfer" ? Effect.andThen(services.store.replicated(id, batch.version, head), work) : work
  const { traces } = services
  const traced =
    traces === undefined ? safely : Effect.provideService(safely, CallScope, traces.scopeOf(actor, call))
  const done = Effect.match(traced, { onSuccess: end, onFailure: fail })
  const broke = (defect: unknown) => Effect.sync(() => messages.putLast({ _tag: "Broke", defect }))
  return FiberSet.run(actor.calls, Effect.catchDefect(done, broke))
}

/**
 * The permission to send, checked again for each item right before its call: since the call was planned, the item, the
 * stores, or the lists that it was screened by may have changed.
 */
const mandateOf = (actor: Activation): Mandate => {
  const { partition, batch, head, lease, services, messages, answered, places } = actor
  const { clock, clearanceTerms, isOwner, seenTerms, watch } = services
  const isObjectedTo = () => watch.objection(partition) !== undefined
  /** Unless the stores are objected to. */
  const mayCallNow = (item: number, terms: ClearanceTerms): boolean => {
    if (!isOwner(lease) || !batch.tasks.transfer.has(item)) return false
    const late = outdatedIntent(batch, item, terms, clock.currentTimeMillisUnsafe())
    if (late !== undefined) messages.put({ _tag: "Answered", command: late })
    return late === undefined
  }
  const looked = Effect.suspend(() => (isObjectedTo() ? watch.look : Effect.void))
  const termsAfterALook = Effect.andThen(looked, clearanceTerms)
  return {
    head,
    answered,
    takePlace: (item) => places.delete(item),
    // Runs once per payout, so it waits only for what has to be read first.
    mayCall: (item) =>
      Effect.suspend(() => {
        const terms = isObjectedTo() ? undefined : seenTerms()
        return terms === undefined
          ? Effect.map(termsAfterALook, (terms) => !isObjectedTo() && mayCallNow(item, terms))
          : Effect.succeed(mayCallNow(item, terms))
      }),
  }
}

/**
 * The command that records a transfer as not sent, because since its intent its clearance became too old or other lists were
 * announced. The bank is then asked about it. `undefined` if the clearance is still valid.
 */
const outdatedIntent = (
  { items }: Batch,
  number: number,
  terms: ClearanceTerms,
  now: number,
): BatchCommand | undefined => {
  const item = items.get(number)
  if (item?.attempt === undefined || isCurrent(item, terms, now)) return undefined
  const reason = cleanText("it was not sent: its clearance is too old, or not by the lists announced last")
  const outcome = { _tag: "Unknown", reason, inquireAt: now } as const
  return { _tag: "RecordTransfer", at: now, item: number, attempt: item.attempt.attempt, outcome }
}

/** Releases the batch. Returns `false` if mail came meanwhile: then the actor goes on. */
const rest = Effect.fnUntraced(function* (actor: Activation, turn: Turn, waitUntil: number | undefined) {
  const { lease, services } = actor
  yield* services.pass("before-release")
  if (services.isDraining()) {
    yield* services.queue.handOver(lease.owned)
    return true
  }
  const released = yield* services.queue.release(lease.owned, wakeOf(actor, turn, waitUntil))
  if (released === "mail-waiting") {
    actor.mailWaiting = true
    return false
  }
  keepWarm(actor)
  return true
})

/** When a timer wakes the batch, in epoch milliseconds; `undefined` if it waits only for others. */
const wakeOf = (
  { batch, line, terms }: Activation,
  { at, banks }: Turn,
  waitUntil = Number.POSITIVE_INFINITY,
): number | undefined => {
  const wake = Math.min(waitUntil, wakeAt(batch, { now: at, terms, banks, line }) ?? Number.POSITIVE_INFINITY)
  return Number.isFinite(wake) ? wake : undefined
}

/** Leaves the state of a released batch to its next activation. */
const keepWarm = (actor: Activation): void => {
  const { id, batch, head, compared, answered, backoff, line, isTroubled, services } = actor
  services.warm.put(id, { batch, head, compared, answered: lastOf(answered), backoff, line, isTroubled })
  services.released(id, isQuiescent(batch) ? undefined : batch.tasks.inquire.size)
}

const lastOf = (answered: ReadonlySet<string>): Set<string> => new Set([...answered].slice(-ANSWERED_MAX))
