/** Guards of verification, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const legal = "test/verification/legal-step.test.ts"
const log = "test/verification/log-check.test.ts"
const all = "test/verification/verify-all.test.ts"
const tamper = "test/tamper/tamper.test.ts"

export const verificationGuards: ReadonlyArray<StepGuard> = [
  {
    name: "hashes of a log follow from its texts",
    file: "verification/log-check.ts",
    text: "if (link !== hash)",
    without: "if (link === undefined)",
    caughtIn: log,
    caughtBy: "names each break",
  },
  {
    name: "a log has no gap",
    file: "verification/log-check.ts",
    text: "if (entry !== next) {",
    without: "if (next === undefined) {",
    caughtIn: log,
    caughtBy: "names each break",
  },
  {
    name: "no item is paid twice",
    file: "verification/log-check.ts",
    text: "if (paid.length < 2) return []",
    without: "if (paid.length >= 0) return []",
    caughtIn: log,
    caughtBy: "pays no item twice",
  },
  {
    name: "no transfer is accepted for two payouts",
    file: "verification/accepted-transfers.ts",
    text: "else if (nameOf(first) !== nameOf(place))",
    without: "else if (nameOf(first) === undefined)",
    caughtIn: log,
    caughtBy: "belong to one payout each",
  },
  {
    name: "what is settled is not settled again",
    file: "verification/legal-step.ts",
    text: "return about.outcome === before",
    without: "return about.outcome !== null",
    caughtIn: legal,
    caughtBy: "a payment of what is settled",
  },
  {
    name: "a reference is that of its batch",
    file: "verification/legal-step.ts",
    text: "return reference === transferReference({ batch: id, item: number, attempt })",
    without: "return reference !== transferReference({ batch: id, item: 0, attempt })",
    caughtIn: legal,
    caughtBy: "under another batch's reference",
  },
  {
    name: "a log that is gone is missed by the others",
    file: "verification/verify-all.ts",
    text: 'if (store !== "archive")',
    without: 'if (store === "archive")',
    caughtIn: all,
    caughtBy: "lacks a log that only other stores still name",
  },
  {
    name: "what is there for a moment only is no finding",
    file: "verification/batch-verification.ts",
    text: "const same = again.findings.filter((finding) => keys.has(keyOf(finding)))",
    without: "const same = found",
    caughtIn: all,
    caughtBy: "is not blamed for a log that moved",
  },
  {
    name: "stores are compared with the log",
    file: "verification/log-check.ts",
    text: "this.#claims.see(this.version, hash)",
    without: 'this.#claims.see(-1, "")',
    caughtIn: log,
    caughtBy: "is compared with whoever knows a hash of it",
  },
  {
    name: "every registered attempt is in the log",
    file: "verification/register-check.ts",
    text: "if (logged === undefined)",
    without: "if (logged === null)",
    caughtIn: tamper,
    caughtBy: "finds every edit",
  },
  {
    name: "chunks of the archive go on from each other",
    file: "verification/archive-check.ts",
    text: "if (Result.isFailure(read)) {",
    without: "if (Result.isFailure(read) && after < 0) {",
    caughtIn: tamper,
    caughtBy: "finds every edit",
  },
]
