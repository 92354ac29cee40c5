/** Ten thousand batches live through commands in any order, sensible or not; what must always hold is asked after each. */
import { isDeepStrictEqual } from "node:util"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { attemptsInQuestion, isDisputed, isUnrouted } from "../../src/domain/attempts.ts"
import {
  type Attempt,
  attemptsOf,
  type Batch,
  batchState,
  INSUFFICIENT_FUNDS,
  isComplete,
  type LedgerState,
  type Task,
} from "../../src/domain/batch.ts"
import type { ClearanceTerms } from "../../src/domain/clearance.ts"
import type { ClearanceDecision, FindingName } from "../../src/domain/clearance-answers.ts"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchEvent, BatchEventOf } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import { type ItemEnd, itemEnds } from "../../src/domain/item-state.ts"
import { lengthOf } from "../length.ts"
import { fc, ofAllExamples } from "../property.ts"
import { ALONE_UP_TO, liveThrough, step, terms } from "./batch-sequences.ts"
import { type CommandWithoutTime, clerk, olga, Story } from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const SEQUENCES = lengthOf({ full: 10_000, short: 3_000 })

const keyOf = ({ cause, listVersion, reason }: FindingName): string =>
  JSON.stringify([cause, listVersion, reason])

const severity = { approved: 0, review: 1, rejected: 2 } as const

/** What an observer who sees only events remembers. */
class Witness {
  /** What was found against each item, how grave it is, and whether a reviewer released it. */
  readonly #found = new Map<number, Map<string, { gravity: number; released: boolean }>>()
  /** The clearance that each item waits for, and the lists of the one that was answered last. */
  readonly #asked = new Map<number, number>()
  readonly #lists = new Map<number, string>()
  readonly #refused = new Set<number>()
  readonly #cancelled = new Set<number>()
  readonly #finals = new Map<string, string>()
  /** The banks that an item went to since it was last routed by the rules. */
  readonly #banks = new Map<number, ReadonlyArray<string>>()
  /** What an operator said last of an item: the attempt, its outcome, and who said so. */
  readonly #proposals = new Map<number, string>()
  rerouted = 0
  #approvalNeeded = false
  #approved = false
  refusals = 0
  withdrawals = 0
  /** Refusals that were in doubt, and were final after all. */
  confirmed = 0
  /** Refusals after which the bank showed that it has the transfer. */
  acceptedAfterAll = 0

  sees(event: BatchEvent, batch: Batch, terms: ClearanceTerms): void {
    switch (event._tag) {
      case "BatchReceived":
        this.#approvalNeeded = event.approval !== undefined
        break
      case "ItemsScreened":
      case "ClearanceWithdrawn":
        for (const word of event.decisions) this.#word(event, word)
        break
      case "ScreeningRequested":
        for (const item of event.items) this.#asked.set(item, event.clearance)
        break
      case "ClearancePending":
        for (const item of event.items)
          expect(this.#asked.get(item), "only what is asked about is decided later").toBe(event.clearance)
        break
      case "ItemReviewed":
        expect(event.credential, "held items are an operator's").toBe(olga)
        if (event.decision === "rejected") this.#refused.add(event.item)
        for (const name of event.findings ?? []) {
          const found = this.#found.get(event.item)?.get(keyOf(name))
          if (found === undefined) throw new Error("released what nobody found")
          found.released = true
        }
        break
      case "BatchApproved":
        expect(event.credential, "nobody approves what was submitted under their key").not.toBe(clerk)
        this.#approved = true
        break
      case "ItemsCancelled":
        for (const item of event.items) {
          this.#cancelled.add(item)
          for (const { attempt } of attemptsOfItem(batch, item))
            expect(this.#finals.get(`${item}-${attempt}`), "cancelled when nothing can go out").toBe("failed")
        }
        break
      case "WithdrawalsRequested":
        for (const { item } of event.transfers)
          expect(batch.items.get(item)?.task, "nothing is sent while it is asked back").not.toBe("transfer")
        break
      case "TransferWithdrawn":
        this.withdrawals += 1
        this.#final(event, "failed", [undefined])
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
        expect(batch.items.get(event.item)?.attempt, "nor while it is asked back, or refused").toMatchObject({
          withdrawal: undefined,
          refusal: undefined,
        })
        expect(this.#clearance(event.item), "never sent again without clearance").toBe("screened")
        this.#expectByLists(event.item, terms)
        break
      case "RetryRequested":
      case "RerouteRequested":
        expect(this.#clearance(event.item), "not tried again without clearance").toBe("screened")
        break
      case "TransfersRequested":
        for (const { item, attempt, bank } of event.transfers) {
          this.#sent(item, bank, batch)
          expect(disputedItems(batch), "never sent while in dispute").not.toContain(item)
          expect(this.#clearance(item), "paid only when screened").toBe("screened")
          this.#expectByLists(item, terms)
          expect(this.#cancelled.has(item), "never paid after a cancellation").toBe(false)
          expect(batch.items.get(item)?.ledger, "its money is held").toBe("held")
          if (batch.mode === "strict" && attempt === 1) this.#expectAllScreened()
        }
        expect(this.#approvalNeeded && !this.#approved, "never paid before an approval").toBe(false)
        break
      case "TransferSettled":
        this.#final(event, "settled", [undefined])
        break
      case "TransferFailed":
        if (event.retryable || event.reroutable)
          expect(event.evidence, "what leads on is confirmed").toBe("inquiry")
        if (batch.items.get(event.item)?.attempt?.refusal !== undefined) this.confirmed += 1
        this.#final(event, "failed", [undefined])
        break
      case "TransferReturned":
        this.#final(event, "returned", ["settled"])
        break
      case "LateOutcomeDetected":
        if (event.reported === "accepted") this.acceptedAfterAll += 1
        if (event.compensation === "repost") this.#final(event, "settled", ["failed"])
        break
      case "ParkedResolved":
        for (const { attempt, outcome } of attemptsOfItem(batch, event.item))
          expect(outcome !== undefined || attempt === event.attempt, "resolved while another is open").toBe(
            true,
          )
        expect(event.credential, "resolved by an operator").toMatch(/^operator:/)
        if ((batch.items.get(event.item)?.minor ?? 0n) > ALONE_UP_TO) {
          expect(event.proposedBy, "above the threshold by two").toMatch(/^operator:/)
          expect(event.proposedBy).not.toBe(event.credential)
          expect(this.#proposals.get(event.item)).toBe(
            `${event.attempt} ${event.outcome} ${event.proposedBy}`,
          )
        }
        this.#finals.set(`${event.item}-${event.attempt}`, event.outcome)
        break
      case "ResolutionProposed":
        this.#proposals.set(event.item, `${event.attempt} ${event.outcome} ${event.credential}`)
        break
    }
  }

  #expectAllScreened() {
    for (const item of this.#lists.keys())
      if (!this.#cancelled.has(item)) expect(this.#clearance(item), "strict: all screened").toBe("screened")
  }

  /** A word counts that was never said, or that an item waits for. */
  #word(
    { clearance, listVersion }: BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">,
    word: ClearanceDecision,
  ): void {
    const found = this.#found.get(word.item) ?? new Map<string, { gravity: number; released: boolean }>()
    this.#found.set(word.item, found)
    const key = keyOf({ listVersion, cause: word.cause ?? "sanctions", ...word })
    const known = found.get(key)
    if (word.decision === "approved" || word.released === true) {
      expect(this.#asked.get(word.item), "an approval is the answer that is waited for").toBe(clearance)
      if (word.released === true) expect(known?.released, "released is what was found").toBe(true)
    } else {
      expect(severity[word.decision], "found once").toBeGreaterThan(known?.gravity ?? -1)
      found.set(key, { gravity: severity[word.decision], released: false })
    }
    if (this.#asked.get(word.item) === clearance) this.#lists.set(word.item, listVersion)
    if (this.#asked.get(word.item) === clearance) this.#asked.delete(word.item)
  }

  #clearance(item: number): "screened" | "not" {
    const found = [...(this.#found.get(item)?.values() ?? [])]
    const isClear = found.every(({ gravity, released }) => released && gravity < severity.rejected)
    return isClear && this.#lists.has(item) && !this.#refused.has(item) ? "screened" : "not"
  }

  #expectByLists(item: number, terms: ClearanceTerms): void {
    const version = terms === "unknown" ? "known" : terms.lists?.version
    if (version !== undefined) expect(this.#lists.get(item), "sent by the lists in force").toBe(version)
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
const rests: Readonly<Record<ItemEnd, ReadonlyArray<LedgerState>>> = {
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
    const isAtRest = itemEnds.some((end) => end === state && rests[end].includes(ledger))
    if (task === "none" && !isAtRest) throw new Error(`${state} rests with its money ${ledger}`)
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
      if (open !== item.attempt) throw new Error("an attempt is open that is not the last")
      if (item.task !== taskOfOpen(open)) throw new Error(`${open.phase}, and left to ${item.task}`)
      if (isDisputed(item)) seen.openBesideDispute += 1
    }
    if (item.state === "parked" && attemptsInQuestion(item).length === 0 && !isUnrouted(item))
      throw new Error("parked, and nothing to resolve, retry or cancel")
    if (attempts.filter(({ outcome }) => outcome === "settled").length > 1 && item.state !== "parked")
      throw new Error(`paid twice, and ${item.state}`)
  }
}

const taskOfOpen = ({ phase, inquireAt, withdrawal }: Attempt): Task => {
  if (withdrawal !== undefined) return "withdraw"
  if (phase === "transferring") return "transfer"
  return phase !== "parked" && inquireAt !== undefined ? "inquire" : "review"
}

const expectSomeoneWillCome = ({ batch, now, terms }: Story): void => {
  const wake = wakes(batch, terms) ?? 0
  const waits = workDue(batch, now, terms).length > 0 || wake > now || batch.tasks.review.size > 0
  if (!waits && !(isComplete(batch) && batch.closed !== undefined))
    throw new Error(`lost in ${batchState(batch)}`)
  if (wake > 0 && workDue(batch, wake, terms).length === 0) throw new Error("woken, and nothing to do")
}

describe("whatever happens to a batch", () => {
  it(`holds over ${SEQUENCES} sequences of commands`, { timeout: 120_000 }, () => {
    let events = 0
    let refusals = 0
    const seen = { openBesideDispute: 0, rerouted: 0, withdrawals: 0, confirmed: 0, acceptedAfterAll: 0 }
    const told = new Map<BatchEvent["_tag"], number>()
    fc.assert(
      fc.property(terms, fc.array(step, { minLength: 20, maxLength: 60 }), (terms, steps) => {
        const story = new Story()
        const witness = new Witness()
        const live = (command: CommandWithoutTime): void => {
          const decided = story.decide(command)
          if (Result.isFailure(decided)) return
          for (const event of decided.success) {
            witness.sees(event, story.batch, story.terms)
            fold([event], story.batch)
            story.events.push(event)
            told.set(event._tag, (told.get(event._tag) ?? 0) + 1)
            expectConserved(story.batch)
            expectAttemptsAreLookedAfter(story.batch, seen)
            expectRefusalsAreOpen(story.batch)
          }
          expectSomeoneWillCome(story)
        }
        liveThrough(story, terms, steps, live)
        for (const event of story.events) {
          const read = Result.getOrThrow(decodeEvent(encodeEvent(event)))
          if (!isDeepStrictEqual(read, event)) throw new Error(`${event._tag} does not survive its encoding`)
        }
        if (!isDeepStrictEqual(fold(story.events), story.batch))
          throw new Error("folding again gives another batch")
        events += story.events.length
        refusals += witness.refusals
        for (const what of ["rerouted", "withdrawals", "confirmed", "acceptedAfterAll"] as const)
          seen[what] += witness[what]
      }),
      { numRuns: SEQUENCES },
    )
    expect(events, ofAllExamples("the sequences were not all refused")).toBeGreaterThan(SEQUENCES * 9)
    for (const tag of ["ClearancePending", "ClearanceWithdrawn"] as const)
      expect(told.get(tag), ofAllExamples(tag)).toBeGreaterThan(SEQUENCES / 10)
    expect(refusals, ofAllExamples("refused postings")).toBeGreaterThan(SEQUENCES / 10)
    expect(seen.openBesideDispute, ofAllExamples("disputes beside open attempts")).toBeGreaterThan(
      SEQUENCES / 10,
    )
    expect(seen.rerouted, ofAllExamples("attempts at another bank")).toBeGreaterThan(SEQUENCES / 20)
    for (const what of ["withdrawals", "confirmed", "acceptedAfterAll"] as const)
      expect(seen[what], ofAllExamples(what)).toBeGreaterThan(SEQUENCES / 50)
  })
})
