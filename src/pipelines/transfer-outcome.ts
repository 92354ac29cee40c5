import type { BankAnswer } from "../connectors/bank.ts"
import type { RecordTransfer, TransferOutcome } from "../domain/commands.ts"
import type { DueTransfer } from "./batch-items.ts"

/** How an answer reached us: as the response to a transfer, or to an inquiry. */
type AskedBy = "response" | "inquiry"

/** When the outcome of a transfer is asked about, and when a bank that has not seen it is believed. */
export interface InquiryPolicy {
  readonly inquiryDelaysMs: ReadonlyArray<number>
  readonly quarantineMs: number
}

/**
 * What is recorded of a bank's answer at `now`. An answer that leaves the transfer open is followed by an inquiry
 * after the next of `inquiryDelaysMs`; when there is none left, a person decides.
 */
export const recordAnswer = (
  { item, attempt, inquiries }: DueTransfer,
  answer: BankAnswer,
  askedBy: AskedBy,
  now: number,
  { inquiryDelaysMs, quarantineMs }: InquiryPolicy,
): RecordTransfer => {
  const delayMs = inquiryDelaysMs[inquiries]
  const inquireAt = delayMs === undefined ? undefined : now + delayMs
  const outcome: TransferOutcome =
    answer._tag === "NeverSeen" ? { ...answer, quarantineMs } : outcomeOf(answer, askedBy, inquireAt)
  return { _tag: "RecordTransfer", at: now, item, attempt, outcome }
}

const outcomeOf = (
  answer: Exclude<BankAnswer, { _tag: "NeverSeen" }>,
  evidence: AskedBy,
  inquireAt: number | undefined,
): TransferOutcome => {
  switch (answer._tag) {
    case "Settled":
      return { _tag: "Settled", evidence }
    case "Failed":
    case "Returned":
      return { ...answer, evidence }
    case "Accepted":
      return inquireAt === undefined
        ? unresolved("the bank has it and tells no end")
        : { ...answer, inquireAt }
    case "Ambiguous":
      return inquireAt === undefined
        ? unresolved(answer.reason)
        : { _tag: "Unknown", reason: answer.reason, inquireAt }
  }
}

const unresolved = (reason: string): TransferOutcome => ({
  _tag: "Unresolved",
  reason: `no final word from the bank: ${reason}`,
})
