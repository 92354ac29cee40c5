/** Makes batches and walks them through their life, for tests of the domain. */
import { Result } from "effect"
import { type Batch, emptyBatch, INSUFFICIENT_FUNDS } from "../../src/domain/batch.ts"
import { type VisibleAccount, visibleOf } from "../../src/domain/beneficiary.ts"
import { anyClearance, type ClearanceTerms } from "../../src/domain/clearance.ts"
import type { BatchCommand, BatchCommandOf, TransferOutcome } from "../../src/domain/commands.ts"
import { POLICY } from "../../src/domain/credential.ts"
import { decide } from "../../src/domain/decide.ts"
import { type BatchEvent, ITEMS_PER_EVENT_MAX, type PayoutItem } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import type { ItemState } from "../../src/domain/item-state.ts"
import type { Rejection } from "../../src/domain/rejection.ts"
import type { Destination } from "../../src/domain/routing.ts"
import type { Plain } from "../plain-texts.ts"

export const batchId = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")

/** An account that looks sealed and opens with no key: for tests in which nothing is paid. */
export const visibleIban = (iban = "DE89370400440532013000"): VisibleAccount =>
  visibleOf({ scheme: "iban", iban })

/** What stands for the sealed accounts of a chunk where nobody opens them. */
export const someSeal = `1.${"A".repeat(64)}`

/** Seals for so many items. */
export const someSeals = (count: number): readonly [string, ...ReadonlyArray<string>] => [
  someSeal,
  ...Array.from({ length: Math.ceil(count / ITEMS_PER_EVENT_MAX) - 1 }, () => someSeal),
]

export const payoutItem = (item: number, fields: Partial<PayoutItem> = {}): PayoutItem => ({
  item,
  reference: `invoice-${item}`,
  beneficiary: { name: "Ada Lovelace", account: visibleIban() },
  currency: "EUR",
  minor: 1_000n + BigInt(item),
  ...fields,
})

export const payoutItems = (count: number): readonly [PayoutItem, ...ReadonlyArray<PayoutItem>] => {
  const [first, ...others] = Array.from({ length: count }, (_, index) => payoutItem(index + 1))
  if (first === undefined) throw new Error("a batch has at least one item")
  return [first, ...others]
}

/** Who people are in stories, where nothing else is said: two keys of the partner, and an operator's. */
export const clerk = "partner:acme/clerk"
export const supervisor = "partner:acme/supervisor"
export const olga = "operator:olga"

/** What people say beside their words, where a story does not. One operator is enough, unless it says so. */
const persons: Partial<Record<BatchCommand["_tag"], Partial<Plain<BatchCommandOf<"Resolve">>>>> = {
  ReceiveBatch: { credential: clerk },
  Approve: { credential: supervisor },
  Cancel: { credential: clerk },
  Review: { credential: olga },
  Retry: { credential: olga },
  Resolve: {
    credential: olga,
    evidence: { text: "the bank's statement", reference: "case-1" },
    policy: { aloneUpTo: { EUR: 1_000_000_000n }, confirmWithinMs: 60_000 },
  },
}

/** When stories begin, in epoch milliseconds: a business day everywhere. Each command comes a millisecond later. */
export const STORY_BEGINS = Date.UTC(2026, 10, 23, 9)

export const receiveBatch = (
  count: number,
  terms: Terms = {},
): WithoutTime<BatchCommandOf<"ReceiveBatch">> => ({
  _tag: "ReceiveBatch",
  partner: "acme",
  idempotencyKey: "key",
  requestDigest: "digest",
  mode: "partial",
  submittedBy: "sam",
  approvalAsked: false,
  policy: { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 },
  items: payoutItems(count),
  seals: someSeals(terms.items?.length ?? count),
  ...terms,
})

type Terms = Partial<Omit<BatchCommandOf<"ReceiveBatch">, "_tag" | "at">>

/** A batch with its history: commands are given, events are kept. */
export class Story {
  readonly batch: Batch = emptyBatch()
  readonly events: Array<BatchEvent> = []
  now = STORY_BEGINS
  /** Which clearances are good. */
  terms: ClearanceTerms = anyClearance

  /** Decides a command and folds its events; gives the events. Throws when the batch refuses. */
  tell(command: CommandWithoutTime): ReadonlyArray<BatchEvent> {
    const decided = Result.getOrThrowWith(this.decide(command), ({ reason }) => new Error(reason))
    for (const event of decided) evolve(this.batch, event)
    this.events.push(...decided)
    return decided
  }

  /** Why the batch refuses a command. Throws when it does not. */
  refusal(command: CommandWithoutTime): Rejection {
    return Result.getOrThrow(Result.flip(this.decide(command)))
  }

  /** What the command would cause; changes nothing. */
  decide(command: CommandWithoutTime) {
    this.now += 1
    const person = "by" in command && command.by === POLICY ? {} : persons[command._tag]
    return decide(this.batch, { ...person, ...command, at: this.now } as BatchCommand, this.terms)
  }

  received(count: number, terms: Terms = {}): this {
    this.tell(receiveBatch(count, terms))
    return this
  }

  asked(count: number, terms: Terms = {}): this {
    this.received(count, terms)
    const [first = 1, ...others] = this.batch.items.keys()
    this.tell({ _tag: "RequestScreening", items: [first, ...others] })
    return this
  }

  answered(items: ReadonlyArray<number>, decision: "approved" | "rejected" | "review"): this {
    const decisions = items.map((item) => ({ item, decision }))
    const clearance = this.batch.clearanceCount
    this.tell({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: "v", decisions })
    return this
  }

  screened(count: number, terms: Terms = {}): this {
    this.asked(count, terms)
    return this.answered([...this.batch.items.keys()], "approved")
  }

  started(count: number, terms: Terms = {}): this {
    this.screened(count, terms)
    this.tell({ _tag: "StartExecution" })
    return this
  }

  posted(kind: "hold" | "post" | "release" | "reverse", items = [...this.batch.tasks[kind]]): this {
    const [first, ...others] = items
    if (first === undefined) throw new Error(`no ${kind} is due`)
    this.tell({ _tag: "RequestPosting", kind, items: [first, ...others] })
    this.tell({ _tag: "RecordPosting", posting: this.batch.postingCount, ledgerPostingId: "l" })
    return this
  }

  /** The ledger refuses a posting of a kind; it may be asked again {@link RETRY_MS} later. */
  postingRefused(
    kind: "hold" | "post",
    code = INSUFFICIENT_FUNDS,
    items = [...this.batch.tasks[kind]],
  ): this {
    const [first, ...others] = items
    if (first === undefined) throw new Error(`no ${kind} is due`)
    this.tell({ _tag: "RequestPosting", kind, items: [first, ...others] })
    this.tell(refusal(this, this.batch.postingCount, code))
    return this
  }

  requested(count: number, terms: Terms = {}): this {
    this.started(count, terms).posted("hold")
    for (const item of [...this.batch.tasks.request]) this.tell(intent(item))
    return this
  }

  /** Item 1, to be paid along a route, was refused by its first bank in a way that another may mend; its money is back. */
  refused(destination = along("north", "south"), terms: Terms = {}): this {
    this.started(1, terms)
      .posted("hold")
      .tell(intent(1, 1, destination))
    this.hears(1, failedHere)
    return this.posted("release")
  }

  /** Item 1 failed and is tried again: its second attempt is being sent. */
  retried(terms: Terms = {}): this {
    this.requested(1, terms)
    this.hears(1, failed)
    this.posted("release").tell({ _tag: "Retry", item: 1, by: "olga" })
    this.posted("hold").tell(intent(1, 2))
    return this
  }

  hears(item: number, outcome: PlainOutcome, attempt = 1): ReadonlyArray<BatchEvent> {
    return this.tell({ _tag: "RecordTransfer", item, attempt, outcome })
  }

  stateOf(item: number) {
    return this.batch.items.get(item)?.state
  }
}

/** How long after a refusal the stories ask the ledger again. */
export const RETRY_MS = 60_000

export const refusal = ({ now }: Story, posting: number, code = INSUFFICIENT_FUNDS) =>
  ({ _tag: "RecordPostingRefusal", posting, code, retryAt: now + RETRY_MS }) as const

export const intent = (
  item: number,
  attempt = 1,
  destination: Destination | { bank: string } = { bank: "north" },
) =>
  ({
    _tag: "RequestTransfers",
    transfers: [{ item, attempt, reference: `ref-${item}-${attempt}`, ...destination }],
  }) as const

/** To the first of the banks, by a rule that names the others after it. */
export const along = (bank: string, ...others: ReadonlyArray<string>): Destination => ({
  bank,
  route: { rule: "euros", version: "v1", others },
})

/** A story whose item 1 is in a state, with its money where it rests in that state; item 2 is screened. */
export const storyIn = (state: ItemState): Story => {
  const story = new Story()
  switch (state) {
    case "received":
      return story.received(2)
    case "screening":
      return story.asked(2)
    case "held":
      return story.asked(2).answered([1], "review").answered([2], "approved")
    case "rejected":
      return story.asked(2).answered([1], "rejected").answered([2], "approved")
    case "screened":
      return story.started(2).posted("hold", [1])
    case "cancelled":
      story.screened(2)
      story.tell({ _tag: "Cancel", items: [1], by: "sam", reason: "by mistake" })
      return story
    case "transferring":
    case "unknown":
    case "pending":
    case "settled":
    case "failed":
    case "returned":
    case "parked":
      story.started(2).posted("hold", [1])
      story.tell(intent(1))
      return heard(story, state)
  }
}

/** The states into which a bank's words bring an item. */
type HeardState = Exclude<
  ItemState,
  "received" | "screening" | "held" | "rejected" | "screened" | "cancelled"
>

const heard = (story: Story, state: HeardState): Story => {
  const told: Readonly<Record<HeardState, ReadonlyArray<PlainOutcome>>> = {
    transferring: [],
    unknown: [unknown],
    pending: [accepted],
    settled: [settled],
    failed: [failed],
    returned: [settled, returned],
    parked: [unresolved],
  }
  for (const outcome of told[state]) story.hears(1, outcome)
  for (const kind of ["post", "release", "reverse"] as const) {
    if (story.batch.tasks[kind].has(1)) story.posted(kind, [1])
  }
  return story
}

type WithoutTime<C> = C extends { readonly at: number } ? Omit<C, "at"> : never
export type CommandWithoutTime = Plain<WithoutTime<BatchCommand>>

/** An outcome as tests write it. */
export type PlainOutcome = Plain<TransferOutcome>

export const settled: PlainOutcome = { _tag: "Settled", evidence: "callback" }
export const failed: PlainOutcome = { _tag: "Failed", evidence: "callback", code: "AC04" }
/** What leads to another attempt is final only as the answer to an inquiry. */
export const failedForNow = {
  _tag: "Failed",
  evidence: "inquiry",
  code: "AB08",
} as const satisfies PlainOutcome
export const failedHere = {
  _tag: "Failed",
  evidence: "inquiry",
  code: "AG03",
} as const satisfies PlainOutcome
export const refusedForNow: PlainOutcome = { ...failedForNow, evidence: "callback" }
export const refusedHere: PlainOutcome = { ...failedHere, evidence: "response" }
export const refusedWhole = {
  _tag: "Failed",
  evidence: "callback",
  code: "TM01",
  whole: true,
} as const satisfies PlainOutcome
export const failedOddly: PlainOutcome = { _tag: "Failed", evidence: "callback", code: "ZZ99" }
export const returned: PlainOutcome = { _tag: "Returned", evidence: "callback", code: "MS03" }
export const accepted = {
  _tag: "Accepted",
  transferId: "t",
  inquireAt: STORY_BEGINS + 9_000,
} as const satisfies PlainOutcome
/** The bank shows that it has the transfer, by a file. */
export const acknowledged: PlainOutcome = { ...accepted, evidence: "callback" }
export const unknown: PlainOutcome = {
  _tag: "Unknown",
  reason: "time-out",
  inquireAt: STORY_BEGINS + 9_000,
}
export const neverSeen = { _tag: "NeverSeen", quarantineMs: 0 } as const satisfies PlainOutcome
export const withdrawn: PlainOutcome = { _tag: "Withdrawn" }
export const goingOut: PlainOutcome = { _tag: "NotWithdrawn", goingOut: true }
export const mayHaveGone: PlainOutcome = { _tag: "NotWithdrawn", goingOut: false }
export const unresolved: PlainOutcome = { _tag: "Unresolved", reason: "asked nine times" }
