import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { loadCode } from "../../src/replay/domain-code.ts"
import { compareLog, type Found, Lockstep } from "../../src/replay/lockstep.ts"
import { visitWritten } from "../../src/replay/stored-logs.ts"
import { lengthOf } from "../length.ts"
import { fc } from "../property.ts"
import { batchOf } from "../streams/log-under-test.ts"
import { anyLog, largeLog, logsInMemory, otherCheckout, rareLog } from "./generated-logs.ts"

const LOGS = lengthOf({ full: 1_000, short: 60 })

const lives = [...fc.sample(anyLog, LOGS - 4), rareLog(), largeLog(30), largeLog(120), largeLog(300)]
const logs = logsInMemory(lives)

type Life = (typeof lives)[number]

/** The first log that differs, of those that are looked at; nothing if none does. */
const firstFound = async (path: string, isLookedAt: (life: Life) => boolean): Promise<Found | undefined> => {
  const theirs = await Effect.runPromise(loadCode(path))
  for (const [index, batch] of logs.batches.entries()) {
    if (!isLookedAt(lives[index] ?? [])) continue
    const { found } = await Effect.runPromise(compareLog(logs, batch, theirs))
    if (found !== undefined) return found
  }
  return undefined
}

/** What is changed in one line of the domain, and what differs first. */
const seeds: ReadonlyArray<{
  readonly what: string
  readonly file: string
  readonly text: string
  readonly other: string
  /** Only logs that have an event of its `type` are compared: others cannot differ at one. */
  readonly differs: Partial<Found>
  readonly path: RegExp
  /** Of fewer events a log cannot differ. */
  readonly eventsMin?: number
}> = [
  {
    what: "how often a bank was asked is counted twice",
    file: "evolve.ts",
    text: `    attempt.inquiries += 1
    attempt.refusal = undefined`,
    other: `    attempt.inquiries += 2
    attempt.refusal = undefined`,
    differs: { what: "state", type: "TransferAccepted" },
    path: /^items\.\d+\.attempt\.inquiries$/,
  },
  {
    what: "a time is forgotten, and then is not missed any more",
    file: "evolve.ts",
    text: "attempt.unknownSince ??= event.at",
    other: "attempt.unknownSince = undefined",
    differs: { what: "state", type: "TransferUnknown" },
    path: /unknownSince$/,
  },
  {
    what: "a field is missing that was undefined",
    file: "new-item.ts",
    text: "    reroute: undefined,\n",
    other: "",
    differs: { what: "state", type: "ItemsReceived" },
    path: /^items\.\d+\.reroute$/,
  },
  {
    what: "what a person proposed is forgotten",
    file: "evolve.ts",
    text: "        item.proposal = event\n",
    other: "",
    differs: { what: "state", type: "ResolutionProposed" },
    path: /proposal$/,
  },
  {
    what: "an amount is tallied as one unit less",
    file: "change-item.ts",
    text: "    entered.minor += item.minor",
    other: "    entered.minor += item.minor - 1n",
    differs: { what: "state" },
    path: /^tallies\.\w+\.\w+\.minor$/,
  },
  {
    what: "items wait in another order",
    file: "evolve.ts",
    text: "changeEach(batch, transfers, ",
    other: "changeEach(batch, [...transfers].reverse(), ",
    differs: { what: "state" },
    path: /^tasks\.transfer\.order/,
  },
  {
    what: "an event of persons leaves no mark",
    file: "answer-command.ts",
    text: "batch.commandsRefused += 1",
    other: "batch.commandsRefused += 0",
    differs: { what: "state", type: "CommandRefused" },
    path: /^commandsRefused$/,
  },
  {
    what: "a heap is by another time",
    file: "due-index.ts",
    text: "item.attempt?.inquireAt ?? 0",
    other: "(item.attempt?.inquireAt ?? 0) + 1",
    differs: { what: "state" },
    path: /^inquiries\.\w+\.\d+/,
  },
  {
    what: "a code throws where ours folds",
    file: "evolve.ts",
    text: `    case "ApprovalExpired":
`,
    other: `    case "ApprovalExpired":
      throw new Error("no such thing")
`,
    differs: { what: "folding", type: "ApprovalExpired" },
    path: /^$/,
  },
  {
    what: "a code does not read what ours reads",
    file: "upcasters.ts",
    text: "version > current)",
    other: 'version > current || tag === "RetryRequested")',
    differs: { what: "decoding", type: "RetryRequested" },
    path: /^$/,
  },
  {
    what: "work is planned a moment later",
    file: "plan.ts",
    text: "const due = decideBy <= now",
    other: "const due = decideBy < now",
    differs: { what: "plan" },
    path: /\.work\./,
  },
  {
    what: "fewer items go into one call",
    file: "plan.ts",
    eventsMin: 256,
    text: "export const TRANSFERS_IN_AIR_MAX = 256",
    other: "export const TRANSFERS_IN_AIR_MAX = 255",
    differs: { what: "plan" },
    path: /\.work\./,
  },
  {
    what: "a batch is woken later",
    file: "plan.ts",
    text: "earliest = Math.min(earliest, clearance.decideBy)",
    other: "earliest = Math.min(earliest, clearance.decideBy + 1)",
    differs: { what: "plan" },
    path: /wakeAt$/,
  },
  {
    what: "a bank that takes little is sent more",
    file: "plan-transfers.ts",
    text: "(taken.get(destination.bank) ?? 0) + 1",
    other: "0",
    differs: { what: "plan" },
    path: /^tightly/,
  },
  {
    what: "a bank that takes nothing is asked at once",
    file: "plan.ts",
    text: "capacity.inquiries > 0 ? least : Math.max(least, lookAgainAt(capacity, now))",
    other: "least",
    differs: { what: "plan" },
    path: /^shut\.wakeAt$/,
  },
  {
    what: "it is forgotten when a bank admits calls again",
    file: "bank-capacity.ts",
    text: "Math.max(admitsAgainAt, now + LOOK_AGAIN_MS)",
    other: "now + LOOK_AGAIN_MS",
    differs: { what: "plan" },
    path: /^shut\.waitUntil$/,
  },
  {
    what: "the health of banks is not asked",
    file: "plan-transfers.ts",
    text: "capacityOf(known.banks, bank).isHealthy",
    other: "true",
    differs: { what: "plan" },
    path: /bank$/,
  },
  {
    what: "payouts that no rule leads anywhere are not parked",
    file: "plan.ts",
    text: 'add(unrouted, (items) => ({ _tag: "RecordUnrouted", items }))',
    other: "",
    differs: { what: "plan" },
    path: /\.work\./,
  },
  {
    what: "a batch starts to pay while it is not known which lists are good",
    file: "clearance.ts",
    text: `terms !== "unknown" &&
  lastAnswer !== undefined &&`,
    other: `terms === "unknown" ||
  lastAnswer !== undefined &&`,
    differs: { what: "plan" },
    path: /^unknown/,
  },
  {
    what: "a clearance is good for ever",
    file: "clearance.ts",
    text: "now - lastAnswer.at < terms.maxAgeMs",
    other: "true",
    differs: { what: "plan" },
    path: /\.work\./,
  },
  {
    what: "an engine that answers by other lists is asked again sooner",
    file: "clearance.ts",
    text: "Math.max(lasted, retryMs.min)",
    other: "lasted",
    differs: { what: "plan" },
    path: /^announced/,
  },
  {
    what: "the bank that was due last is asked first",
    file: "plan.ts",
    text: "due.sort((one, other) => one.at - other.at)",
    other: "due.sort((one, other) => other.at - one.at)",
    differs: { what: "plan" },
    path: /\.work\./,
  },
]

describe("the event that is named", () => {
  it.each([
    // What no look at what was touched can see.
    [
      "change-item.ts",
      "  batch.items.set(item.item, item)",
      `  const { attended } = item
  if (item.item === 70) Object.defineProperty(item, "attended", { enumerable: true, configurable: true, get: () => batch.version > 150 || attended, set: () => undefined })
  batch.items.set(item.item, item)`,
    ],
    ["plan.ts", "export const TRANSFERS_IN_AIR_MAX = 256", "export const TRANSFERS_IN_AIR_MAX = 20"],
    [
      "item-set.ts",
      "if (before === 0) this.first = after",
      "if (before === 0 && item !== 40) this.first = after",
    ],
  ])("is the first one also in a large batch: %s", async (file, text, other) => {
    const theirs = await Effect.runPromise(loadCode(otherCheckout(file, text, other)))
    const large = logsInMemory([largeLog(90)])
    const [batch = batchOf(7, 1)] = large.batches
    const { found } = await Effect.runPromise(compareLog(large, batch, theirs))
    const looking = new Lockstep(batch, theirs, 0)
    await Effect.runPromise(visitWritten(large, batch, (written) => looking.take(written)))
    expect(found).toBeDefined()
    expect(found).toEqual(looking.found)
  })
})

describe("code that cannot be compared", () => {
  it("is no difference, and no equality", async () => {
    const theirs = await Effect.runPromise(
      loadCode(
        otherCheckout(
          "batch.ts",
          "export const emptyBatch = (): Batch => ({",
          "export const emptyBatch = (): Batch => never() ?? ({",
        ),
      ),
    )
    const failure = await Effect.runPromise(
      Effect.flip(compareLog(logs, logs.batches[0] ?? batchOf(7, 1), theirs)),
    )
    expect(failure).toMatchObject({ _tag: "UnusableCode", reason: "never is not defined" })
  })
})

describe(`folding ${LOGS} logs by two codes`, { timeout: 600_000 }, () => {
  it("finds no difference to an unchanged checkout", async () => {
    expect(await firstFound(otherCheckout(), () => true)).toBeUndefined()
  })

  it.each(seeds)("finds that $what", async ({ file, text, other, differs, path, eventsMin = 0 }) => {
    const first = await firstFound(
      otherCheckout(file, text, other),
      (life) =>
        life.length >= eventsMin &&
        (differs.type === undefined || life.some(({ _tag }) => _tag === differs.type)),
    )
    expect(first).toMatchObject(differs)
    expect(first?.difference.path).toMatch(path)
  })
})
