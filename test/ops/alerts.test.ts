/**
 * The alerts of infra/prometheus/ on the running service, in processes by role, with a real Prometheus: nothing fires in fair weather; what
 * breaks is told, by the alert that says so, and is told to be over.
 */
import { randomUUID } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RedisServer } from "../cluster/redis-server.ts"
import { eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { type Prometheus, QueryRefused, startPrometheus } from "./prometheus.ts"

const ROLES = {
  api: "api,publisher,webhooks,archiver",
  worker: "worker",
  projector: "projector",
} as const

let redis: RedisServer
let platform: PlatformUnderTest
let prometheus: Prometheus
const services = new Map<keyof typeof ROLES, Service>()

const start = async (name: keyof typeof ROLES): Promise<void> => {
  // The API has the port that providers call.
  const port = name === "api" ? {} : { PORT: String(await freePort()) }
  services.set(name, await platform.start({ ...port, ROLES: ROLES[name] }))
}

const targets = (): ReadonlyArray<string> => [...services.values()].map(({ operationsUrl }) => operationsUrl)

beforeAll(async () => {
  redis = await RedisServer.start({ folder: mkdtempSync(join(tmpdir(), "alerts-")) })
  // The time-out of operation: on a busy machine calls take longer than the second that other tests permit.
  platform = await PlatformUnderTest.open({ REDIS_URL: redis.url, PROVIDER_TIMEOUT_MS: "10000" })
  for (const name of ["api", "worker", "projector"] as const) await start(name)
  prometheus = await startPrometheus(targets())
})
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

/** They tell of a machine that is busy with other tests, too. */
const ofTheMachine = ["EventLoopLate", "AcceptanceBudgetBurnsFast", "AcceptanceBudgetBurnsSlowly"]

const payouts = (count: number) => ({
  items: Array.from({ length: count }, (_, index) => ({
    reference: `invoice-${index}`,
    amount: { currency: "EUR", value: "12.34" },
    beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

const post = (count: number): Promise<string> => platform.submit(randomUUID(), payouts(count))

const fires = async (alert: string, labels: Readonly<Record<string, string>> = {}): Promise<boolean> =>
  (await prometheus.alerts()).some(
    (active) =>
      active.state === "firing" &&
      active.labels.alertname === alert &&
      Object.entries(labels).every(([name, value]) => active.labels[name] === value),
  )

const seenToFire = (alert: string, labels?: Readonly<Record<string, string>>, withinMs = 60_000) =>
  eventually(`${alert} fires`, () => fires(alert, labels), withinMs)

const seenToClear = (alert: string, withinMs = 120_000) =>
  eventually(`${alert} clears`, async () => !(await fires(alert)), withinMs)

/** As an orchestrator does all the time: readiness is looked at by being asked for. */
const asked = async <A>(work: () => Promise<A>): Promise<A> => {
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      await Promise.allSettled(
        targets().map((url) => fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })),
      )
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  try {
    return await work()
  } finally {
    isOver = true
    await asking
  }
}

describe("in fair weather", () => {
  it("no alert fires, no rule is broken, and the objectives are measured", async () => {
    expect((await platform.closed(await post(20))).state).toBe("settled")
    // A rate needs two values of a counter, so something has to go on.
    await eventually("all of the objectives' ratios are known", async () => {
      await post(1)
      const known = await prometheus.query("count by (slo) (atlaspay:slo_bad:ratio_rate5m >= 0)")
      return ["acceptance", "settlement"].every((slo) => known.some(({ metric }) => metric.slo === slo))
    })
    // What the rules select by value is there, as the service writes it.
    for (const selected of [
      'atlaspay_acceptance_seconds_bucket{status=~"2..",le="0.5"}',
      'atlaspay_first_webhook_seconds_bucket{le=~"5(\\\\.0)?"}',
      'atlaspay_http_requests_total{method="POST",route="/payout-batches"}',
      'atlaspay_payments_withheld{reason="stores-unchecked"} == 0',
    ])
      expect(await prometheus.query(selected), selected).not.toEqual([])
    expect(await prometheus.brokenRules()).toEqual([])
    expect((await prometheus.firing()).filter((alert) => !ofTheMachine.includes(alert))).toEqual([])
  })

  it("a query that is none is refused", async () => {
    await expect(prometheus.query("sum(")).rejects.toThrow(QueryRefused)
  })
})

describe("a bank that breaks down", () => {
  it("is told while its breaker is open, and that it is back; everybody is paid once", async () => {
    const weather = `${platform.sandbox.banks.north}/sandbox/weather`
    const down = { down: { how: "reset", forMs: 600_000 } }
    await fetch(weather, { method: "POST", body: JSON.stringify(down) })
    const ids = await Promise.all(Array.from({ length: 4 }, () => post(20)))
    await seenToFire("ProviderBreakerOpen", { provider: "north", severity: "page" })
    expect(await fires("ProviderBreakerOpen", { provider: "south" })).toBe(false)
    await fetch(weather, { method: "DELETE" })
    for (const id of ids) expect((await platform.closed(id)).state).toBe("settled")
    await seenToClear("ProviderBreakerOpen")
    expect((await platform.books()).map(({ paidTwice }) => paidTwice)).toEqual(
      (await platform.books()).map(() => 0),
    )
  })
})

describe("a worker that is killed", () => {
  it("is told by its target and by the role that nobody has, until another one runs", async () => {
    services.get("worker")?.signal("SIGKILL")
    await seenToFire("TargetDown", { severity: "page" })
    // Prometheus forgets what a target last said once a collection has failed.
    await seenToFire("RoleMissing", { role: "worker" })
    expect(await fires("RoleMissing", { role: "api" })).toBe(false)
    const id = await post(3)
    await start("worker")
    prometheus.setTargets(targets())
    await seenToClear("TargetDown")
    await seenToClear("RoleMissing")
    expect((await platform.closed(id)).state).toBe("settled")
  })
})

describe("a Redis that is down", () => {
  it("is told as the part that is missing, and that it is back", async () => {
    await asked(async () => {
      await redis.kill()
      await seenToFire("NotReady", { part: "redis" })
      await redis.restart()
      await seenToClear("NotReady")
    })
    expect((await platform.closed(await post(3))).state).toBe("settled")
  })

  it("is told when it no longer waits for the disk", async () => {
    await redis.ask((server) => server.config("SET", "appendfsync", "everysec"))
    await seenToFire("RedisDurabilityLost", { flag: "fsync_always" })
    await redis.ask((server) => server.config("SET", "appendfsync", "always"))
    await seenToClear("RedisDurabilityLost")
  })
})

describe("read models that cannot be written", () => {
  it("are told once they are a minute behind, and when they have caught up", async () => {
    const sql = postgres(platform.environment.DATABASE_URL ?? "", { max: 1 })
    const released = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const holding = sql.begin(async (transaction) => {
      await transaction`lock table payout_items in access exclusive mode`
      locked.resolve()
      await released.promise
    })
    try {
      await locked.promise
      await post(3)
      await seenToFire("FollowerBehind", { severity: "page" }, 150_000)
    } finally {
      released.resolve()
      await holding
      await sql.end()
    }
    await seenToClear("FollowerBehind")
  })
})
