/** What a bank says is cleaned before it is a command, whichever bank and whichever call it comes from. */
import { describe, expect, it } from "vitest"
import { recordAnswer } from "../../src/pipelines/transfer-outcome.ts"
import type { BankAnswer } from "../../src/providers/banks/bank.ts"
import { batchId, payoutItem } from "../domain/batch-story.ts"

const iban = "DE89370400440532013000"
const due = {
  batch: batchId,
  item: 1,
  attempt: 1,
  bank: "north",
  reference: "r",
  inquiries: 0,
  sends: 1,
  requestedAt: 0,
  payout: payoutItem(1),
}

const outcomeOf = (answer: BankAnswer, inquiryDelaysMs: ReadonlyArray<number>) => {
  const policy = { inquiryDelaysMs, quarantineMs: 0, keyWindowMs: () => Number.POSITIVE_INFINITY }
  return recordAnswer(due, answer, "response", 1, policy).outcome
}

describe("the words of a bank are cleaned:", () => {
  it.each<[string, BankAnswer]>([
    ["the code of a refusal", { _tag: "Failed", code: iban }],
    ["the code of a return", { _tag: "Returned", code: `\u202e${iban}` }],
  ])("%s", (_, answer) => {
    expect(outcomeOf(answer, [1])).toMatchObject({ code: "[redacted]" })
  })

  it("why a call had no answer that can be believed", () => {
    const answer: BankAnswer = { _tag: "Ambiguous", reason: `transfer:\nnothing known of ${iban}` }
    expect(outcomeOf(answer, [1])).toMatchObject({ reason: "transfer: nothing known of [redacted]" })
    expect(outcomeOf(answer, [])).toMatchObject({
      _tag: "Unresolved",
      reason: "no final answer from the bank: transfer: nothing known of [redacted]",
    })
  })
})
