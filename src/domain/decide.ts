/** What a command means for a batch: the events it causes, or why it is refused. Reads the batch, never changes it. */
import { Array as Arr, Result } from "effect"
import type { Attempt, Batch, Item } from "./batch.ts"
import type { BatchCommand, RecordTransfer } from "./commands.ts"
import { type BatchEvent, type ClosedState, ITEMS_PER_EVENT_MAX } from "./events.ts"

/** A command that a batch refuses. It leaves no event behind. */
export interface Rejection {
  readonly _tag: "Rejection"
  readonly command: BatchCommand["_tag"]
  readonly reason: string
  readonly item?: number
}

export type Decision = Result.Result<ReadonlyArray<BatchEvent>, Rejection>

/** How often one attempt may go out under its key before a person looks at it. */
export const SENDS_MAX = 3

/**
 * Decides a command. No events means that the command is old news (a duplicate callback, an answer that was
 * overtaken): it is handled, and nothing changes.
 */
export const decide = (batch: Batch, command: BatchCommand): Decision => {
  if (command._tag !== "ReceiveBatch" && batch.version === 0)
    return refuse(command, "the batch does not exist")
  switch (command._tag) {
    case "ReceiveBatch":
      return receive(batch, command)
    case "RecordScreening":
      return screen(batch, command)
    case "RequestPosting":
      return requestPosting(batch, command)
    case "RecordPosting":
      return recordPosting(batch, command)
    case "RequestTransfers":
      return requestTransfers(batch, command)
    case "RecordTransfer":
      return recordTransfer(batch, command)
    case "TakeOver":
      return takeOver(batch, command)
    case "CloseBatch":
      return close(batch, command)
  }
}

type CommandOf<Tag extends BatchCommand["_tag"]> = Extract<BatchCommand, { readonly _tag: Tag }>

const receive = (batch: Batch, command: CommandOf<"ReceiveBatch">): Decision => {
  if (batch.version > 0) return refuse(command, "the batch exists")
  const misplaced = command.items.find((item, index) => item.item !== index + 1)
  if (misplaced !== undefined)
    return refuse(command, "items are numbered from 1 without gaps", misplaced.item)
  const { _tag, items, reference, ...identity } = command
  return Result.succeed([
    {
      _tag: "BatchReceived",
      ...identity,
      ...(reference === undefined ? {} : { reference }),
      itemCount: items.length,
    },
    ...Arr.chunksOf(items, ITEMS_PER_EVENT_MAX).map((chunk) => ({
      _tag: "ItemsReceived" as const,
      at: command.at,
      items: chunk,
    })),
  ])
}

const screen = (
  batch: Batch,
  { at, clearanceId, listVersion, decisions }: CommandOf<"RecordScreening">,
): Decision => {
  const fresh = decisions.filter(({ item }) => batch.items.get(item)?.state === "received")
  return Arr.isReadonlyArrayNonEmpty(fresh)
    ? Result.succeed([{ _tag: "ItemsScreened", at, clearanceId, listVersion, decisions: fresh }])
    : nothing
}

const requestPosting = (batch: Batch, command: CommandOf<"RequestPosting">): Decision => {
  const stranger = command.items.find((item) => batch.items.get(item)?.task !== command.kind)
  if (stranger !== undefined) return refuse(command, `a ${command.kind} is not due`, stranger)
  const { at, kind, items } = command
  return Result.succeed([{ _tag: "PostingRequested", at, posting: batch.postingCount + 1, kind, items }])
}

const recordPosting = (
  batch: Batch,
  { at, posting, ledgerPostingId }: CommandOf<"RecordPosting">,
): Decision =>
  batch.postings.has(posting)
    ? Result.succeed([{ _tag: "PostingBooked", at, posting, ledgerPostingId }])
    : nothing

/** The one door to a bank: an item passes it cleared and with its money held in the ledger, and once. */
const requestTransfers = (batch: Batch, command: CommandOf<"RequestTransfers">): Decision => {
  const stranger = command.transfers.find(({ item }) => batch.items.get(item)?.task !== "request")
  if (stranger !== undefined) return refuse(command, "the item is not cleared and held", stranger.item)
  return Result.succeed(
    command.transfers.map(({ item, bank, reference }) => ({
      _tag: "TransferRequested",
      at: command.at,
      item,
      attempt: 1,
      bank,
      reference,
    })),
  )
}

const recordTransfer = (batch: Batch, command: RecordTransfer): Decision => {
  const item = batch.items.get(command.item)
  if (item === undefined) return refuse(command, "no such item", command.item)
  if (item.transfer?.attempt !== command.attempt) return refuse(command, "no such attempt", command.item)
  return Result.succeed(learn(item, item.transfer, command))
}

/**
 * What an outcome tells about a transfer. An open one learns; one with a final word only hears what may follow it, or
 * what contradicts it. A contradiction goes to a person, with both statements in the log.
 */
const learn = (
  { item, state }: Item,
  transfer: Attempt,
  { at, attempt, outcome }: RecordTransfer,
): ReadonlyArray<BatchEvent> => {
  const about = { at, item, attempt }
  const park = (reason: string): BatchEvent => ({ _tag: "TransferParked", ...about, reason })
  const open = transfer.outcome === undefined
  const tracked = open && state !== "parked"
  switch (outcome._tag) {
    case "Accepted": {
      const { transferId, inquireAt } = outcome
      return tracked ? [{ _tag: "TransferAccepted", ...about, transferId, inquireAt }] : []
    }
    case "Unknown": {
      const { reason, inquireAt } = outcome
      return tracked ? [{ _tag: "TransferUnknown", ...about, reason, inquireAt }] : []
    }
    case "Unresolved":
      return tracked ? [park(outcome.reason)] : []
    case "NeverSeen":
      if (state !== "unknown" && state !== "pending") return []
      if (transfer.transferId !== undefined) return [park("the bank forgot a transfer that it had accepted")]
      if (transfer.sends >= SENDS_MAX) return [park("the bank does not receive the transfer")]
      return [{ _tag: "TransferResent", ...about }]
    case "Settled":
      if (open) return [{ _tag: "TransferSettled", ...about, evidence: outcome.evidence }]
      return transfer.outcome === "failed" ? [park("the bank settled a transfer that it had failed")] : []
    case "Failed": {
      const { evidence, code } = outcome
      if (open) return [{ _tag: "TransferFailed", ...about, evidence, code }]
      return transfer.outcome === "settled" ? [park("the bank failed a transfer that it had settled")] : []
    }
    case "Returned": {
      const { evidence, code } = outcome
      const returned: BatchEvent = { _tag: "TransferReturned", ...about, evidence, code }
      if (open) return [{ _tag: "TransferSettled", ...about, evidence }, returned]
      if (transfer.outcome === "settled") return [returned]
      return transfer.outcome === "failed" ? [park("the bank returned a transfer that it had failed")] : []
    }
  }
}

const takeOver = (batch: Batch, { at }: CommandOf<"TakeOver">): Decision =>
  Result.succeed(
    [...batch.tasks.transfer].map((item) => ({
      _tag: "TransferUnknown",
      at,
      item,
      attempt: batch.items.get(item)?.transfer?.attempt ?? 1,
      reason: "the worker that sent it is gone",
      inquireAt: at,
    })),
  )

const close = (batch: Batch, command: CommandOf<"CloseBatch">): Decision => {
  if (batch.closed !== undefined) return nothing
  if (batch.tasks.none.size !== batch.itemCount) return refuse(command, "items are still open")
  return Result.succeed([{ _tag: "BatchClosed", at: command.at, state: closedState(batch) }])
}

const closedState = (batch: Batch): ClosedState => {
  const count = { settled: 0, rejected: 0 }
  for (const states of batch.tallies.values()) {
    count.settled += states.get("settled")?.count ?? 0
    count.rejected += states.get("rejected")?.count ?? 0
  }
  if (count.settled === batch.itemCount) return "settled"
  if (count.settled > 0) return "partially-settled"
  return count.rejected === batch.itemCount ? "rejected" : "failed"
}

const nothing: Decision = Result.succeed([])

const refuse = (command: BatchCommand, reason: string, item?: number): Decision =>
  Result.fail({ _tag: "Rejection", command: command._tag, reason, ...(item === undefined ? {} : { item }) })
