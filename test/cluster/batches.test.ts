/** The whole service on a Redis Cluster that loses servers while banks are called: nothing is lost, nobody is paid twice. */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { readBanks } from "../checker/bank-transfers.ts"
import { readCursors } from "../checker/follower-cursors.ts"
import { type Evidence, unfinished, violations } from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import { readRedis, readUnfinished } from "../checker/redis-snapshot.ts"
import { API_KEY, eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { RedisCluster } from "./redis-cluster.ts"

const BATCHES = 30
const LANES = 4
/** Transfers at the banks when something is broken: the middle of the work. */
const MIDDLE = 40
const RECOVERED_WITHIN_MS = 45_000

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await RedisCluster.open()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())
afterEach(() => cluster.heal())

const openPlatform = () =>
  PlatformUnderTest.open({
    REDIS_URL: cluster.url,
    REDIS_REPLICAS: "1",
    REPLICATION_TIMEOUT_MS: "500",
    // Refuses to start on servers that are not durable.
    NODE_ENV: "production",
    PARTITIONS: "12",
    BANK_CONCURRENCY: "4",
  })

const banksOf = ({ environment }: PlatformUnderTest) =>
  readBanks((environment.BANKS ?? "").split(",").map((bank) => bank.slice(bank.indexOf("=") + 1)))

const urlsOfPrimaries = async () => (await cluster.primaries()).map(({ url }) => url)

const gather = async (platform: PlatformUnderTest, { record }: Partner): Promise<Evidence> => {
  const { STREAM_PREFIX = "", DATABASE_URL = "" } = platform.environment
  // Who follows is read before whom it follows.
  const cursors = await readCursors(DATABASE_URL)
  const redis = await readRedis(await urlsOfPrimaries(), STREAM_PREFIX)
  return { redis, banks: await banksOf(platform), cursors, posted: record }
}

/** Waits until there is nothing left to do, or gives what is left. Looks closely only when Redis looks idle. */
const leftAtLast = async (platform: PlatformUnderTest, partner: Partner): Promise<ReadonlyArray<string>> => {
  const deadline = Date.now() + RECOVERED_WITHIN_MS
  const primaries = await urlsOfPrimaries()
  while (true) {
    const busy = await readUnfinished(primaries, platform.environment.STREAM_PREFIX ?? "")
    const left = busy.length > 0 ? busy : unfinished(await gather(platform, partner))
    if (left.length === 0 || Date.now() > deadline) return left
    await sleep(100)
  }
}

const transfersReach = (count: number, platform: PlatformUnderTest) =>
  eventually(
    `the banks have ${count} transfers`,
    async () => (await banksOf(platform)).transfers.length >= count,
  )

const startOne = async (platform: PlatformUnderTest, roles?: string): Promise<Service> =>
  platform.start({ PORT: String(await freePort()), ...(roles === undefined ? {} : { ROLES: roles }) })

describe("batches on a cluster", { timeout: 120_000 }, () => {
  it("are paid once and come to an end when a primary is killed", async ({ annotate }) => {
    await using platform = await openPlatform()
    const services = await Promise.all([platform.start(), startOne(platform)])
    const partner = new Partner(
      services.map(({ url }) => url),
      API_KEY,
    )
    const posting = partner.post(BATCHES, LANES)
    await transfersReach(MIDDLE, platform)
    const primary = await cluster.primaryOf(`${platform.environment.STREAM_PREFIX}:{0}:ready`)
    const killedAt = Date.now()
    await primary.kill()
    await cluster.settled()
    await annotate(`replaced after ${Date.now() - killedAt} ms`)
    await primary.restart()
    await posting
    await annotate(`all posted after ${Date.now() - killedAt} ms`)
    expect(await leftAtLast(platform, partner)).toEqual([])
    await annotate(`all closed after ${Date.now() - killedAt} ms`)
    expect(violations(await gather(platform, partner))).toEqual([])
  })

  it("are paid once and come to an end when a primary falls silent and wakes up, and a worker dies", async ({
    annotate,
  }) => {
    await using platform = await openPlatform()
    const [first, second] = await Promise.all([platform.start(), startOne(platform)])
    const partner = new Partner([first.url, second.url], API_KEY)
    const posting = partner.post(BATCHES, LANES)
    await transfersReach(MIDDLE, platform)
    const primary = await cluster.primaryOf(`${platform.environment.STREAM_PREFIX}:{0}:ready`)
    const [replica] = await cluster.replicasOf(primary)
    const frozenAt = Date.now()
    await primary.freeze()
    second.signal("SIGKILL")
    await eventually("its replica has taken over", async () => (await replica?.role()) === "master")
    await annotate(`replaced after ${Date.now() - frozenAt} ms`)
    await primary.thaw()
    await cluster.settled()
    const third = await platform.start({ PORT: new URL(second.url).port })
    await posting
    await annotate(`all posted after ${Date.now() - frozenAt} ms`)
    expect(await leftAtLast(platform, partner)).toEqual([])
    await annotate(`all closed after ${Date.now() - frozenAt} ms`)
    expect(violations(await gather(platform, partner))).toEqual([])
    expect([await second.ended, third.url]).toEqual(["SIGKILL", second.url])
  })

  it("wait for a replica: without one nobody is paid, and nothing is accepted", async () => {
    await using platform = await openPlatform()
    const api = await platform.start({ ROLES: "api,projector,publisher" })
    const partner = new Partner([api.url], API_KEY)
    await partner.post(4, 1)
    const replicas = (
      await Promise.all((await cluster.primaries()).map((primary) => cluster.replicasOf(primary)))
    ).flat()
    await Promise.all(replicas.map((replica) => replica.freeze()))

    const worker = await startOne(platform, "api,worker")
    const accepted = partner.record.length
    await eventually("each batch has written its intents and waits", async () => {
      const { logs } = (await gather(platform, partner)).redis
      const intending = [...logs.values()].filter((log) =>
        log.some(({ text }) => text.includes("TransfersRequested")),
      )
      const waiting = worker.lines.filter((line) => line.includes("NOREPLICAS"))
      return intending.length === accepted && waiting.length >= accepted
    })
    const refused = await partner.postOne(accepted, 3)
    expect(refused.answers).toEqual([{ status: 503 }, { status: 503 }, { status: 503 }])
    expect((await banksOf(platform)).transfers).toEqual([])

    await Promise.all(replicas.map((replica) => replica.thaw()))
    const posted = await partner.postOne(accepted + 1, 50)
    expect(posted.answers.at(-1)?.status).toBe(202)
    expect(await leftAtLast(platform, partner)).toEqual([])
    expect(violations(await gather(platform, partner))).toEqual([])
    expect((await banksOf(platform)).transfers.length).toBeGreaterThan(0)
  })
})
