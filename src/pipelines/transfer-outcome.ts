import type { BankAnswer } from "../connectors/bank.ts"
import type { RecordTransfer, TransferOutcome } from "../domain/commands.ts"
import type { DueTransfer } from "./batch-items.ts"

/** How an answer reached us: as the response to a transfer, or to an inquiry. */
type AskedBy = "response" | "inquiry"

/**
 * What is recorded of a bank's answer at `now`. An answer that leaves the transfer open is followed by an inquiry
 * after the next of `inquiryDelaysMs`; when there is none left, a person decides.
 */
export const recordAnswer = (
  { item, attempt, inquiries }: DueTransfer,
  answer: BankAnswer,
  askedBy: AskedBy,
  now: number,
  inquiryDelaysMs: ReadonlyArray<number>,
): RecordTransfer => {
  const delayMs = inquiryDelaysMs[inquiries]
  const inquireAt = delayMs === undefined ? undefined : now + delayMs
  return { _tag: "RecordTransfer", at: now, item, attempt, outcome: outcomeOf(answer, askedBy, inquireAt) }
}

const outcomeOf = (answer: BankAnswer, evidence: AskedBy, inquireAt: number | undefined): TransferOutcome => {
  switch (answer._tag) {
    case "Settled":
      return { _tag: "Settled", evidence }
    case "Failed":
    case "Returned":
      return { ...answer, evidence }
    case "NeverSeen":
      return answer
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
