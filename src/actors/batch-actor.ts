/**
 * One payout batch, brought to life by one owner. The loop is five steps:
 *
 *   1. load     fold the log, or only its tail onto a warm state
 *   2. listen   take the mail, and the answers of calls under way
 *   3. decide   commands become events, and what is due becomes intents
 *   4. append   the only commit; whoever cannot append forgets everything and stops
 *   5. act      start the calls that the log now tells of
 *
 * and the batch is given up when nothing is under way, nothing is due and no mail waits. The state runs ahead of the
 * log between 3 and 4 only; a failure throws it away.
 */
import { Clock, Effect, FiberSet, Queue, Random, Result, Stream } from "effect"
import { isQuiescent, nextAttempt } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import { decide } from "../domain/decide.ts"
import { POLICY } from "../domain/decide-intervention.ts"
import type { BatchEvent } from "../domain/events.ts"
import { evolve } from "../domain/evolve.ts"
import { transferReference } from "../domain/identifiers.ts"
import { plan, type Work, wakeAt } from "../domain/plan.ts"
import { type Call, Pipelines } from "../pipelines/pipelines.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { EventLog, type Mail, OwnershipLost } from "../streams/event-log.ts"
import { type Activation, checkTail, type Desk, HEARD_MAX, load, type Message } from "./activation.ts"
import type { Stall } from "./backoff.ts"
import { type Lease, moment } from "./lease.ts"

/** Calls of one batch under way at a time; each may hold many items. */
const CALLS_MAX = 8
/** How long answers are gathered so that one append records them together. */
const GATHER_MS = 2
/** How often the mailbox is looked into while only calls are awaited. */
const MAIL_POLL_MS = 50

/** What a turn of the loop decided: events to append, the mail that they answer, and the calls that are due. */
interface Decided {
  readonly events: ReadonlyArray<BatchEvent>
  readonly handled: ReadonlyArray<string>
  readonly calls: ReadonlyArray<Call>
}

/** Runs a batch until it is released. Fails when the batch is no longer ours, cannot be read, or Redis is gone. */
export const activate = Effect.fn("BatchActor.activate")(function* (lease: Lease, desk: Desk) {
  const actor = yield* load(lease, desk)
  while (true) {
    const heard = yield* listen(actor)
    const decided = yield* decideAll(actor, heard)
    yield* append(actor, decided)
    const waitUntil = yield* act(actor, decided.calls)
    if (actor.callsUnderWay === 0 && (yield* rest(actor, waitUntil))) return
  }
}, Effect.scoped)

const listen = Effect.fnUntraced(function* (actor: Activation) {
  const messages: Array<Message> = []
  let quiet = false
  if (actor.callsUnderWay > 0) {
    const first = yield* Effect.timeoutOption(Queue.takeAll(actor.messages), MAIL_POLL_MS)
    quiet = first._tag === "None"
    if (first._tag === "Some") {
      messages.push(...first.value)
      yield* Effect.sleep(GATHER_MS)
      messages.push(...(yield* Queue.clear(actor.messages)))
    }
  }
  const mail = actor.mailWaiting || quiet ? yield* (yield* EventLog).mail(actor.id, HEARD_MAX) : []
  return { messages, mail }
})

const decideAll = Effect.fnUntraced(function* (
  actor: Activation,
  { messages, mail }: { readonly messages: ReadonlyArray<Message>; readonly mail: ReadonlyArray<Mail> },
) {
  const now = yield* Clock.currentTimeMillis
  const events: Array<BatchEvent> = []
  const obey = Effect.fnUntraced(function* (command: BatchCommand) {
    const decision = decide(actor.batch, command)
    if (Result.isFailure(decision)) {
      const { reason, item } = decision.failure
      yield* Effect.logWarning("command refused", { batch: actor.id, command: command._tag, reason, item })
      return
    }
    for (const event of decision.success) {
      evolve(actor.batch, event)
      events.push(event)
    }
  })

  if (actor.strange && actor.batch.tasks.transfer.size > 0) yield* obey({ _tag: "TakeOver", at: now })
  actor.strange = false
  for (const { id, command, problem } of mail) {
    if (command === undefined)
      yield* Effect.logError("unreadable mail", { batch: actor.id, mail: id, problem })
    else yield* obey(command)
  }
  for (const message of messages) {
    if (message._tag === "Ended") yield* endCall(actor, message, now)
    else {
      if (message.command._tag === "RecordTransfer") actor.busy.delete(message.command.item)
      yield* obey(message.command)
    }
  }
  return {
    events,
    handled: mail.map(({ id }) => id),
    calls: yield* decideDue(actor, now, obey),
  } satisfies Decided
})

/** Decides what is due until only calls are left, and gives those. */
const decideDue = Effect.fnUntraced(function* (
  actor: Activation,
  now: number,
  obey: (command: BatchCommand) => Effect.Effect<void>,
) {
  const { route } = yield* Pipelines
  if (actor.desk.isDraining()) return []
  while (true) {
    const due = plan(actor.batch, now, new Set(actor.busy.keys()))
    const commands = due.flatMap((work) =>
      mustWait(actor, work, now) ? [] : commandOf(actor, work, now, route),
    )
    if (commands.length === 0) return due.filter(isCall)
    const before = actor.batch.version
    for (const command of commands) yield* obey(command)
    if (actor.batch.version === before)
      return yield* Effect.die(new Error("planned commands were all refused"))
  }
})

/** No intents are written while the transfers that they would lead to have to wait. */
const mustWait = ({ backoff }: Activation, work: Work, now: number): boolean =>
  work._tag === "RequestTransfers" && backoff.until("Transfer") > now

const isCall = (work: Work): work is Call =>
  work._tag === "Screen" || work._tag === "Book" || work._tag === "Transfer" || work._tag === "Inquire"

const commandOf = (
  { id, batch }: Activation,
  work: Work,
  at: number,
  route: (currency: string) => string,
): ReadonlyArray<BatchCommand> => {
  switch (work._tag) {
    case "RequestScreening":
    case "RequestPosting":
    case "ExpireApproval":
    case "StartExecution":
      return [{ ...work, at }]
    case "Retry":
      return [{ ...work, at, by: POLICY }]
    case "RequestTransfers": {
      const intent = (number: number) => {
        const item = batch.items.get(number)
        if (item === undefined) throw new Error(`item ${number} is planned and not in the batch`)
        const key = { item: number, attempt: nextAttempt(item) }
        return { ...key, bank: route(item.currency), reference: transferReference({ batch: id, ...key }) }
      }
      const [first, ...others] = work.items
      return [{ _tag: "RequestTransfers", at, transfers: [intent(first), ...others.map(intent)] }]
    }
    case "Close":
      return [{ _tag: "CloseBatch", at }]
    default:
      return []
  }
}

const endCall = Effect.fnUntraced(function* (
  actor: Activation,
  ended: Message & { _tag: "Ended" },
  now: number,
) {
  actor.callsUnderWay -= 1
  for (const [item, call] of actor.busy) if (call === ended.call) actor.busy.delete(item)
  if (ended.stalled === undefined) return actor.backoff.succeeded(ended.kind)
  yield* stall(actor, ended.kind, ended.stalled, now)
})

const stall = Effect.fnUntraced(function* (
  { id, backoff }: Activation,
  kind: Call["_tag"],
  stalled: Stall,
  now: number,
) {
  backoff.stalled(kind, stalled, now, yield* Random.next)
  yield* Effect.logWarning("work stalled", { batch: id, call: kind, why: reasonOf(stalled) })
})

const reasonOf = (stalled: Stall): string => {
  switch (stalled._tag) {
    case "PostingRefused":
      return stalled.code
    case "ProviderUnavailable":
      return `${stalled.provider}: ${stalled.reason}`
    case "StreamsUnavailable":
      return `${stalled.step}: ${stalled.reason}`
  }
}

const append = Effect.fnUntraced(function* (actor: Activation, { events, handled }: Decided) {
  if (events.length === 0 && handled.length === 0) {
    actor.mailWaiting = false
    return
  }
  const log = yield* EventLog
  const pass = yield* CrashPoints
  const intends = events.some(({ _tag }) => _tag === "TransferRequested" || _tag === "TransferResent")
  yield* pass(intends ? "before-intent" : "before-append")
  const { mailWaiting, head } = yield* log.append(actor.lease.owned, {
    expectedVersion: actor.batch.version - events.length,
    head: actor.head,
    events,
    handled,
    commandId: actor.desk.nextCommandId(),
    open: !isQuiescent(actor.batch),
  })
  actor.head = head
  actor.mailWaiting = mailWaiting > 0
  yield* pass(intends ? "after-intent" : "after-append")
})

/** Starts the calls that are due; gives when those that have to wait may start. */
const act = Effect.fnUntraced(function* (actor: Activation, calls: ReadonlyArray<Call>) {
  const now = yield* Clock.currentTimeMillis
  const held = actor.batch.tasks.request.size > 0 ? actor.backoff.until("Transfer") : 0
  let waitUntil = held > now ? held : undefined
  if (calls.length > 0 && !actor.desk.isOwner(actor.lease)) yield* prolong(actor.lease)
  if (!actor.complete && calls.some(({ _tag }) => _tag === "Transfer"))
    yield* Effect.catchTag(checkTail(actor), "ProviderUnavailable", (down) =>
      stall(actor, "Transfer", down, now),
    )
  for (const call of calls) {
    const until = actor.backoff.until(call._tag)
    if (until > now) waitUntil = Math.min(until, waitUntil ?? until)
    else if (actor.callsUnderWay < CALLS_MAX) yield* start(actor, call)
  }
  return waitUntil
})

/** A lease that grew old, because this process slept or Redis was slow, is renewed before anything is done under it. */
const prolong = Effect.fnUntraced(function* (lease: Lease) {
  const asked = moment()
  const lost = yield* (yield* EventLog).renew([lease.owned])
  if (lost.length > 0) return yield* new OwnershipLost({ batch: lease.owned.batch, reason: "taken-over" })
  lease.renewedAt = asked
})

const start = Effect.fnUntraced(function* (actor: Activation, call: Call) {
  const pipelines = yield* Pipelines
  const number = ++actor.callCount
  actor.callsUnderWay += 1
  for (const item of call.items) actor.busy.set(item, number)
  const mayCall = Effect.sync(() => actor.desk.isOwner(actor.lease))
  const log = yield* EventLog
  const say = (message: Message) => Queue.offer(actor.messages, message)
  const end = (stalled: Stall | undefined) => say({ _tag: "Ended", call: number, kind: call._tag, stalled })
  const answers = pipelines.perform(actor.id, actor.batch, call, { head: actor.head, mayCall })
  // No bank hears of an intent that a failover could take back.
  const safe = call._tag === "Transfer" ? log.replicated(actor.id) : Effect.void
  const work = safe.pipe(
    Effect.andThen(Stream.runForEach(answers, (command) => say({ _tag: "Answered", command }))),
    Effect.matchEffect({ onSuccess: () => end(undefined), onFailure: end }),
  )
  yield* FiberSet.run(actor.calls, work)
})

/** Gives the batch up, or says `false` when mail came in the meantime. */
const rest = Effect.fnUntraced(function* (actor: Activation, waitUntil: number | undefined) {
  const log = yield* EventLog
  yield* (yield* CrashPoints)("before-release")
  if (actor.desk.isDraining()) {
    yield* log.handOver(actor.lease.owned)
    return true
  }
  const wake = Math.min(
    waitUntil ?? Number.POSITIVE_INFINITY,
    wakeAt(actor.batch) ?? Number.POSITIVE_INFINITY,
  )
  const released = yield* log.release(actor.lease.owned, Number.isFinite(wake) ? wake : undefined)
  if (released === "mail-waiting") {
    actor.mailWaiting = true
    return false
  }
  actor.desk.warm.put(actor.id, { batch: actor.batch, head: actor.head, backoff: actor.backoff })
  return true
})
