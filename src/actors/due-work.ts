/**
 * Turns due work into events and calls. Planning asks nobody: it gets a snapshot of what banks take. Its transfers are then
 * offered to the channels, which grant what they still can, and only those get intents.
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

/** The part of an actor that planning needs. */
export interface Planner extends Pick<Activation, "id" | "batch" | "terms" | "line"> {
  readonly busy: Pick<Activation["busy"], "has">
  readonly services: { readonly pipelines: Pick<Pipelines["Service"], "routes" | "capacities" | "invite"> }
}

export interface Due {
  readonly calls: ReadonlyArray<Call>
  /** When to look again at work that waits for a bank, in epoch milliseconds; `undefined` if none waits. */
  readonly waitUntil: number | undefined
  /** More items are to be paid than this turn looked at. The next turn continues with them at once. */
  readonly isBehind: boolean
  /** What banks took at the last planning, and when that was (epoch milliseconds). */
  readonly banks: Capacities
  readonly at: number
}

/** No due work, as while the worker drains. */
export const nothingDue = (at: number): Due => ({
  calls: [],
  waitUntil: undefined,
  isBehind: false,
  banks: noCapacities,
  at,
})

/** Items that join the pay line in one turn. Nothing else in the process runs meanwhile. */
export const JOINED_MAX = 5_000

/** How soon to ask again which clearances are valid, while that is unknown. */
const TERMS_AGAIN_MS = 1_000

/**
 * Decides due work until only calls are left, and returns those. It writes intents only if transfers may be sent. It ends,
 * because each round either decides something or finds a channel that is fuller than its snapshot, for which no later round
 * plans.
 */
export const decideDue = (
  planner: Planner,
  now: number,
  maySend: boolean,
  execute: (command: BatchCommand) => void,
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
    for (const command of commands) execute(command)
    if (commands.length > 0 && batch.version === versionBefore)
      throw new Error("planned commands were all refused")
  }
}

/** What banks take, without those whose channels turned out to be full. */
const capacitiesBut = (full: ReadonlySet<string>, { services }: Planner, now: number): Capacities => {
  const banks = services.pipelines.capacities(now)
  if (full.size === 0) return banks
  const closed = [...full].map((bank) => [bank, { ...capacityOf(banks, bank), transfers: 0 }] as const)
  return new Map([...banks, ...closed])
}

/** When to ask again which clearances are valid, if work waits for nothing else. */
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
