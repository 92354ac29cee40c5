/**
 * From what is due to events and calls. Nobody is asked while it is planned: the plan is given a snapshot of what banks take.
 * What it sends is then committed to the channels, which grant what they still can, and only that gets its intents.
 */
import { type Capacities, capacityOf, noCapacities } from "../domain/bank-capacity.ts"
import { mayStart } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import { POLICY } from "../domain/credential.ts"
import { plan, type Work } from "../domain/plan.ts"
import type { Call } from "../pipelines/call.ts"
import type { Pipelines } from "../pipelines/pipelines.ts"
import type { Activation } from "./activation.ts"
import { intentsOf, invited } from "./intents.ts"

/** What of an actor it takes to plan. */
export interface Planner extends Pick<Activation, "id" | "batch" | "busy" | "terms" | "line"> {
  readonly services: { readonly pipelines: Pick<Pipelines["Service"], "routes" | "capacities" | "invite"> }
}

export interface Due {
  readonly calls: ReadonlyArray<Call>
  /** When work may be looked at again that waits for a bank, in epoch milliseconds; nothing, when none does. */
  readonly waitUntil: number | undefined
  /** More is to be paid than was looked at: the next turn goes on with it, and comes at once. */
  readonly isBehind: boolean
  /** What banks took when it was planned last, and when that was. */
  readonly banks: Capacities
  readonly at: number
}

export const nothingDue = (at: number): Due => ({
  calls: [],
  waitUntil: undefined,
  isBehind: false,
  banks: noCapacities,
  at,
})

/** How many items join the line in one turn: nothing else of the process runs meanwhile. */
export const JOINED_MAX = 5_000

/** How soon it is asked again which clearances are good, when nobody could tell. */
const TERMS_AGAIN_MS = 1_000

/**
 * Decides what is due until only calls are left, and gives those; intents only if transfers may be sent. Each round decides
 * something, or finds that a channel is fuller than its snapshot said, and then no later round plans for it.
 */
export const decideDue = (
  planner: Planner,
  now: number,
  maySend: boolean,
  obey: (command: BatchCommand) => void,
): Due => {
  const { batch, busy, terms, line } = planner
  const full = new Set<string>()
  let mayJoin = JOINED_MAX
  while (true) {
    const banks = capacitiesBut(full, planner, now)
    mayJoin -= line.follow(batch, terms, mayJoin)
    const { byLists, byOthers } = line
    const queues = maySend ? line.queues : []
    const { work, waitUntil } = plan(batch, { now, busy, terms, banks, line: { queues, byLists, byOthers } })
    const [fullBefore, versionBefore] = [full.size, batch.version]
    const commands = work.flatMap((work) => commandsOf(planner, work, now, full))
    if (commands.length === 0 && full.size === fullBefore) {
      const calls = work.filter(isCall)
      const { isBehind } = line
      return { calls, waitUntil: waitUntil ?? termsAgainAt(planner, now), isBehind, banks, at: now }
    }
    for (const command of commands) obey(command)
    if (commands.length > 0 && batch.version === versionBefore)
      throw new Error("planned commands were all refused")
  }
}

/** What banks take, but for those whose channels turned out to be full. */
const capacitiesBut = (full: ReadonlySet<string>, { services }: Planner, now: number): Capacities => {
  const banks = services.pipelines.capacities(now)
  if (full.size === 0) return banks
  const closed = [...full].map((bank) => [bank, { ...capacityOf(banks, bank), transfers: 0 }] as const)
  return new Map([...banks, ...closed])
}

/** When to ask again which clearances are good, where something waits for nothing else. */
const termsAgainAt = ({ batch, terms }: Planner, now: number): number | undefined =>
  terms === "unknown" && (batch.tasks.request.size > 0 || mayStart(batch, now))
    ? now + TERMS_AGAIN_MS
    : undefined

const callTags: ReadonlySet<Work["_tag"]> = new Set(["Screen", "Book", "Transfer", "Inquire", "Withdraw"])

const isCall = (work: Work): work is Call => callTags.has(work._tag)

const commandsOf = (
  planner: Planner,
  work: Work,
  at: number,
  full: Set<string>,
): ReadonlyArray<BatchCommand> => {
  switch (work._tag) {
    case "RequestScreening":
    case "RequestPosting":
    case "ExpireApproval":
    case "StartExecution":
    case "Reroute":
      return [{ ...work, at }]
    case "Retry":
      return [{ ...work, at, by: POLICY }]
    case "RequestTransfers":
      return intentsOf(planner, invited(planner, work.transfers, at, full), at)
    case "RecordUnrouted":
      return [{ ...work, at, version: planner.services.pipelines.routes.version }]
    case "Close":
      return [{ _tag: "CloseBatch", at }]
    default:
      return []
  }
}
