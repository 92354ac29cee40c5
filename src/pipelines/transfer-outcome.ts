import type { RecordTransfer, TransferOutcome } from "../domain/commands.ts"
import { cleanText } from "../domain/outside-text.ts"
import type { BankAnswer } from "../providers/banks/bank.ts"
import type { DueTransfer } from "./batch-items.ts"

/** Whether an answer is the response to a transfer or to an inquiry. */
type AskedBy = "response" | "inquiry"

/** Whether an id or a code from a bank may quote the account. */
interface Quotes {
  readonly id: (id: string) => boolean
  readonly code: (code: string) => boolean
}

/** A bank's answer goes into the log, so an id or code that quotes the account is replaced by `withheld`. */
export const withoutQuotes = (answer: BankAnswer, quotes: Quotes): BankAnswer => {
  switch (answer._tag) {
    case "Accepted":
      return quotes.id(answer.transferId) ? { ...answer, transferId: "withheld" } : answer
    case "Failed":
    case "Returned": {
      const { detail, ...coded } = answer
      const isQuoted = detail !== undefined && quotes.code(detail)
      const shown = isQuoted ? { ...coded, detail: cleanText("withheld") } : answer
      return quotes.code(answer.code) ? { ...shown, code: "withheld" } : shown
    }
    default:
      return answer
  }
}

/** When to ask for the outcome of a transfer, and when to believe a bank that has not seen it. */
export interface InquiryPolicy {
  readonly inquiryDelaysMs: ReadonlyArray<number>
  /** How long a call may be in transit. */
  readonly quarantineMs: number
  /** How long a bank remembers an idempotency key; Infinity if it never forgets. */
  readonly keyWindowMs: (bank: string) => number
}

/**
 * The command that records a bank's answer, received at `now` to a request of `askedAt`, with its texts cleaned. If the
 * answer leaves the transfer open, the bank is asked after the next of `inquiryDelaysMs`. If none is left, a person decides.
 */
export const recordAnswer = (
  { item, attempt, bank, inquiries }: DueTransfer,
  answer: BankAnswer,
  askedBy: AskedBy,
  now: number,
  policy: InquiryPolicy,
  askedAt = now,
): RecordTransfer => {
  const { inquiryDelaysMs } = policy
  const delayMs = inquiryDelaysMs[inquiries]
  const inquireAt = delayMs === undefined ? undefined : now + delayMs
  const outcome: TransferOutcome =
    answer._tag === "NeverSeen" ? neverSeen(bank, policy) : outcomeOf(answer, askedBy, inquireAt, askedAt)
  return { _tag: "RecordTransfer", at: now, item, attempt, outcome }
}

/** A resend has to arrive while the bank still knows the key, so the time in transit is subtracted. */
export const resendWithinMs = (bank: string, { quarantineMs, keyWindowMs }: InquiryPolicy): number =>
  Math.max(keyWindowMs(bank) - quarantineMs, 0)

const neverSeen = (bank: string, policy: InquiryPolicy): TransferOutcome => {
  const { quarantineMs } = policy
  const withinMs = resendWithinMs(bank, policy)
  // JSON has no Infinity: without the field there is no limit.
  return {
    _tag: "NeverSeen",
    quarantineMs,
    ...(Number.isFinite(withinMs) ? { resendWithinMs: withinMs } : {}),
  }
}

/** Nearly all outcomes are one of these. */
const settledBy = {
  response: { _tag: "Settled", evidence: "response" },
  inquiry: { _tag: "Settled", evidence: "inquiry" },
} as const

const outcomeOf = (
  answer: Exclude<BankAnswer, { _tag: "NeverSeen" }>,
  evidence: AskedBy,
  inquireAt: number | undefined,
  askedAt: number,
): TransferOutcome => {
  switch (answer._tag) {
    case "Withdrawn":
      return answer
    case "Settled":
      return settledBy[evidence]
    case "Failed":
    case "Returned":
      return { ...answer, code: cleanText(answer.code), evidence }
    case "Accepted":
      return inquireAt === undefined
        ? unresolved("the bank has it and reports no outcome")
        : { ...answer, inquireAt, ...(evidence === "inquiry" ? { evidence, askedAt } : {}) }
    case "Ambiguous":
      return inquireAt === undefined
        ? unresolved(answer.reason)
        : { _tag: "Unknown", reason: cleanText(answer.reason), inquireAt }
  }
}

const unresolved = (reason: string): TransferOutcome => ({
  _tag: "Unresolved",
  reason: cleanText(`no final answer from the bank: ${reason}`),
})
