/**
 * One run under bad weather: batches that the seed has drawn are posted, people do their part, and once nothing moves
 * any more everything is held against what the banks, the compliance engine and the partner say. What it is told of the
 * service are addresses: it looks at it from outside.
 */
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"
import type { BankRecord } from "../checker/bank-transfers.ts"
import { gather, leftAtLast, type Traces } from "../checker/evidence.ts"
import { paidTwice, statesOf, violations } from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import { beyondBudget, orderedTooOften, readCalls } from "../checker/provider-calls.ts"
import { forecast, type Outage, retriesAllowed } from "./forecast.ts"
import { ordersOf } from "./orders.ts"
import { People } from "./people.ts"

/** A platform, and where its traces are. */
export interface Place {
  /** Of each process of the service; the partner posts to any, people ask the first. */
  readonly services: readonly [string, ...ReadonlyArray<string>]
  readonly apiKey: string
  readonly sandbox: SandboxUrls
  readonly traces: Pick<Traces, "redisPrimaries" | "redisPrefix" | "databaseUrl">
}

export interface WeatherOptions {
  readonly seed: number
  readonly payouts: number
  readonly outage: Outage
  /** After that much time what is left is told, and is wrong. */
  readonly withinMs: number
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
  readonly violations: ReadonlyArray<string>
}

const LANES = 4

export const runWeather = async (place: Place, options: WeatherOptions): Promise<WeatherReport> => {
  const { seed, payouts, withinMs } = options
  const startedAt = Date.now()
  const left = () => Math.max(withinMs - (Date.now() - startedAt), 0)
  const { compliance: complianceUrl, banks } = place.sandbox
  const traces = { ...place.traces, complianceUrl, bankUrls: Object.values(banks) }
  await putInForce(place.sandbox, forecast(seed, options.outage))

  const orders = ordersOf(seed, payouts)
  const partner = new Partner(place.services, place.apiKey, (number) => nth(orders, number))
  const people = new People(place.services[0], { partner: place.apiKey, reviewer: place.apiKey }, seed)
  const memory = { posted: partner.record, said: people.said }
  const over = new AbortController()
  const working = people.work(partner.record, over.signal)
  await partner.post(orders.length, LANES)
  const unfinished = await leftAtLast(traces, memory, { withinMs: left(), mayPark: true })
  over.abort()
  await working

  const evidence = await gather(traces, memory)
  const counted = await readCalls(place.services)
  const sum = (count: "calls" | "retries") => counted.reduce((all, one) => all + one[count], 0)
  return {
    seed,
    payouts,
    batches: orders.length,
    elapsedMs: Date.now() - startedAt,
    items: statesOf(evidence),
    payments: paymentsIn(evidence.banks),
    paidTwice: paidTwice(evidence).length,
    calls: sum("calls"),
    retries: sum("retries"),
    violations: [
      ...unfinished,
      ...violations(evidence),
      ...beyondBudget(counted, retriesAllowed),
      ...(await orderedTooOften(banks)),
    ],
  }
}

const paymentsIn = ({ transfers }: BankRecord): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {}
  for (const { bank, payments } of transfers) if (payments > 0) sums[bank] = (sums[bank] ?? 0) + payments
  return sums
}

const putInForce = async (
  { compliance, ledger, banks }: SandboxUrls,
  weather: ReturnType<typeof forecast>,
): Promise<void> => {
  const urls: Readonly<Record<string, string | undefined>> = { compliance, ledger, ...banks }
  // Banks that nobody is led to here have no weather.
  await Promise.all(
    Object.entries(weather).map(async ([server, own]) => {
      const url = urls[server]
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
