/** A guard, and how to take it away: a text of a file in src/, and what stands there without the guard. */
export interface Guard {
  readonly name: string
  readonly file: string
  readonly text: string
  readonly without: string
}

/** The guards of the domain. */
export const domainGuards: ReadonlyArray<Guard> = [
  {
    name: "a batch is received once",
    file: "domain/decide-lifecycle.ts",
    text: 'if (batch.version > 0) return refuse(command, "batch-exists")',
    without: "",
  },
  {
    name: "items are numbered without gaps",
    file: "domain/decide-lifecycle.ts",
    text: "item.item !== index + 1",
    without: "false",
  },
  {
    name: "a batch closes only when every item is final",
    file: "domain/decide-lifecycle.ts",
    text: 'if (!isComplete(batch)) return refuse(command, "items-open")',
    without: "",
  },
  {
    name: "a batch starts only when it may",
    file: "domain/decide-lifecycle.ts",
    text: 'if (!mayStart(batch, command.at)) return refuse(command, "not-due")',
    without: "",
  },
  {
    name: "a total above the threshold needs approval",
    file: "domain/decide-lifecycle.ts",
    text: "if (!approvalAsked && !above) return undefined",
    without: "if (!approvalAsked) return undefined",
  },
  {
    name: "a strict batch starts only when all are cleared",
    file: "domain/batch.ts",
    text: '(batch.mode === "partial" || batch.tasks.hold.size === batch.itemCount - countOf(batch, "cancelled"))',
    without: "true",
  },
  {
    name: "a batch starts only when it is approved",
    file: "domain/batch.ts",
    text: "(batch.approval === undefined || batch.approval.approvedBy !== undefined)",
    without: "true",
  },
  {
    name: "a batch starts only when its time has come",
    file: "domain/batch.ts",
    text: "(batch.executeAt === undefined || batch.executeAt <= now)",
    without: "true",
  },
  {
    name: "a batch starts once",
    file: "domain/batch.ts",
    text: "batch.startedAt === undefined &&\n  batch.closed === undefined &&",
    without: "",
  },
  {
    name: "screening is asked once per item",
    file: "domain/decide-screening.ts",
    text: 'if (stranger !== undefined) return refuse(command, "not-due", stranger)',
    without: "",
  },
  {
    name: "only what waits for an answer hears the engine",
    file: "domain/decide-screening.ts",
    text: 'asked?.state === "screening" && asked.clearance === command.clearance',
    without: "asked !== undefined",
  },
  {
    name: "in strict mode a rejection stops the others",
    file: "domain/decide-screening.ts",
    text: 'if (batch.mode === "partial" || rejected === undefined) return events(screened)',
    without: "if (rejected === undefined || rejected !== undefined) return events(screened)",
  },
  {
    name: "the approver is not the submitter",
    file: "domain/decide-approval.ts",
    text: 'if (by.toLowerCase() === batch.submittedBy.toLowerCase()) return refuse(command, "approver-is-submitter")',
    without: "",
  },
  {
    name: "what is approved is what was submitted",
    file: "domain/decide-approval.ts",
    text: 'if (hash !== approval.hash) return refuse(command, "hash-differs")',
    without: "",
  },
  {
    name: "an approval comes in time",
    file: "domain/decide-approval.ts",
    text: 'if (approval.expired || at >= approval.expiresAt) return refuse(command, "approval-expired")',
    without: "",
  },
  {
    name: "an approval does not expire early",
    file: "domain/decide-approval.ts",
    text: 'if (command.at < approval.expiresAt) return refuse(command, "not-due")',
    without: "",
  },
  {
    name: "what has an intent cannot be cancelled",
    file: "domain/decide-intervention.ts",
    text: 'transferring: "already sent to the bank",',
    without: "transferring: undefined,",
  },
  {
    name: "an unknown transfer cannot be cancelled",
    file: "domain/decide-intervention.ts",
    text: 'unknown: "already sent to the bank, outcome unknown",',
    without: "unknown: undefined,",
  },
  {
    name: "only a held item is reviewed",
    file: "domain/decide-intervention.ts",
    text: 'if (state !== "held") return refuse(command, "not-held", item)',
    without: "",
  },
  {
    name: "only a failed item is retried",
    file: "domain/decide-intervention.ts",
    text: 'if (item.state !== "failed") return refuse(command, "not-failed", command.item)',
    without: "",
  },
  {
    name: "a retry waits for the release",
    file: "domain/decide-intervention.ts",
    text: 'if (item.task !== "none") return refuse(command, "not-due", command.item)',
    without: "",
  },
  {
    name: "a failed attempt leads to one new attempt",
    file: "domain/decide-intervention.ts",
    text: "(command.attempt ?? attempt) !== attempt",
    without: "false",
  },
  {
    name: "a hold waits for the start",
    file: "domain/decide-posting.ts",
    text: 'if (batch.startedAt === undefined && kind === "hold") return refuse(command, "not-started")',
    without: "",
  },
  {
    name: "a posting is asked for only when it is due",
    file: "domain/decide-posting.ts",
    text: 'if (stranger !== undefined) return refuse(command, "not-due", stranger)',
    without: "",
  },
  {
    name: "a posting is booked once",
    file: "domain/decide-posting.ts",
    text: "batch.postings.has(posting)",
    without: "true",
  },
  {
    name: "an intent needs clearance and a hold",
    file: "domain/decide-transfer.ts",
    text: 'if (payout?.task !== "request") return refuse(command, "not-due", item)',
    without: "if (payout === undefined) continue",
  },
  {
    name: "an intent has the number of the next attempt",
    file: "domain/decide-transfer.ts",
    text: 'if (attempt !== nextAttempt(payout)) return refuse(command, "no-such-attempt", item)',
    without: "",
  },
  {
    name: "only the attempt's own bank is believed",
    file: "domain/decide-transfer.ts",
    text: 'return refuse(command, "other-bank", command.item)',
    without: "return events()",
  },
  {
    name: "an attempt goes out a bounded number of times",
    file: "domain/decide-transfer.ts",
    text: "transfer.sends >= SENDS_MAX",
    without: "false",
  },
  {
    name: "what may be on its way is not sent again",
    file: "domain/decide-transfer.ts",
    text: "if (at < certainAt) {",
    without: "if (at < 0) {",
  },
  {
    name: "what the bank accepted is never sent again",
    file: "domain/decide-transfer.ts",
    text: "if (transfer.transferId !== undefined)",
    without: "if (transfer.transferId === null)",
  },
  {
    name: "what is in the air is not sent again",
    file: "domain/decide-transfer.ts",
    text: 'if (phase !== "unknown" && phase !== "pending") return []',
    without: "",
  },
  {
    name: "an unmapped code is not guessed at",
    file: "domain/decide-transfer.ts",
    text: "const meaning = meaningOf(code)",
    without: 'const meaning = meaningOf(code) ?? { category: "bank" as const, retryable: true }',
  },
  {
    name: "a final word is not overwritten",
    file: "domain/decide-transfer.ts",
    text: "attempt.outcome === undefined\n",
    without: "true\n",
  },
  {
    name: "a disputed item stays with a person",
    file: "domain/attempts.ts",
    text: 'if (dispute !== undefined) return { state: "parked", reason: dispute }',
    without: "",
  },
  {
    name: "what was paid twice stays with a person",
    file: "domain/attempts.ts",
    text: "if (paid.length > 1)",
    without: "if (paid.length < 0)",
  },
  {
    name: "of two paid attempts both are in question",
    file: "domain/attempts.ts",
    text: "(isPaidTwice && isPaid(attempt))",
    without: "false",
  },
  {
    name: "an attempt given up on is in question",
    file: "domain/attempts.ts",
    text: '(attempt.outcome === undefined && attempt.phase === "parked")',
    without: "false",
  },
  {
    name: "what the bank says of a disputed attempt counts as paid",
    file: "domain/attempts.ts",
    text: '(dispute === undefined ? outcome : said.at(-1)) === "settled"',
    without: 'outcome === "settled"',
  },
  {
    name: "an open attempt is asked about whatever is in dispute",
    file: "domain/task.ts",
    text: 'item.transfer?.outcome === undefined ? phaseTasks[item.transfer?.phase ?? "parked"] : "review"',
    without: '"review"',
  },
  {
    name: "what is in dispute is not sent again",
    file: "domain/decide-transfer.ts",
    text: 'if (isDisputed(item)) return [park("the bank never saw it, and may have paid another attempt")]',
    without: "",
  },
  {
    name: "what has not gone out is held back by a dispute",
    file: "domain/decide-transfer.ts",
    text: "[detected, ...heldBack(item, at)]",
    without: "[detected]",
  },
  {
    name: "of several attempts in question one is named",
    file: "domain/decide-intervention.ts",
    text: "if (command.attempt === undefined && inQuestion.length !== 1)",
    without: "if (command.attempt === null)",
  },
  {
    name: "only an attempt in question is resolved",
    file: "domain/decide-intervention.ts",
    text: "const about = inQuestion.find(",
    without: "const about = attemptsOf(item).find(",
  },
  {
    name: "nothing is resolved while another attempt is open",
    file: "domain/decide-intervention.ts",
    text: 'if (open !== undefined) return refuse(command, "attempt-open", number, [open.attempt])',
    without: "",
  },
  {
    name: "only a parked item is resolved",
    file: "domain/decide-intervention.ts",
    text: 'if (item.state !== "parked") return refuse(command, "not-parked", number)',
    without: "",
  },
  {
    name: "a resolution is about its own attempt",
    file: "domain/evolve.ts",
    text: "const transfer = anyTransfer(batch, event)\n  transfer.outcome = event.outcome",
    without:
      "const transfer = itemOf(batch, event.item).transfer ?? anyTransfer(batch, event)\n  transfer.outcome = event.outcome",
  },
  {
    name: "what a person resolved is not tried again by policy",
    file: "domain/evolve.ts",
    text: "if (last !== undefined) last.retryable = false\n",
    without: "",
  },
  {
    name: "what came back early is posted before it is reversed",
    file: "domain/task.ts",
    text: 'return ledger === "posted" ? "reverse" : ledger === "held" ? "post" : "hold"',
    without: 'return "reverse"',
  },
  {
    name: "money that was held for a cancelled item is released",
    file: "domain/task.ts",
    text: 'return ledger === "held" ? "release" : ledger === "posted" ? "reverse" : "none"',
    without:
      'return item.state === "failed" && ledger === "held" ? "release" : ledger === "posted" ? "reverse" : "none"',
  },
  {
    name: "a retry by policy is bounded",
    file: "domain/task.ts",
    text: "transfer.attempt < attemptsMax",
    without: "true",
  },
]
