/** Ten thousand batches live through commands in any order, sensible or not; what must always hold is asked after each. */
import { isDeepStrictEqual } from "node:util"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { attemptsInQuestion, isDisputed, isUnrouted } from "../../src/domain/attempts.ts"
import {
  type Attempt,
  attemptsOf,
  type Batch,
  batchState,
  INSUFFICIENT_FUNDS,
  type ItemState,
  isComplete,
  type LedgerState,
  type Task,
} from "../../src/domain/batch.ts"
import type { TransferOutcome } from "../../src/domain/commands.ts"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchEvent, ClearanceDecision, PayeePolicy, Verdict } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import { plan, wakeAt } from "../../src/domain/plan.ts"
import {
  accepted,
  along,
  type CommandWithoutTime,
  failed,
  failedForNow,
  failedHere,
  failedOddly,
  intent,
  neverSeen,
  payoutItem,
  returned,
  Story,
  settled,
  someSeal,
  unknown,
  unresolved,
} from "./batch-story.ts"

const SEQUENCES = 10_000
const SEED = 20_261_123
const ITEMS = 3
/** How long the engine may take over a decision. */
const PENDING_MS = 15
/** As long as a few commands take, so that refused postings come back within a sequence. */
const RETRY_MS = 5

const item = fc.integer({ min: 1, max: ITEMS })
const attempt = fc.integer({ min: 1, max: 3 })
const outcome = fc.constantFrom<TransferOutcome>(
  accepted,
  unknown,
  neverSeen,
  settled,
  settled,
  failed,
  failedForNow,
  failedHere,
  failedOddly,
  returned,
  unresolved,
)

/** A command that someone might give, whether or not it is due. */
const anyCommand: fc.Arbitrary<CommandWithoutTime> = fc.oneof(
  fc.record({ _tag: fc.constant("RecordTransfer" as const), item, attempt, outcome }),
  fc.record({
    _tag: fc.constant("Cancel" as const),
    items: fc.subarray([1, 2, 3]),
    by: fc.constant("sam"),
    reason: fc.constant("by mistake"),
  }),
  fc.record({
    _tag: fc.constant("Review" as const),
    item,
    decision: fc.constantFrom("released" as const, "rejected" as const),
    by: fc.constant("olga"),
    reason: fc.constant("looked"),
  }),
  fc.record({
    _tag: fc.constant("Approve" as const),
    by: fc.constantFrom("sam", "olga"),
    hash: fc.constantFrom("digest", "other"),
  }),
  fc.record({ _tag: fc.constant("Retry" as const), item, by: fc.constant("olga") }),
  fc.record(
    {
      _tag: fc.constant("Resolve" as const),
      item,
      attempt,
      outcome: fc.constantFrom("settled" as const, "failed" as const),
      by: fc.constant("olga"),
      reason: fc.constant("statement"),
    },
    { requiredKeys: ["_tag", "item", "outcome", "by", "reason"] },
  ),
  fc.constantFrom<CommandWithoutTime>(
    { _tag: "TakeOver" },
    { _tag: "CloseBatch" },
    { _tag: "StartExecution" },
    { _tag: "ExpireApproval" },
    { _tag: "RequestScreening", items: [1] },
    { _tag: "RequestPosting", kind: "hold", items: [1] },
    { _tag: "RequestPosting", kind: "release", items: [2] },
    { _tag: "FundAccount", currency: "EUR" },
    { _tag: "FundAccount", currency: "JPY" },
    intent(1),
    intent(2, 2),
  ),
)

/** The last word about a first attempt, heard late or again. */
const lateWord: fc.Arbitrary<CommandWithoutTime> = fc.record({
  _tag: fc.constant("RecordTransfer" as const),
  item,
  attempt: fc.constant(1),
  outcome: fc.constantFrom(settled, failed, returned),
})

const verdict = fc.constantFrom<Verdict>("approved", "rejected", "review")
const payee = fc.constantFrom<Pick<ClearanceDecision, "payee">>({}, { payee: "match" }, { payee: "no-match" })

/** A word of the engine on one item, heard late, again, or against what it said before. */
const engineWord: fc.Arbitrary<CommandWithoutTime> = fc
  .record({ item, decision: verdict, payee })
  .map(({ payee, ...word }) => answerTo(1, [{ ...word, ...payee }]))

/** Either a command out of the blue, or the nth thing that the plan asks for, with what became of it. */
const step = fc.oneof(
  { arbitrary: fc.record({ blue: anyCommand }), weight: 1 },
  { arbitrary: fc.record({ blue: lateWord }), weight: 1 },
  { arbitrary: fc.record({ blue: engineWord }), weight: 1 },
  {
    arbitrary: fc.record({
      choice: fc.nat(10),
      outcome,
      decision: fc.constantFrom<Verdict | "pending">("approved", "approved", "rejected", "review", "pending"),
      payee,
      refused: fc.constantFrom(undefined, undefined, INSUFFICIENT_FUNDS, "illegal-transition"),
    }),
    weight: 8,
  },
)
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

function answerTo(
  clearance: number,
  decisions: ReadonlyArray<ClearanceDecision>,
): CommandWithoutTime & { readonly _tag: "RecordScreening" } {
  return { _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: "v", decisions }
}

/** Item 1 is sent and refused, and its money is back, where the batch's terms let it. */
const refusedOnce = (
  request: CommandWithoutTime,
  outcome: TransferOutcome,
): ReadonlyArray<CommandWithoutTime> => [
  { _tag: "RequestScreening", items: [1, 2, 3] },
  answerTo(
    1,
    [1, 2, 3].map((item) => ({ item, decision: "approved" })),
  ),
  { _tag: "StartExecution" },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 1, ledgerPostingId: "l" },
  request,
  { _tag: "RecordTransfer", item: 1, attempt: 1, outcome },
  { _tag: "RequestPosting", kind: "release", items: [1] },
  { _tag: "RecordPosting", posting: 2, ledgerPostingId: "l" },
]

/** Item 1 is tried again, and is being sent. */
const secondTry: ReadonlyArray<CommandWithoutTime> = [
  ...refusedOnce(intent(1), failed),
  { _tag: "Retry", item: 1, by: "olga" },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 3, ledgerPostingId: "l" },
  intent(1, 2),
]

/** Item 1 may be sent to another bank. */
const betweenBanks: ReadonlyArray<CommandWithoutTime> = [
  ...refusedOnce(intent(1, 1, along("north", "south", "west")), failedHere),
  { _tag: "Reroute", item: 1 },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 3, ledgerPostingId: "l" },
]

/** What has happened already when a sequence begins. */
const beginning = fc.oneof(
  { arbitrary: fc.constant([]), weight: 5 },
  { arbitrary: fc.constant(secondTry), weight: 2 },
  { arbitrary: fc.constant(betweenBanks), weight: 3 },
)

const terms = fc.record({
  mode: fc.constantFrom("partial" as const, "strict" as const),
  approvalAsked: fc.boolean(),
  attemptsMax: fc.constantFrom(1, 3),
  payeePolicy: fc.constantFrom<PayeePolicy>("off", "review", "reject"),
  wait: fc.constantFrom(undefined, 0, 20),
  beginning,
})

/** The command that carries out one piece of due work. */
const duties = (
  story: Story,
  { choice, outcome, decision, payee, refused }: Extract<Step, { choice: number }>,
): CommandWithoutTime | undefined => {
  const due = plan(story.batch, story.now)
  const work = due[choice % Math.max(due.length, 1)]
  switch (work?._tag) {
    case undefined:
      return undefined
    case "Screen": {
      if (decision === "pending")
        return {
          ...answerTo(work.clearance, []),
          pending: { items: work.items, decideBy: story.now + PENDING_MS },
        }
      return answerTo(
        work.clearance,
        work.items.map((item) => ({ item, decision, ...payee })),
      )
    }
    case "Book":
      if (refused !== undefined)
        return {
          _tag: "RecordPostingRefusal",
          posting: work.posting,
          code: refused,
          retryAt: story.now + RETRY_MS,
        }
      return { _tag: "RecordPosting", posting: work.posting, ledgerPostingId: "l" }
    case "Transfer":
    case "Inquire": {
      const [item] = work.items
      return {
        _tag: "RecordTransfer",
        item,
        attempt: story.batch.items.get(item)?.transfer?.attempt ?? 1,
        outcome,
      }
    }
    case "RequestTransfers":
      return requested(story.batch, work.items[0], choice)
    case "Retry":
      return { ...work, by: "policy" }
    case "Close":
      return { _tag: "CloseBatch" }
    default:
      return work
  }
}

const severity = { approved: 0, review: 1, rejected: 2 } as const

/** By the rules to the first of three banks, after a refusal to the next one; sometimes no rule leads anywhere. */
const requested = (batch: Batch, item: number, choice: number): CommandWithoutTime => {
  const { transfer, reroute } = batch.items.get(item) ?? {}
  if (choice === 10) return { _tag: "RecordUnrouted", items: [item], version: "v1" }
  const [bank = "north", ...others] = reroute?.others ?? ["north", "south", "west"]
  return intent(item, (transfer?.attempt ?? 0) + 1, along(bank, ...others))
}

/** What an observer who sees only events remembers. */
class Witness {
  readonly #clearances = new Map<number, "cleared" | "not">()
  readonly #verdicts = new Map<number, number>()
  readonly #cancelled = new Set<number>()
  readonly #finals = new Map<string, string>()
  /** The banks that an item went to since it was last routed by the rules. */
  readonly #banks = new Map<number, ReadonlyArray<string>>()
  rerouted = 0
  #approvalNeeded = false
  #approved = false
  refusals = 0

  sees(event: BatchEvent, batch: Batch): void {
    switch (event._tag) {
      case "BatchReceived":
        this.#approvalNeeded = event.approval !== undefined
        break
      case "ItemsScreened":
      case "ClearanceWithdrawn":
        for (const { item, decision } of event.decisions) {
          expect(severity[decision], "the engine is never heard to relent").toBeGreaterThan(
            this.#verdicts.get(item) ?? -1,
          )
          this.#verdicts.set(item, severity[decision])
          this.#clearances.set(item, decision === "approved" ? "cleared" : "not")
        }
        break
      case "ClearancePending":
        for (const item of event.items)
          expect(this.#verdicts.has(item), "only what is not decided is decided later").toBe(false)
        break
      case "ItemReviewed":
        this.#clearances.set(event.item, event.decision === "released" ? "cleared" : "not")
        break
      case "BatchApproved":
        this.#approved = true
        break
      case "ItemsCancelled":
        for (const item of event.items) this.#cancelled.add(item)
        break
      case "PostingRequested":
        for (const item of event.items)
          expect(
            batch.items.get(item)?.refusal?.retryAt ?? 0,
            "not asked before its time",
          ).toBeLessThanOrEqual(event.at)
        break
      case "PostingRefused":
        this.refusals += 1
        break
      case "TransferResent":
        expect(disputedItems(batch), "never sent again while in dispute").not.toContain(event.item)
        expect(this.#clearances.get(event.item), "never sent again without clearance").toBe("cleared")
        break
      case "RetryRequested":
      case "RerouteRequested":
        expect(this.#clearances.get(event.item), "not tried again without clearance").toBe("cleared")
        break
      case "TransfersRequested":
        for (const { item, attempt, bank } of event.transfers) {
          this.#sent(item, bank, batch)
          expect(disputedItems(batch), "never sent while in dispute").not.toContain(item)
          expect(this.#clearances.get(item), "paid only when cleared").toBe("cleared")
          expect(this.#cancelled.has(item), "never paid after a cancellation").toBe(false)
          expect(batch.items.get(item)?.ledger, "its money is held").toBe("held")
          if (batch.mode === "strict" && attempt === 1) this.#expectAllCleared()
        }
        expect(this.#approvalNeeded && !this.#approved, "never paid before an approval").toBe(false)
        break
      case "TransferSettled":
        this.#final(event, "settled", [undefined])
        break
      case "TransferFailed":
        this.#final(event, "failed", [undefined])
        break
      case "TransferReturned":
        this.#final(event, "returned", ["settled"])
        break
      case "LateOutcomeDetected":
        if (event.compensation === "repost") this.#final(event, "settled", ["failed"])
        break
      case "ParkedResolved":
        for (const { attempt, outcome } of attemptsOfItem(batch, event.item))
          expect(outcome !== undefined || attempt === event.attempt, "resolved while another is open").toBe(
            true,
          )
        this.#finals.set(`${event.item}-${event.attempt}`, event.outcome)
        break
    }
  }

  #expectAllCleared() {
    for (const [item, word] of this.#clearances)
      if (!this.#cancelled.has(item)) expect(word, "strict: all cleared").toBe("cleared")
  }

  /** Another bank only after a definitive failure at each one before, and no bank twice along one route. */
  #sent(item: number, bank: string, batch: Batch): void {
    for (const { attempt, outcome } of attemptsOfItem(batch, item)) {
      expect(outcome, `attempt ${attempt} has not failed`).toBe("failed")
      expect(this.#finals.get(`${item}-${attempt}`), "by the bank's word, or a person's").toBe("failed")
    }
    const route = batch.items.get(item)?.reroute === undefined ? [] : (this.#banks.get(item) ?? [])
    expect(route, "each bank of a route is tried once").not.toContain(bank)
    if (route.length > 0) this.rerouted += 1
    this.#banks.set(item, [...route, bank])
  }

  #final(
    { item, attempt }: { item: number; attempt: number },
    word: string,
    after: ReadonlyArray<string | undefined>,
  ) {
    const key = `${item}-${attempt}`
    expect(after, `attempt ${key}: a final word is not overwritten`).toContain(this.#finals.get(key))
    this.#finals.set(key, word)
  }
}

const attemptsOfItem = (batch: Batch, number: number) => {
  const item = batch.items.get(number)
  return item === undefined ? [] : attemptsOf(item)
}

const disputedItems = (batch: Batch): ReadonlyArray<number> =>
  [...batch.items.values()].flatMap((item) => (isDisputed(item) ? [item.item] : []))

/** Where the money of an item is that nothing more has to happen to. */
const rests: Partial<Record<ItemState, ReadonlyArray<LedgerState>>> = {
  rejected: ["none", "released", "reversed"],
  settled: ["posted"],
  failed: ["none", "released", "reversed"],
  returned: ["reversed"],
  cancelled: ["none", "released", "reversed"],
}

/** Per currency and state, the tallies are what a walk over the items counts: so the sum is conserved. */
const expectConserved = (batch: Batch): void => {
  const counted = new Map<string, { count: number; minor: bigint }>()
  for (const { currency, state, minor } of batch.items.values()) {
    const sum = counted.get(`${currency} ${state}`) ?? { count: 0, minor: 0n }
    counted.set(`${currency} ${state}`, { count: sum.count + 1, minor: sum.minor + minor })
  }
  for (const [currency, states] of batch.tallies) {
    for (const [state, tally] of states) {
      const { count, minor } = counted.get(`${currency} ${state}`) ?? { count: 0, minor: 0n }
      if (tally.count !== count || tally.minor !== minor)
        throw new Error(`${currency} ${state} is not conserved`)
      counted.delete(`${currency} ${state}`)
    }
  }
  if (counted.size > 0) throw new Error(`not tallied: ${[...counted.keys()]}`)
  const tasks = Object.values(batch.tasks).reduce((sum, items) => sum + items.size, 0)
  if (tasks !== batch.items.size) throw new Error("an item has no task, or two")
  for (const { state, task, ledger } of batch.items.values()) {
    if (task === "none" && !rests[state]?.includes(ledger))
      throw new Error(`${state} rests with its money ${ledger}`)
  }
}

/** What the ledger refused is still to be posted; a batch awaits funds when some hold is refused for them. */
const expectRefusalsAreOpen = (batch: Batch): void => {
  const refused = [...batch.items.values()].filter(({ refusal }) => refusal !== undefined)
  if (batch.refused.size !== refused.length || refused.some(({ item }) => !batch.refused.has(item)))
    throw new Error("the refused items are not those with a refusal")
  for (const { task, refusal } of refused)
    if (task !== "book" && task !== refusal?.kind)
      throw new Error(`${refusal?.kind} refused, and ${task} due`)
  const lacking = refused.some(
    ({ refusal }) => refusal?.kind === "hold" && refusal.code === INSUFFICIENT_FUNDS,
  )
  if (batch.closed === undefined && lacking !== (batchState(batch) === "awaiting-funds"))
    throw new Error(`funds are ${lacking ? "" : "not "}missing, and the batch is ${batchState(batch)}`)
}

/** An open attempt is asked about at a known time, or parked after its schedule; what was paid twice is a person's. */
const expectAttemptsAreLookedAfter = (batch: Batch, seen: { openBesideDispute: number }): void => {
  for (const item of batch.items.values()) {
    const attempts = attemptsOf(item)
    for (const open of attempts.filter(({ outcome }) => outcome === undefined)) {
      if (open !== item.transfer) throw new Error("an attempt is open that is not the last")
      if (item.task !== taskOfOpen(open)) throw new Error(`${open.phase}, and left to ${item.task}`)
      if (isDisputed(item)) seen.openBesideDispute += 1
    }
    if (item.state === "parked" && attemptsInQuestion(item).length === 0 && !isUnrouted(item))
      throw new Error("parked, and nothing to resolve, retry or cancel")
    if (attempts.filter(({ outcome }) => outcome === "settled").length > 1 && item.state !== "parked")
      throw new Error(`paid twice, and ${item.state}`)
  }
}

const taskOfOpen = ({ phase, inquireAt }: Attempt): Task => {
  if (phase === "transferring") return "transfer"
  return phase !== "parked" && inquireAt !== undefined ? "inquire" : "review"
}

const expectSomeoneWillCome = (batch: Batch, now: number): void => {
  const wake = wakeAt(batch) ?? 0
  const waits = plan(batch, now).length > 0 || wake > now || batch.tasks.review.size > 0
  if (!waits && !(isComplete(batch) && batch.closed !== undefined))
    throw new Error(`lost in ${batchState(batch)}`)
  if (wake > 0 && plan(batch, wake).length === 0) throw new Error("woken, and nothing to do")
}

describe("whatever happens to a batch", () => {
  it(`holds over ${SEQUENCES} sequences of commands`, { timeout: 120_000 }, () => {
    let events = 0
    let refusals = 0
    const seen = { openBesideDispute: 0, rerouted: 0 }
    const told = new Map<BatchEvent["_tag"], number>()
    fc.assert(
      fc.property(
        terms,
        fc.array(step, { minLength: 20, maxLength: 60 }),
        ({ wait, attemptsMax, payeePolicy, beginning, ...asked }, steps) => {
          const story = new Story()
          const witness = new Witness()
          const live = (command: CommandWithoutTime): void => {
            const decided = story.decide(command)
            if (Result.isFailure(decided)) return
            for (const event of decided.success) {
              witness.sees(event, story.batch)
              fold([event], story.batch)
              story.events.push(event)
              told.set(event._tag, (told.get(event._tag) ?? 0) + 1)
              expectConserved(story.batch)
              expectAttemptsAreLookedAfter(story.batch, seen)
              expectRefusalsAreOpen(story.batch)
            }
            expectSomeoneWillCome(story.batch, story.now)
          }
          live({
            _tag: "ReceiveBatch",
            partner: "acme",
            idempotencyKey: "key",
            requestDigest: "digest",
            submittedBy: "sam",
            seals: [someSeal],
            ...asked,
            ...(wait === undefined ? {} : { executeAt: story.now + wait }),
            policy: { approvalAbove: {}, approvalWithinMs: 25, attemptsMax, payeePolicy },
            items: [payoutItem(1), payoutItem(2, { currency: "JPY" }), payoutItem(3)],
          })
          for (const command of beginning) live(command)
          for (const next of steps) {
            const command = "blue" in next ? next.blue : duties(story, next)
            if (command !== undefined) live(command)
            else story.now += 10
          }
          for (const event of story.events) {
            const read = Result.getOrThrow(decodeEvent(encodeEvent(event)))
            if (!isDeepStrictEqual(read, event))
              throw new Error(`${event._tag} does not survive its encoding`)
          }
          if (!isDeepStrictEqual(fold(story.events), story.batch))
            throw new Error("folding again gives another batch")
          events += story.events.length
          refusals += witness.refusals
          seen.rerouted += witness.rerouted
        },
      ),
      { numRuns: SEQUENCES, seed: SEED },
    )
    expect(events, "the sequences were not all refused").toBeGreaterThan(SEQUENCES * 9)
    for (const tag of ["ClearancePending", "ClearanceWithdrawn"] as const)
      expect(told.get(tag), tag).toBeGreaterThan(SEQUENCES / 10)
    expect(refusals, "refused postings").toBeGreaterThan(SEQUENCES / 10)
    expect(seen.openBesideDispute, "disputes beside open attempts").toBeGreaterThan(SEQUENCES / 10)
    expect(seen.rerouted, "attempts at another bank").toBeGreaterThan(SEQUENCES / 20)
  })
})
