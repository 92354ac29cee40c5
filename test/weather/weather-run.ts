/**
 * One run under bad weather: batches that the seed has drawn are posted, people do their part, and once nothing moves
 * any more everything is compared with what the banks, the compliance engine, the partner and people say. What it knows
 * of the service are addresses: it looks at it from outside.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { twinBreaches } from "../../src/dev/twin-breaches.ts"
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"
import type { BankRecord } from "../checker/bank-transfers.ts"
import { gather, leftAtLast, type Memory, type Traces } from "../checker/evidence.ts"
import {
  type Evidence,
  paidTwice,
  standingStill,
  statesOf,
  unheardWords,
  violations,
} from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import { beyondBudget, orderedTooOften, readCalls } from "../checker/provider-calls.ts"
import { mayBeForgotten, type SetBack } from "../checker/set-backs.ts"
import { faultsOfLog } from "../publisher/cloudevents.ts"
import { forecast, type Outage, retriesAllowed } from "./forecast.ts"
import { conductAmong, fullPace, type Liars, type Pace, scheduled } from "./liars.ts"
import { ordersOf } from "./orders.ts"
import { People, type PeoplesKeys } from "./people.ts"
import { type Troubled, troubleStores } from "./store-troubles.ts"

/** A platform, and where its traces are. */
export interface Place {
  /** Of each process of the service; the partner posts to any, people ask the first. */
  readonly services: readonly [string, ...ReadonlyArray<string>]
  /** Where each of them tells what it counts. */
  readonly operations: ReadonlyArray<string>
  readonly apiKey: string
  /** The keys of people beside whoever posts. */
  readonly people: PeoplesKeys
  readonly sandbox: SandboxUrls
  readonly traces: Pick<Traces, "redisPrimaries" | "redisPrefix" | "databaseUrl">
  /** What is needed to set its stores back. */
  readonly troubled?: Troubled
  /** The errors in the service's own logs from a time on, in milliseconds since 1970. */
  readonly errorsSince?: (ms: number) => ReadonlyArray<string>
}

export interface WeatherOptions {
  readonly seed: number
  readonly payouts: number
  readonly outage: Outage
  /** After that much time what is left is told, and is wrong. */
  readonly withinMs: number
  /** Who lies; nobody by default. */
  readonly liars?: Liars
  /** How long things take among liars. */
  readonly pace?: Pace
  /** Told, with all that was seen, when something is wrong. */
  readonly onViolations?: (found: ReadonlyArray<string>, evidence: Evidence) => void
}

export interface WeatherReport {
  readonly seed: number
  readonly payouts: number
  readonly batches: number
  readonly elapsedMs: number
  /** How many items are in each state. */
  readonly items: Readonly<Record<string, number>>
  /** How many payments each bank made, by its books. */
  readonly payments: Readonly<Record<string, number>>
  readonly paidTwice: number
  /** Calls to all providers, retries among them. */
  readonly calls: number
  readonly retries: number
  /** Where liars are about: what they said, what people cancelled, which stores forgot and what stands still since. */
  readonly liars?: LiarsReport
  readonly violations: ReadonlyArray<string>
}

interface LiarsReport {
  readonly lies: Readonly<Record<string, number>>
  readonly cancelled: number
  readonly setBacks: ReadonlyArray<SetBack>
  /** Batches that stand still with an alarm, and those that were forgotten as a whole. */
  readonly frozen: number
  readonly forgotten: number
  /** Items that are not what their bank last said, because Redis forgot that word. */
  readonly unheard: number
}

const POSTS_AT_A_TIME = 4
export const runWeather = async (place: Place, options: WeatherOptions): Promise<WeatherReport> => {
  const { seed, withinMs, liars = new Set(), pace = fullPace } = options
  const startedAt = Date.now()
  await putInForce(place.sandbox, forecast(seed, options.outage, liars, pace))
  const run = setOut(place, options)
  await run.over
  const looks = { mayPark: true, ...(liars.size > 0 ? { stillMs: pace.stillMs, everyMs: 500 } : {}) }
  const left = () => Math.max(withinMs - (Date.now() - startedAt), 0)
  let unfinished = await leftAtLast(run.traces, run.memory, { withinMs: left(), ...looks })
  const { clearing } = place.sandbox.banks
  if (clearing !== undefined && liars.size > 0) {
    await endDay(clearing)
    const patience = { withinMs: Math.max(left(), pace.stillMs), ...looks }
    unfinished = await leftAtLast(run.traces, run.memory, patience)
  }
  await run.dismiss()
  return reportOf(place, options, run, { unfinished, elapsedMs: Date.now() - startedAt })
}

/** A run under way: who takes part in it, and what is remembered of it. */
interface Run {
  readonly traces: Traces
  readonly memory: Memory & { readonly setBacks: ReadonlyArray<SetBack> }
  readonly people: People
  readonly batches: number
  /** Once all is posted, and the stores have been set back. */
  readonly over: Promise<void>
  /** Sends people home. */
  readonly dismiss: () => Promise<void>
}

const setOut = (place: Place, options: WeatherOptions): Run => {
  const { seed, liars = new Set(), pace = fullPace } = options
  const { compliance, banks } = place.sandbox
  const { apiKey, people: keys } = place
  const orders = ordersOf(seed, options.payouts, place.sandbox.twins?.paypal !== undefined)
  const orderOf = (number: number) => {
    const order = nth(orders, number)
    return liars.has("people") ? scheduled(order, seed, Date.now(), pace) : order
  }
  const partner = new Partner(place.services, apiKey, orderOf, liars.size > 0 ? pace.restMs : 0)
  const conduct = conductAmong(liars, seed, pace)
  const people = new People(place.services[0], { partner: apiKey, ...keys }, seed, conduct)
  const setBacks: Array<SetBack> = []
  const over = new AbortController()
  const working = people.work(partner.record, over.signal)
  const course = {
    pace,
    progress: () => partner.record.length / orders.length,
    worthy: async (store: SetBack["store"]) =>
      store === "redis" ? cancelledBy(people).length : sentInFiles(place.sandbox),
    onSetBack: (setBack: SetBack) => setBacks.push(setBack),
  }
  const troubled = liars.has("stores") ? place.troubled : undefined
  const troubling = troubled === undefined ? undefined : troubleStores(troubled, seed, course)
  const posting = async () => {
    await Promise.all([partner.post(orders.length, POSTS_AT_A_TIME), troubling])
    await repostForgotten(partner, people, setBacks)
  }
  return {
    traces: {
      ...place.traces,
      complianceUrl: compliance,
      bankUrls: Object.values(banks),
      liars: { compliance, ...banks },
    },
    memory: {
      posted: partner.record,
      said: people.said,
      setBacks,
      alarms: () => (setBacks[0] === undefined ? [] : (place.errorsSince?.(setBacks[0].from) ?? [])),
    },
    people,
    batches: orders.length,
    over: posting(),
    dismiss: async () => {
      over.abort()
      await working
    },
  }
}

/** Whoever learns that a batch is gone posts it once more, but not what was cancelled. */
const repostForgotten = async (
  partner: Partner,
  people: People,
  setBacks: ReadonlyArray<SetBack>,
): Promise<void> => {
  const cancelled = new Set(cancelledBy(people).map(({ batch }) => batch))
  await partner.repost(({ answers }) =>
    answers.some(
      ({ id, at = 0, askedAt }) =>
        id !== undefined && mayBeForgotten(setBacks, at, askedAt) && !cancelled.has(id),
    ),
  )
}

const reportOf = async (
  { operations, sandbox }: Place,
  { seed, payouts, liars = new Set(), onViolations = () => {} }: WeatherOptions,
  { traces, memory, people, batches }: Run,
  { unfinished, elapsedMs }: { readonly unfinished: ReadonlyArray<string>; readonly elapsedMs: number },
): Promise<WeatherReport> => {
  const evidence = await gather(traces, memory)
  const counted = await readCalls(operations)
  const sum = (count: "calls" | "retries") => counted.reduce((all, one) => all + one[count], 0)
  const amongLiars: LiarsReport = {
    lies: counts(evidence.lies.map(({ server, kind }) => `${server} ${kind}`)),
    cancelled: cancelledBy(people).length,
    setBacks: memory.setBacks,
    ...standingStill(evidence),
    unheard: unheardWords(evidence),
  }
  const found = [
    ...unfinished,
    ...violations(evidence),
    ...[...evidence.redis.logs].flatMap(([batch, entries]) =>
      faultsOfLog(
        batch,
        entries.map(({ text }) => text),
      ),
    ),
    ...beyondBudget(counted, retriesAllowed),
    ...(await orderedTooOften(sandbox.banks)),
    ...(await Effect.runPromise(twinBreaches(sandbox.twins ?? {}))),
  ]
  if (found.length > 0) onViolations(found, evidence)
  return {
    seed,
    payouts,
    batches,
    elapsedMs,
    items: statesOf(evidence),
    payments: paymentsIn(evidence.banks),
    paidTwice: paidTwice(evidence).length,
    calls: sum("calls"),
    retries: sum("retries"),
    ...(liars.size === 0 ? {} : { liars: amongLiars }),
    violations: found,
  }
}

const paymentsIn = ({ transfers }: BankRecord): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {}
  for (const { bank, payments } of transfers) if (payments > 0) sums[bank] = (sums[bank] ?? 0) + payments
  return sums
}

const counts = (words: ReadonlyArray<string>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...Map.groupBy(words.toSorted(), (word) => word)].map(([word, all]) => [word, all.length]),
  )

const cancelledBy = ({ said }: People) => said.filter(({ word }) => word === "cancelled")

/** How many orders the bank that takes files has ever had. */
const sentInFiles = async ({ banks }: SandboxUrls): Promise<number> => {
  const books = (await (await fetch(`${banks.clearing}/books?summary=true`)).json()) as {
    readonly counts: { readonly transfers: number }
  }
  return books.counts.transfers
}

/** The bank that takes files writes its statements, and a moment passes until they are read. */
const endDay = async (clearing: string): Promise<void> => {
  await fetch(`${clearing}/end-of-day`, { method: "POST" })
  await sleep(1_000)
}

const putInForce = async (
  { compliance, ledger, banks, twins }: SandboxUrls,
  weather: ReturnType<typeof forecast>,
): Promise<void> => {
  const urls: Readonly<Record<string, string | undefined>> = { compliance, ledger, ...banks, ...twins }
  await Promise.all(
    Object.entries(weather).map(async ([server, own]) => {
      const url = urls[server]
      // Not every sandbox has a bank that takes files.
      if (url === undefined) return
      const body = JSON.stringify(own)
      const answer = await fetch(`${url}/sandbox/weather`, { method: "POST", body })
      if (answer.status !== 200) throw new Error(`the weather of ${server}: ${await answer.text()}`)
    }),
  )
}

const nth = <A>(all: ReadonlyArray<A>, number: number): A => {
  const one = all[number]
  if (one === undefined) throw new RangeError(`there is no batch ${number}`)
  return one
}
