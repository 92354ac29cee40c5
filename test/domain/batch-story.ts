/** Makes batches and walks them through their life, for tests of the domain. */
import { Result } from "effect"
import { type Batch, emptyBatch, evolve } from "../../src/domain/batch.ts"
import type { BatchCommand, TransferOutcome } from "../../src/domain/commands.ts"
import { decide, type Rejection } from "../../src/domain/decide.ts"
import type { BatchEvent, PayoutItem } from "../../src/domain/events.ts"
import { BatchId } from "../../src/domain/identifiers.ts"

export const batchId = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")

export const payoutItem = (item: number, fields: Partial<PayoutItem> = {}): PayoutItem => ({
  item,
  reference: `invoice-${item}`,
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  currency: "EUR",
  minor: 1_000n + BigInt(item),
  ...fields,
})

/** A batch with its history: commands are given, events are kept. */
export class Story {
  readonly batch: Batch = emptyBatch()
  readonly events: Array<BatchEvent> = []
  #now = 1_000

  /** Decides a command and folds its events; gives the events. Throws when the batch refuses. */
  tell(command: CommandWithoutTime): ReadonlyArray<BatchEvent> {
    const decided = Result.getOrThrowWith(this.#decide(command), ({ reason }) => new Error(reason))
    for (const event of decided) evolve(this.batch, event)
    this.events.push(...decided)
    return decided
  }

  /** Why the batch refuses a command. Throws when it does not. */
  refusal(command: CommandWithoutTime): Rejection {
    return Result.getOrThrow(Result.flip(this.#decide(command)))
  }

  #decide(command: CommandWithoutTime) {
    this.#now += 1
    return decide(this.batch, { ...command, at: this.#now } as BatchCommand)
  }

  received(count: number): this {
    const [first, ...others] = Array.from({ length: count }, (_, index) => payoutItem(index + 1))
    if (first === undefined) throw new Error("a batch has at least one item")
    this.tell({
      _tag: "ReceiveBatch",
      partner: "acme",
      idempotencyKey: "key",
      requestDigest: "digest",
      items: [first, ...others],
    })
    return this
  }

  cleared(count: number): this {
    this.received(count)
    return this.screened([...this.batch.items.keys()], "approved")
  }

  screened(items: ReadonlyArray<number>, decision: "approved" | "rejected" | "review"): this {
    const decisions = items.map((item) => ({ item, decision }))
    this.tell({ _tag: "RecordScreening", clearanceId: "c", listVersion: "v", decisions })
    return this
  }

  posted(kind: "hold" | "post" | "release" | "reverse", items = [...this.batch.tasks[kind]]): this {
    const [first, ...others] = items
    if (first === undefined) throw new Error(`no ${kind} is due`)
    this.tell({ _tag: "RequestPosting", kind, items: [first, ...others] })
    this.tell({ _tag: "RecordPosting", posting: this.batch.postingCount, ledgerPostingId: "l" })
    return this
  }

  requested(count: number): this {
    this.cleared(count).posted("hold")
    for (const item of [...this.batch.tasks.request]) {
      this.tell({ _tag: "RequestTransfers", transfers: [{ item, bank: "north", reference: `ref-${item}` }] })
    }
    return this
  }

  hears(item: number, outcome: TransferOutcome): ReadonlyArray<BatchEvent> {
    return this.tell({ _tag: "RecordTransfer", item, attempt: 1, outcome })
  }

  stateOf(item: number) {
    return this.batch.items.get(item)?.state
  }
}

type WithoutTime<C> = C extends { readonly at: number } ? Omit<C, "at"> : never
export type CommandWithoutTime = WithoutTime<BatchCommand>

export const settled: TransferOutcome = { _tag: "Settled", evidence: "callback" }
export const failed: TransferOutcome = { _tag: "Failed", evidence: "callback", code: "AC04" }
export const returned: TransferOutcome = { _tag: "Returned", evidence: "callback", code: "MS03" }
export const accepted: TransferOutcome = { _tag: "Accepted", transferId: "t", inquireAt: 9_000 }
export const unknown: TransferOutcome = { _tag: "Unknown", reason: "time-out", inquireAt: 9_000 }
export const neverSeen: TransferOutcome = { _tag: "NeverSeen" }
