/** Guards against paying an invoice in two batches, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const http = "test/http/payout-batches/duplicate-payouts.test.ts"
const register = "test/register/payout-claims-postgres.test.ts"
const ended = "test/domain/ended-unpaid.test.ts"

export const duplicateGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a payout that was accepted before is refused",
    file: "http/payout-batches/duplicate-check.ts",
    text: 'const isAllowed = mode === "warn" || request.duplicates !== undefined',
    without: "const isAllowed = true",
    caughtIn: http,
    caughtBy: "is told which items were accepted before, and where",
  },
  {
    name: "a request that claimed the same and has no batch yet is waited for",
    file: "http/payout-batches/earlier-payouts.ts",
    text: '_tag: ageMs < UNDER_WAY_MS ? "UnderWay" : "NeverOpened"',
    without: '_tag: "NeverOpened"',
    caughtIn: http,
    caughtBy: "is no duplicate of itself; others wait for it",
  },
  {
    name: "a batch that was opened counts although its log was lost",
    file: "http/payout-batches/earlier-payouts.ts",
    text: "if (opened) return unread",
    without: "",
    caughtIn: http,
    caughtBy: "is not asked where its log was lost",
  },
  {
    name: "a batch is opened in time or not at all",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "store.open(id, events, randomUUID(), openBy)",
    without: "store.open(id, events, randomUUID())",
    caughtIn: http,
    caughtBy: "opens nothing when it comes to itself so late",
  },
  {
    name: "the log refuses what comes too late",
    file: "streams/functions/open.lua",
    text: "if open_by ~= nil and ",
    without: "if open_by == 0 and ",
    caughtIn: "test/streams/streams-redis.test.ts",
    caughtBy: "does not happen too late",
  },
  {
    name: "a register that has lost claims does not pass for complete",
    file: "http/payout-batches/duplicate-check.ts",
    text: 'const incomplete = !hasKnown ? "register-behind" : ',
    without: "const incomplete = ",
    caughtIn: http,
    caughtBy: "that came back older than it was does not pass for complete",
  },
  {
    name: "claims of a partner take turns over all processes",
    file: "register/payout-claims-postgres.ts",
    text: `  await sql\`select pg_advisory_xact_lock(hashtext($\{\`payout claims of $\{partner}\`}))\`\n`,
    without: "",
    caughtIn: register,
    caughtBy: "of two processes meet each other",
  },
  {
    name: "an item that policy tries again is not ended",
    file: "domain/batch.ts",
    text: " || retries.has(number)",
    without: "",
    caughtIn: ended,
    caughtBy: "one that policy tries again",
  },
  {
    name: "an item whose money is not back is not ended",
    file: "domain/batch.ts",
    text: ' || item.task !== "none"',
    without: "",
    caughtIn: ended,
    caughtBy: "a failed or returned item has ended unpaid once",
  },
  {
    name: "a partner's first key is made once, in all processes",
    file: "vault/partner-keys-redis.ts",
    text: "add(partner, store.addFirst)",
    without: "add(partner, store.add)",
    caughtIn: "test/vault/partner-keys-redis.test.ts",
    caughtBy: "is one, however many processes use it first",
  },
  {
    name: "a claim is kept as long as it may be looked for",
    file: "register/payout-claims-postgres.ts",
    text: "days + KEPT_LONGER_DAYS",
    without: "7",
    caughtIn: register,
    caughtBy: "are kept as long as the policy looks back",
  },
  {
    name: "a frozen process keeps no locks",
    file: "platform/postgres.ts",
    text: "          idle_in_transaction_session_timeout: statementMsMax,\n",
    without: "",
    caughtIn: "test/platform/postgres.test.ts",
    caughtBy: "ends a transaction whose process is frozen",
  },
  {
    name: "a claim sees what was committed while it waited, however the database is set",
    file: "register/payout-claims-postgres.ts",
    text: 'sql.begin("isolation level read committed", ',
    without: "sql.begin(",
    caughtIn: register,
    caughtBy: "of two processes meet each other",
  },
]
