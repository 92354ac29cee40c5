import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { loadCode } from "../../src/replay/domain-code.ts"
import { compareLog, type Found } from "../../src/replay/lockstep.ts"
import { lengthOf } from "../length.ts"
import { fc } from "../property.ts"
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
    text: `        attempt.inquiries += 1
        attempt.refusal = undefined`,
    other: `        attempt.inquiries += 2
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
    text: "change(batch, event.item, { proposal: event })",
    other: "batch",
    differs: { what: "state", type: "ResolutionProposed" },
    path: /proposal$/,
  },
  {
    what: "an amount is tallied as one unit less",
    file: "evolve.ts",
    text: "    entered.minor += item.minor",
    other: "    entered.minor += item.minor - 1n",
    differs: { what: "state" },
    path: /^tallies\.\w+\.\w+\.minor$/,
  },
  {
    what: "items wait in another order",
    file: "evolve.ts",
    text: "for (const transfer of event.transfers) requested",
    other: "for (const transfer of [...event.transfers].reverse()) requested",
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
    path: /work/,
  },
  {
    what: "fewer items go into one call",
    file: "plan.ts",
    eventsMin: 256,
    text: "export const TRANSFERS_IN_AIR_MAX = 256",
    other: "export const TRANSFERS_IN_AIR_MAX = 255",
    differs: { what: "plan" },
    path: /work/,
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
    text: "(taken.get(bank) ?? 0) < capacity.transfers",
    other: "(taken.get(bank) ?? 0) <= capacity.transfers",
    differs: { what: "plan" },
    path: /^tightly/,
  },
]

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
