/** The whole service on a Redis Cluster that loses servers while banks are called: nothing is lost, nobody is paid twice. */
import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { readBanks } from "../checker/bank-transfers.ts"
import { gather, leftAtLast, type Traces } from "../checker/evidence.ts"
import { violations } from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import {
  API_KEY,
  eventually,
  freePort,
  PlatformUnderTest,
  playMoney,
  type Service,
} from "../platform-under-test.ts"
import { RedisCluster } from "./redis-cluster.ts"

const BATCHES = 30
const POSTS_AT_A_TIME = 4
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
    VOUCH_FOR: playMoney,
    PROOF_SIGNING_KEY: `prsk_${randomBytes(32).toString("base64")}`,
    // Several services on one machine: each finds a free one.
    OPERATIONS_PORT: "0",
    PARTITIONS: "12",
    BANK_CONCURRENCY: "4",
  })

const tracesOf = async ({ environment, sandbox }: PlatformUnderTest): Promise<Traces> => ({
  redisPrimaries: (await cluster.primaries()).map(({ url }) => url),
  redisPrefix: environment.STREAM_PREFIX ?? "",
  databaseUrl: environment.DATABASE_URL ?? "",
  complianceUrl: sandbox.compliance,
  bankUrls: Object.values(sandbox.banks),
})

const banksOf = ({ sandbox }: PlatformUnderTest) => readBanks(Object.values(sandbox.banks))

const evidenceOf = async (platform: PlatformUnderTest, { record }: Partner) =>
  gather(await tracesOf(platform), { posted: record })

const leftOf = async (platform: PlatformUnderTest, { record }: Partner) =>
  leftAtLast(await tracesOf(platform), { posted: record }, { withinMs: RECOVERED_WITHIN_MS })

const transfersReach = (count: number, platform: PlatformUnderTest) =>
  eventually(
    `the banks have ${count} transfers`,
    async () => (await banksOf(platform)).transfers.length >= count,
  )

const startOne = async (platform: PlatformUnderTest, roles?: string): Promise<Service> =>
  platform.start({ PORT: String(await freePort()), ...(roles === undefined ? {} : { ROLES: roles }) })

describe("batches on a cluster", { timeout: 240_000 }, () => {
  it("are paid once and come to an end when a primary is killed", async ({ annotate }) => {
    await using platform = await openPlatform()
    const services = await Promise.all([platform.start(), startOne(platform)])
    const partner = new Partner(
      services.map(({ url }) => url),
      API_KEY,
    )
    const posting = partner.post(BATCHES, POSTS_AT_A_TIME)
    await transfersReach(MIDDLE, platform)
    const primary = await cluster.primaryOf(`${platform.environment.STREAM_PREFIX}:{0}:ready`)
    const killedAt = Date.now()
    await primary.kill()
    await cluster.settled()
    await annotate(`replaced after ${Date.now() - killedAt} ms`)
    await primary.restart()
    await posting
    await annotate(`all posted after ${Date.now() - killedAt} ms`)
    expect(await leftOf(platform, partner)).toEqual([])
    await annotate(`all closed after ${Date.now() - killedAt} ms`)
    expect(violations(await evidenceOf(platform, partner))).toEqual([])
  })

  it("are paid once and come to an end when a primary falls silent and wakes up, and a worker dies", async ({
    annotate,
  }) => {
    await using platform = await openPlatform()
    const [first, second] = await Promise.all([platform.start(), startOne(platform)])
    const partner = new Partner([first.url, second.url], API_KEY)
    const posting = partner.post(BATCHES, POSTS_AT_A_TIME)
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
    expect(await leftOf(platform, partner)).toEqual([])
    await annotate(`all closed after ${Date.now() - frozenAt} ms`)
    expect(violations(await evidenceOf(platform, partner))).toEqual([])
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
      const { logs } = (await evidenceOf(platform, partner)).redis
      const intending = [...logs.values()].filter((log) =>
        log.some(({ text }) => text.includes("TransfersRequested")),
      )
      const waiting = worker.lines.filter((line) => line.includes("NOREPLICAS"))
      return intending.length === accepted && waiting.length >= accepted
    })
    const refused = await partner.postOne(accepted, 3)
    expect(refused.answers.map(({ status }) => status)).toEqual([503, 503, 503])
    expect((await banksOf(platform)).transfers).toEqual([])

    await Promise.all(replicas.map((replica) => replica.thaw()))
    const posted = await partner.postOne(accepted + 1, 50)
    expect(posted.answers.at(-1)?.status).toBe(202)
    expect(await leftOf(platform, partner)).toEqual([])
    expect(violations(await evidenceOf(platform, partner))).toEqual([])
    expect((await banksOf(platform)).transfers.length).toBeGreaterThan(0)
  })
})
