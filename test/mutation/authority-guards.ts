/** Guards of who may say what: of the domain, and of the edges, each of these with the one test that misses it. */
import type { Guard } from "./domain-guards.ts"
import type { StepGuard } from "./step-guards.ts"

export const authorityGuards: ReadonlyArray<Guard> = [
  {
    name: "nobody approves what was submitted under their key",
    file: "domain/decide-approval.ts",
    text: 'if (credential === batch.credential) return refuse(command, "approver-is-submitter")',
    without: 'if (command.by === batch.submittedBy) return refuse(command, "approver-is-submitter")',
  },
  {
    name: "an approver is known",
    file: "domain/decide-approval.ts",
    text: 'if (credential === undefined) return refuse(command, "approver-unknown")',
    without: "",
  },
  {
    name: "where the submitter is not known no partner approves",
    file: "domain/decide-approval.ts",
    text: "batch.credential === undefined && !isOperator(credential)",
    without: "false",
  },
  {
    name: "held items are released by operators",
    file: "domain/decide-intervention.ts",
    text: 'if (!isOperator(command.credential)) return refuse(command, "operator-needed", number)',
    without: "",
  },
  {
    name: "what people had to look at is tried again by operators",
    file: "domain/decide-intervention.ts",
    text: "item.attended && !mayRetryAttended(batch, command)",
    without: "false",
  },
  {
    name: "a name that is typed is no policy",
    file: "domain/decide-intervention.ts",
    text: "credential === undefined ? batch.retries.has(item) : isOperator(credential)",
    without: "batch.retries.has(item) || isOperator(credential)",
  },
  {
    name: "what was held or parked is remembered",
    file: "domain/evolve.ts",
    text: 'if (fields.state === "held" || fields.state === "parked") item.attended = true',
    without: "",
  },
  {
    name: "a resolution has evidence",
    file: "domain/decide-intervention.ts",
    text: 'if (evidence === undefined) return refuse(command, "evidence-needed", number)',
    without: 'if (evidence === undefined) return events({ ...command, _tag: "ParkedResolved", attempt: 1 })',
  },
  {
    name: "one operator is enough up to an amount, and in no other currency",
    file: "domain/decide-intervention.ts",
    text: "item.minor <= (aloneUpTo[item.currency] ?? -1n)",
    without: "item.minor <= (aloneUpTo[item.currency] ?? item.minor)",
  },
  {
    name: "the second operator is another one",
    file: "domain/decide-intervention.ts",
    text: 'if (proposal.credential === credential) return refuse(command, "second-operator-needed", number)',
    without: "",
  },
  {
    name: "both operators say the same of the same attempt",
    file: "domain/decide-intervention.ts",
    text: "proposal?.attempt === proposed.attempt && proposal.outcome === outcome",
    without: "proposal?.attempt === proposed.attempt",
  },
  {
    name: "a proposal is about its attempt",
    file: "domain/decide-intervention.ts",
    text: "proposal?.attempt === proposed.attempt && proposal.outcome === outcome",
    without: "proposal?.outcome === outcome",
  },
  {
    name: "a proposal expires",
    file: "domain/decide-intervention.ts",
    text: "!isTheSame || at >= proposal.expiresAt",
    without: "!isTheSame",
  },
  {
    name: "a proposal is void when something happens to the item",
    file: "domain/evolve.ts",
    text: "if (fields.state !== undefined) item.proposal = undefined",
    without: "",
  },
  {
    name: "a currency without a threshold needs approval",
    file: "domain/approval-threshold.ts",
    text: "total > (approvalAbove[currency] ?? -1n)",
    without: "total > (approvalAbove[currency] ?? total)",
  },
  {
    name: "a day that is used up needs approval",
    file: "domain/decide-lifecycle.ts",
    text: "dayIsUsedUp || isAboveThreshold(",
    without: "isAboveThreshold(",
  },
]

const decisions = "test/http/payout-batches/operator-decisions.test.ts"
const thresholds = "test/http/payout-batches/approval-thresholds.test.ts"
const secrets = "test/identity/callback-secrets.test.ts"
const credentials = "test/identity/credentials.test.ts"
const allowance = "test/streams/approval-allowance-redis.test.ts"

export const edgeGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a bank signs with its own secret",
    file: "identity/callback-secrets.ts",
    text: "bank === caller ? [secret] : []",
    without: "bank !== undefined ? [secret] : []",
    caughtIn: "test/safety/bank-words.test.ts",
    caughtBy: "a bank that rejects another's transfers is not believed",
  },
  {
    name: "only banks that call back are listened to",
    file: "identity/callback-secrets.ts",
    text: "const callbacks = kinds.named(kind)?.callbacks\n",
    without: 'const callbacks = kinds.named("instant")?.callbacks\n',
    caughtIn: secrets,
    caughtBy: "may be told of one secret without a name where there is one of them",
  },
  {
    name: "a callback of a bank is verified as its kind says",
    file: "http/callbacks/bank-callbacks.ts",
    text: "yield* verifying(secrets, callbacks)(c, body)\n",
    without: "",
    caughtIn: "test/http/callbacks/bank-callbacks.test.ts",
    caughtBy: "does not believe a callback that is signed with another secret",
  },
  {
    name: "one secret is not for several banks",
    file: "identity/callback-secrets.ts",
    text: "forOnly.length > 0 && callers.length > 1",
    without: "false",
    caughtIn: secrets,
    caughtBy: "with one secret for two banks",
  },
  {
    name: "no two have one secret",
    file: "identity/callback-secrets.ts",
    text: "if (owner !== who)",
    without: "if (false)",
    caughtIn: secrets,
    caughtBy: "with the same secret for two",
  },
  {
    name: "a folder of files is one bank's",
    file: "providers/banks/files/bank-files.ts",
    text: "if (owner !== undefined)",
    without: "if (owner === null)",
    caughtIn: "test/providers/banks/files/bank-files.test.ts",
    caughtBy: "banks that take files have a folder each",
  },
  {
    name: "another bank's statement proves nothing",
    file: "reconciliation/comparison.ts",
    text: "entries.filter(({ bank }) => bank === attempt.bank)",
    without: "entries",
    caughtIn: "test/reconciliation/comparison.test.ts",
    caughtBy: "is paid by another bank than the one that it went to",
  },
  {
    name: "a key stands for one credential",
    file: "identity/key-list.ts",
    text: "if (isTaken)",
    without: "if (false)",
    caughtIn: credentials,
    caughtBy: "one key under two names",
  },
  {
    name: "an operator's key is no partner's",
    file: "identity/credentials.ts",
    text: 'checkedApart("OPERATOR_KEYS", operators, partners)',
    without: 'checkedApart("OPERATOR_KEYS", operators)',
    caughtIn: credentials,
    caughtBy: "an operator's that is a partner's",
  },
  {
    name: "a key does what it is for",
    file: "http/edge/edge.ts",
    text: "if (lack !== undefined) return Effect.fail(new Forbidden(lack))",
    without: "",
    caughtIn: decisions,
    caughtBy: "does what it is for, and nothing else",
  },
  {
    name: "partners review nothing",
    file: "identity/access.ts",
    text: '{ operator: "review" }',
    without: '{ partner: "batches:write", operator: "review" }',
    caughtIn: decisions,
    caughtBy: "reviews and resolves nothing, whatever name is typed",
  },
  {
    name: "what another operator says is no repetition",
    file: "http/payout-batches/interventions.ts",
    text: "JSON.stringify([path, key, credential])",
    without: "JSON.stringify([path, key])",
    caughtIn: decisions,
    caughtBy: "is no repetition of what another operator said",
  },
  {
    name: "an operator posts no batches",
    file: "identity/caller.ts",
    text: `if (operator === undefined) return { detail: "Use a partner's key." }`,
    without: "if (operator === undefined) return undefined",
    caughtIn: decisions,
    caughtBy: "opens the batches of all partners, and posts none",
  },
  {
    name: "the day of a partner is counted",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "if (!hasThresholds(approvalAbove) || isAboveThreshold(totals, approvalAbove)) return false",
    without: "return false",
    caughtIn: thresholds,
    caughtBy: "needs approval from where it comes to more than the threshold",
  },
  {
    name: "a repetition counts no more",
    file: "streams/approval-allowance.lua",
    text: "if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end",
    without: "",
    caughtIn: allowance,
    caughtBy: "is taken once under one id",
  },
  {
    name: "an allowance is taken in all currencies or in none",
    file: "streams/approval-allowance.lua",
    text: "if taken + tonumber(ARGV[i * 2]) > tonumber(ARGV[i * 2 + 1]) then return 0 end",
    without:
      "if taken + tonumber(ARGV[i * 2]) > tonumber(ARGV[i * 2 + 1]) then return 0 end redis.call('HINCRBY', KEYS[i], string.format('%d', bucket), ARGV[i * 2])",
    caughtIn: allowance,
    caughtBy: "is taken in all currencies or in none",
  },
  {
    name: "the whole of a day counts",
    file: "streams/approval-allowance.lua",
    text: "bucket - before then",
    without: "bucket then",
    caughtIn: allowance,
    caughtBy: "comes back when its time is over, and leaves nothing behind",
  },
]
