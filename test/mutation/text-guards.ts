/** Guards around text from outside: it is cleaned before it is appended, and old logs as they are read. */
import type { StepGuard } from "./step-guards.ts"

const domain = "test/domain/outside-text.test.ts"
const outcome = "test/pipelines/transfer-outcome.test.ts"

export const textGuards: ReadonlyArray<StepGuard> = [
  {
    name: "what looks like an account is masked in a text from outside",
    file: "domain/outside-text.ts",
    text: "cut(masked(visible).trim(), lengthMax)",
    without: "cut(visible.trim(), lengthMax)",
    caughtIn: domain,
    caughtBy: "loses an IBAN",
  },
  {
    name: "what takes an account apart is gone before accounts are looked for",
    file: "domain/outside-text.ts",
    text: '.replace(invisible, "")',
    without: "",
    caughtIn: domain,
    caughtBy: "loses an account that invisible characters take apart",
  },
  {
    name: "a text from outside has an end",
    file: "domain/outside-text.ts",
    text: "  if (text.length <= lengthMax) return text\n  const",
    without: "  if (text.length >= 0) return text\n  const",
    caughtIn: domain,
    caughtBy: "has at most so many code points",
  },
  {
    name: "an event of a release that cleaned nothing is cleaned as it is read",
    file: "domain/upcasters.ts",
    text: "event.clean === CLEAN ? lifted : withCleanTexts(lifted)",
    without: "lifted",
    caughtIn: domain,
    caughtBy: "is read, and cleaned",
  },
  {
    name: "an event of this release is read as it was written",
    file: "domain/upcasters.ts",
    text: "event.clean === CLEAN ? lifted : withCleanTexts(lifted)",
    without: "withCleanTexts(lifted)",
    caughtIn: domain,
    caughtBy: "an event of this release is read as it was written",
  },
  {
    name: "mail is cleaned as it is read",
    file: "domain/event-codec.ts",
    text: "decodeCommand(withCleanTexts(json))",
    without: "decodeCommand(json)",
    caughtIn: domain,
    caughtBy: "mail of an older release is cleaned as it is read",
  },
  {
    name: "the code of a bank is cleaned before it is appended",
    file: "pipelines/transfer-outcome.ts",
    text: "code: cleanText(answer.code)",
    without: "code: answer.code",
    caughtIn: outcome,
    caughtBy: "the code of a refusal",
  },
  {
    name: "why a call had no answer is cleaned before it is appended",
    file: "pipelines/transfer-outcome.ts",
    text: "reason: cleanText(answer.reason)",
    without: "reason: answer.reason",
    caughtIn: outcome,
    caughtBy: "why a call had no answer that can be believed",
  },
  {
    name: "the code of the ledger is cleaned before it is appended",
    file: "pipelines/posting.ts",
    text: "code: cleanText(code)",
    without: "code",
    caughtIn: "test/pipelines/posting.test.ts",
    caughtBy: "keeps out of the log a code of the ledger that quotes an account",
  },
  {
    name: "a reason of the compliance engine is cleaned before it is appended",
    file: "domain/clearance-answers.ts",
    text: "cleanTextWithin(reason, REASON_LENGTH_MAX)",
    without: "(reason as OutsideText)",
    caughtIn: "test/pipelines/screening.test.ts",
    caughtBy: "keeps out of the log what the engine quotes of an account",
  },
  {
    name: "the code of a callback is cleaned before it is told",
    file: "http/callbacks/bank-callbacks.ts",
    text: "cleanText(plainCodeOf(text))",
    without: "plainCodeOf(text)",
    caughtIn: "test/http/callbacks/bank-callbacks.test.ts",
    caughtBy: "keeps no account number that a stranger's code is",
  },
  {
    name: "what a person writes quotes no account",
    file: "domain/outside-text.ts",
    text: "cleanText(text) === text ||",
    without: "true ||",
    caughtIn: "test/http/payout-batches/interventions.test.ts",
    caughtBy: "may not quote an account in what they write",
  },
]
