/** A short form of `npm run test:weather`: two platforms with the same seed, of which one loses a bank for a while. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { API_KEY, freePort, OLGA, PlatformUnderTest, SUPERVISOR_KEY } from "../platform-under-test.ts"
import { type Outage, providersOf, settings } from "./forecast.ts"
import { ordersOf } from "./orders.ts"
import { runWeather, type WeatherReport } from "./weather-run.ts"

/** Its few payouts hold everybody with whom something happens, and a batch that asks for approval; north falls. */
const SEED = 11_373
const PAYOUTS = 80
const RUN_MS_MAX = 60_000

const payoutsTo = (name: RegExp, payouts = PAYOUTS) =>
  ordersOf(SEED, payouts)
    .flatMap(({ items }) => items)
    .filter(({ beneficiary }) => name.test(beneficiary.name))

const report = async (processes: 1 | 2, outage: Outage): Promise<WeatherReport> => {
  await using platform = await PlatformUnderTest.open({ ...settings, CLAIM_MS: "1500" })
  const { environment, sandbox } = platform
  const providersFile = join(mkdtempSync(join(tmpdir(), "weather-")), "providers.json")
  writeFileSync(providersFile, JSON.stringify(providersOf(sandbox)))
  const second = { ROLES: "api,worker", PORT: String(await freePort()) }
  const [first, ...others] = await Promise.all([
    platform.start({ PROVIDERS_FILE: providersFile }),
    ...(processes === 2 ? [platform.start({ PROVIDERS_FILE: providersFile, ...second })] : []),
  ])
  const { REDIS_URL = "", STREAM_PREFIX = "", DATABASE_URL = "" } = environment
  const traces = { redisPrimaries: [REDIS_URL], redisPrefix: STREAM_PREFIX, databaseUrl: DATABASE_URL }
  const services = [first.url, ...others.map(({ url }) => url)] as const
  const operations = [first, ...others].map(({ operationsUrl }) => operationsUrl)
  const people = { approver: SUPERVISOR_KEY, operator: OLGA }
  const options = { seed: SEED, payouts: PAYOUTS, outage, withinMs: RUN_MS_MAX }
  return await runWeather({ services, operations, apiKey: API_KEY, people, sandbox, traces }, options)
}

it("payouts end in any weather, paid once and cleared, and a seed has one outcome", {
  timeout: 120_000,
}, async () => {
  const [troubled, again] = await Promise.all([report(2, { inMs: 500, forMs: 2_000 }), report(1, null)])
  expect([troubled.violations, again.violations]).toEqual([[], []])
  expect(troubled.items).toEqual(again.items)
  expect(troubled.paidTwice + again.paidTwice).toBe(0)
  const { settled, failed, rejected, returned } = troubled.items
  for (const count of [settled, failed, rejected, returned]) expect(count).toBeGreaterThan(0)
  // Nobody else fails: whom one bank refuses, another one pays.
  expect(failed).toBe(payoutsTo(/^(Clara Closed|Ivo Insufficient)/).length)
  expect(Object.keys(again.payments).toSorted()).toEqual(["north", "south", "west"])
  expect(troubled.retries).toBeGreaterThan(0)
})

it("orders follow from the seed", () => {
  expect(ordersOf(SEED, PAYOUTS)).toEqual(ordersOf(SEED, PAYOUTS))
  expect(ordersOf(SEED + 1, PAYOUTS)).not.toEqual(ordersOf(SEED, PAYOUTS))
  expect(ordersOf(SEED, PAYOUTS).flatMap(({ items }) => items)).toHaveLength(PAYOUTS)
})

it("nobody gets money back from a bank that would not tell", () => {
  const returned = payoutsTo(/^Ralf Returned/, 2_000)
  const currencies = new Set(returned.map(({ amount }) => amount.currency))
  expect([...currencies].toSorted()).toEqual(["EUR", "GBP", "JPY"])
})
