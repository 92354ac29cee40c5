/** A short form of `npm run test:weather -- --liars`: once with all that lie, once with stores that forget. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { API_KEY, OLGA, PlatformUnderTest, type Service, SUPERVISOR_KEY } from "../platform-under-test.ts"
import { errorsIn } from "./error-lines.ts"
import { forecast, providersAmongLiars, settingsAmongLiars } from "./forecast.ts"
import { conductAmong, type Liars, liarKinds, type Pace, scheduled } from "./liars.ts"
import { ordersOf } from "./orders.ts"
import { SettableStore } from "./settable-store.ts"
import type { Troubled } from "./store-troubles.ts"
import { runWeather, type WeatherReport } from "./weather-run.ts"

/** Few payouts that hold everything that is lied about, a release, and one batch that is cancelled before its time. */
const LIES = { seed: 2_445, payouts: 90 }
/** Redis forgets cancellations of scheduled batches, and Postgres files that were sent. */
const SET_BACKS = { seed: 1_402, payouts: 120 }
/** On a machine that has nothing else to do it takes a tenth of that. */
const RUN_MS_MAX = 150_000
const pace: Pace = {
  restMs: 200,
  scheduledMsMin: 4_000,
  scheduledMsMax: 6_000,
  cancelledWithinMs: 2_000,
  changesWithinMs: 4_000,
  forgottenMsMin: 600,
  forgottenMsMax: 1_200,
  healingMs: 1_500,
  stillMs: 8_000,
}
/** Time to cancel what is scheduled, on a machine that takes so long to start the service. */
const unhurried = (startMs: number): Pace => {
  const scheduledMsMin = Math.max(6_000, 4 * startMs)
  return { ...pace, scheduledMsMin, scheduledMsMax: scheduledMsMin + 2_000 }
}
const settings = {
  ...settingsAmongLiars,
  CLAIM_MS: "1500",
  PARTITIONS: "8",
  INQUIRY_DELAYS_MS: "200,400,800,1600,3000",
}

const reportAmong = async (
  liars: Liars,
  drawn: { readonly seed: number; readonly payouts: number },
  stores?: Troubled["stores"],
): Promise<WeatherReport> => {
  const clearingFolder = mkdtempSync(join(tmpdir(), "liars-"))
  const own = stores === undefined ? {} : { REDIS_URL: stores.redis.url, DATABASE_URL: stores.postgres.url }
  await using platform = await PlatformUnderTest.open({ ...settings, ...own }, { clearingFolder })
  const { environment, sandbox } = platform
  const providersFile = join(clearingFolder, "providers.json")
  writeFileSync(providersFile, JSON.stringify(providersAmongLiars(sandbox, clearingFolder)))
  // One process with all roles: the full form has two.
  const start = () => platform.start({ PROVIDERS_FILE: providersFile })
  const begunAt = Date.now()
  let running = await start()
  const startMs = Date.now() - begunAt
  const ever: Array<Service> = [running]
  const restart = async () => {
    running.signal("SIGKILL")
    await running.ended
    running = await start()
    ever.push(running)
  }
  const { REDIS_URL = "", STREAM_PREFIX = "", DATABASE_URL = "" } = environment
  const place = {
    services: [running.url] as const,
    // Each process has an address of its own.
    get operations() {
      return [running.operationsUrl]
    },
    apiKey: API_KEY,
    people: { approver: SUPERVISOR_KEY, operator: OLGA },
    sandbox,
    traces: { redisPrimaries: [REDIS_URL], redisPrefix: STREAM_PREFIX, databaseUrl: DATABASE_URL },
    errorsSince: (ms: number) => ever.flatMap(({ lines }) => errorsIn(lines, ms)),
    ...(stores === undefined ? {} : { troubled: { stores, restart } }),
  }
  return await runWeather(place, {
    ...drawn,
    outage: null,
    withinMs: RUN_MS_MAX,
    liars,
    pace: stores === undefined ? unhurried(startMs) : pace,
  })
}

it("nobody is paid twice or after a no, whoever lies and changes his mind", {
  timeout: 240_000,
}, async () => {
  const { violations, paidTwice, liars, items } = await reportAmong(
    new Set(liarKinds.filter((kind) => kind !== "stores")),
    LIES,
  )
  expect(violations).toEqual([])
  expect(paidTwice).toBe(0)
  // Which of the lies are told depends on which payouts get as far; that each can be told, on the sandbox's own tests.
  expect(Object.keys(liars?.lies ?? {}).length).toBeGreaterThan(2)
  expect(liars?.cancelled).toBeGreaterThan(0)
  expect(items.settled).toBeGreaterThan(0)
})

it("nobody is paid twice or after a cancellation when Redis and Postgres are set back", {
  timeout: 240_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "stores-"))
  const open = (name: SettableStore["name"]) => SettableStore.open(name, folder)
  await using redis = await open("redis")
  await using postgres = await open("postgres")
  const report = await reportAmong(new Set(["stores", "people"]), SET_BACKS, { redis, postgres })
  expect(report.violations).toEqual([])
  expect(report.paidTwice).toBe(0)
  expect(report.liars?.setBacks.map(({ store }) => store).toSorted()).toEqual(["postgres", "redis"])
  const [first, second] = report.liars?.setBacks ?? []
  expect(second?.from).toBeGreaterThan(first?.at ?? Number.POSITIVE_INFINITY)
})

it("what is scheduled, cancelled and lied about follows from the seed", () => {
  const all = new Set(liarKinds)
  const story = (seed: number) =>
    ordersOf(seed, 500).map((order) => {
      const posted = { ...scheduled(order, seed, 0, pace), answers: [] }
      return [
        posted.terms,
        conductAmong(all, seed, pace).cancellationOf(posted),
        forecast(seed, null, all, pace),
      ]
    })
  expect(story(1)).toEqual(story(1))
  expect(story(2)).not.toEqual(story(1))
  const told = JSON.stringify(story(1))
  for (const word of ["executeAt", "inMs", "speaksForOthers"]) expect(told).toContain(word)
})
