/** Guards around what compliance finds, when it finds it, and how long its word is good. */
import type { Guard } from "./domain-guards.ts"
import type { StepGuard } from "./step-guards.ts"

/** Missed by the domain's tests. */
export const clearanceGuards: ReadonlyArray<Guard> = [
  {
    name: "a finding of other lists is another finding",
    file: "domain/clearance.ts",
    text: "one.cause === other.cause && one.listVersion === other.listVersion && one.reason === other.reason",
    without: "one.cause === other.cause && one.reason === other.reason",
  },
  {
    name: "a finding for another cause is another finding",
    file: "domain/clearance.ts",
    text: "  one.cause === other.cause && ",
    without: "  ",
  },
  {
    name: "a finding for another reason is another finding",
    file: "domain/clearance.ts",
    text: " && one.reason === other.reason",
    without: "",
  },
  {
    name: "whatever nobody has released holds an item",
    file: "domain/clearance.ts",
    text: "const open = openFindings({ findings }).at(-1)",
    without: "const open = findings.at(-1)?.released === false ? findings.at(-1) : undefined",
  },
  {
    name: "one rejection rejects an item",
    file: "domain/clearance.ts",
    text: 'if (rejection !== undefined) return { state: "rejected", reason: rejection.reason }',
    without: "",
  },
  {
    name: "a finding that grows stricter is not released any more",
    file: "domain/clearance.ts",
    text: "if (known !== undefined && !isStricter(found.decision, known.decision)) return findings",
    without: "if (known !== undefined) return findings",
  },
  {
    name: "findings are bounded",
    file: "domain/decide-screening.ts",
    text: "const room = FINDINGS_MAX - openFindings(item).length",
    without: "const room = 1_000",
  },
  {
    name: "a release covers what it names",
    file: "domain/evolve-screening.ts",
    text: "seen === undefined || seen.some((one) => isSameFinding(one, finding))",
    without: "true",
  },
  {
    name: "a release names what was found",
    file: "domain/decide-intervention.ts",
    text: "if (strange === true) return []",
    without: "",
  },
  {
    name: "a release that names nothing covers nothing of the same moment",
    file: "domain/decide-intervention.ts",
    text: "finding.foundAt < at",
    without: "true",
  },
  {
    name: "a release covers something",
    file: "domain/decide-intervention.ts",
    text: 'if (findings.length === 0) return refuse(command, "findings-differ", number)',
    without: "",
  },
  {
    name: "the name check is a finding beside others",
    file: "domain/decide-screening.ts",
    text: 'return answer.decision === "approved" ? [named] : [answer, named]',
    without: 'return answer.decision === "approved" ? [named] : [answer]',
  },
  {
    name: "an approval counts as the answer that is waited for",
    file: "domain/decide-screening.ts",
    text: "if (item.asked !== clearance) return []",
    without: "",
  },
  {
    name: "a late finding of an earlier clearance is not lost",
    file: "domain/decide-screening.ts",
    text: "clearance <= item.clearance &&",
    without: "clearance === item.clearance &&",
  },
  {
    name: "an intent needs a clearance that is good",
    file: "domain/decide-transfer.ts",
    text: 'if (!isCurrent(payout, terms, command.at)) return refuse(command, "clearance-not-current", item)',
    without: "",
  },
  {
    name: "a batch starts on clearances that are good",
    file: "domain/decide-lifecycle.ts",
    text: "mayStartScreened(batch, terms, command.at)",
    without:
      "mayStartScreened(batch, { maxAgeMs: Number.MAX_VALUE, lists: undefined, retryMs: { min: 0, max: 0 } }, command.at)",
  },
  {
    name: "a strict batch starts on all of its clearances",
    file: "domain/clearance.ts",
    text: 'else if (batch.mode === "strict") return false',
    without: "",
  },
  {
    name: "what goes out again needs a clearance that is good",
    file: "domain/decide-resend.ts",
    text: 'event._tag === "TransferResent" && !isCurrent(item, terms, event.at)',
    without: 'event._tag === "TransferResent" && event.at < 0',
  },
  {
    name: "a clearance has its age",
    file: "domain/clearance.ts",
    text: "now - lastAnswer.at < terms.maxAgeMs &&",
    without: "",
  },
  {
    name: "a clearance is by the lists announced last",
    file: "domain/clearance.ts",
    text: "(terms.lists === undefined || terms.lists.version === listVersion)",
    without: "true",
  },
  {
    name: "nothing is sent while nobody knows the lists",
    file: "domain/clearance.ts",
    text: '  terms !== "unknown" &&\n  lastAnswer !== undefined &&',
    without: '  terms === "unknown" ||\n  lastAnswer !== undefined &&',
  },
  {
    name: "an engine that goes by other lists is given time",
    file: "domain/clearance.ts",
    text: "return lastAnswer.at + Math.min(Math.max(lasted, retryMs.min), retryMs.max)",
    without: "return 0",
  },
  {
    name: "a clearance is as old as its question",
    file: "domain/evolve-screening.ts",
    text: "open === undefined || open.deferrals > 0 ? answeredAt : Math.min(open.askedAt, answeredAt)",
    without: "answeredAt",
  },
  {
    name: "a clearance is no younger than its answer",
    file: "domain/evolve-screening.ts",
    text: "Math.min(open.askedAt, answeredAt)",
    without: "open.askedAt",
  },
  {
    name: "what is screened again is not paid before the answer",
    file: "domain/evolve-screening.ts",
    text: 'if (state === "received" || state === "screened")',
    without: 'if (state === "received")',
  },
  {
    name: "an engine that is given time wakes the batch",
    file: "domain/plan.ts",
    text: "  earliest = Math.min(earliest, payableAgainAt(line, terms) ?? earliest)\n",
    without: "",
  },
]

/** Missed by one test each. */
export const clearanceStepGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a release that waits covers what had been found when it came",
    file: "http/payout-batches/interventions.ts",
    text: "const command = asSeen(commandOf(said, at, item, policy), batch)",
    without: "const command = commandOf(said, at, item, policy)",
    caughtIn: "test/http/payout-batches/operator-decisions.test.ts",
    caughtBy: "that names nothing is kept for what had been found",
  },
  {
    name: "a version that is announced again is not a new one",
    file: "streams/announced-lists-redis.ts",
    text: 'redis.zadd(key, "LT", at, listVersion)',
    without: "redis.zadd(key, at, listVersion)",
    caughtIn: "test/streams/announced-lists-redis.test.ts",
    caughtBy: "puts the version in force that was announced last",
  },
  {
    name: "lists that one store forgot are in force by the other",
    file: "streams/announced-lists.ts",
    text: "list.since > (latest?.since ?? -1)",
    without: "latest === undefined",
    caughtIn: "test/streams/announced-lists-postgres.test.ts",
    caughtBy: "goes by what either store knows",
  },
  {
    name: "an announcement is in force everywhere before it is acknowledged",
    file: "streams/announced-lists.ts",
    text: "      yield* Effect.sleep(LISTS_FRESH_MS)\n",
    without: "",
    caughtIn: "test/streams/announced-lists-redis.test.ts",
    caughtBy: "has every process go by it before it says",
  },
  {
    name: "an announcement from the future is in force from now on",
    file: "http/callbacks/compliance-callbacks.ts",
    text: "Math.min(timeOf(announcedAt) ?? now, now)",
    without: "(timeOf(announcedAt) ?? now)",
    caughtIn: "test/http/callbacks/compliance-callbacks.test.ts",
    caughtBy: "puts announced lists in force",
  },
  {
    name: "lists that nobody can tell pay nobody",
    file: "actors/clearance-terms.ts",
    text: '        "unknown" as const,\n',
    without: "        { maxAgeMs, lists: undefined, retryMs },\n",
    caughtIn: "test/actors/compliance.test.ts",
    caughtBy: "pays nobody while it cannot learn which lists are in force",
  },
  {
    name: "lists that are told again are as old as they were in any store",
    file: "streams/announced-lists.ts",
    text: "Math.min(earliest, since ?? earliest), at)",
    without: "Math.max(earliest, since ?? earliest), at)",
    caughtIn: "test/streams/announced-lists-postgres.test.ts",
    caughtBy: "takes lists that are told again",
  },
  {
    name: "what waited until its clearance was too old is not sent",
    file: "actors/batch-actor.ts",
    text: "isCurrent(item, terms, now)) return undefined",
    without:
      'terms === "unknown" || (terms.lists?.version ?? item.lastAnswer?.listVersion) === item.lastAnswer?.listVersion) return undefined',
    caughtIn: "test/actors/compliance.test.ts",
    caughtBy: "does not send what waited for its turn until its clearance",
  },
  {
    name: "what waits for its turn is not sent once other lists are announced",
    file: "actors/batch-actor.ts",
    text: "if (item?.attempt === undefined || isCurrent",
    without: "if (item?.attempt === undefined || item.attempt.attempt > 0 || isCurrent",
    caughtIn: "test/actors/compliance.test.ts",
    caughtBy: "does not send what still waits for its turn at the bank",
  },
]
