/** The whole service on a Postgres that is replaced while banks are called: it goes on by itself, and nobody is paid twice. */
import { setTimeout as sleep } from "node:timers/promises"
import postgres from "postgres"
import { expect, it } from "vitest"
import { transferReference } from "../../src/domain/identifiers.ts"
import type { RegisteredAttempt } from "../../src/register/instruction-register.ts"
import { readBanks } from "../checker/bank-transfers.ts"
import { gather, leftAtLast, type Traces } from "../checker/evidence.ts"
import { violations } from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import { API_KEY, eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { seed } from "../property.ts"
import { startPatiently } from "./patient-start.ts"
import { ReplicatedPostgres } from "./replicated-postgres.ts"

const BATCHES = 12
const POSTS_AT_A_TIME = 3
const ROUNDS = 3
const RECOVERED_WITHIN_MS = 180_000
/** The primary is killed at a moment of its own in each round; `PROPERTY_SEED=random` tries others. A prime. */
const MOMENTS_MS_MAX = 397

/** How long anything may take: a machine that is busy with other things starts a process in a minute. */
const PATIENCE_MS = 180_000
const stop = { timeout: 600_000 }

class Failover implements AsyncDisposable {
  readonly servers: ReplicatedPostgres
  readonly platform: PlatformUnderTest
  readonly services: ReadonlyArray<Service>
  readonly partner: Partner

  private constructor(
    servers: ReplicatedPostgres,
    platform: PlatformUnderTest,
    services: ReadonlyArray<Service>,
  ) {
    this.servers = servers
    this.platform = platform
    this.services = services
    this.partner = new Partner([platform.url], API_KEY)
  }

  static async open(replication: "synchronous" | "asynchronous"): Promise<Failover> {
    await using opened = new AsyncDisposableStack()
    const servers = opened.use(await ReplicatedPostgres.open(replication))
    const platform = opened.use(
      await PlatformUnderTest.open({
        DATABASE_URL: servers.url,
        DATABASE_CONNECTIONS: "5",
        BANK_CONCURRENCY: "4",
      }),
    )
    const api = await startPatiently(platform, { ROLES: "api" })
    const others = ["worker", "projector,publisher", "webhooks,archiver"].map((ROLES) =>
      platform.launch({ ROLES }),
    )
    opened.move()
    return new Failover(servers, platform, [api, ...others])
  }

  /** The checker looks at the server that is the primary now. */
  get traces(): Traces {
    const { environment, sandbox } = this.platform
    return {
      redisPrimaries: [environment.REDIS_URL ?? ""],
      redisPrefix: environment.STREAM_PREFIX ?? "",
      databaseUrl: this.servers.primary.url,
      complianceUrl: sandbox.compliance,
      bankUrls: Object.values(sandbox.banks),
    }
  }

  banks() {
    return readBanks(Object.values(this.platform.sandbox.banks))
  }

  async transfersReach(count: number): Promise<void> {
    await eventually(
      `the banks have ${count} transfers`,
      async () => (await this.banks()).transfers.length >= count,
      PATIENCE_MS,
    )
  }

  left() {
    return leftAtLast(this.traces, { posted: this.partner.record }, { withinMs: RECOVERED_WITHIN_MS })
  }

  async violations() {
    return violations(await gather(this.traces, { posted: this.partner.record }))
  }

  /** Transfers at the banks that the primary does not have in the register. */
  async unregistered(): Promise<ReadonlyArray<string>> {
    const { transfers } = await this.banks()
    const sql = postgres(this.servers.primary.url, { max: 1, onnotice: () => {} })
    try {
      const rows = await sql<
        Array<RegisteredAttempt>
      >`select batch, item, attempt, bank from instruction_register`
      const known = new Set(rows.map((row) => String(transferReference(row))))
      return transfers.map(({ reference }) => reference).filter((reference) => !known.has(reference))
    } finally {
      await sql.end()
    }
  }

  /** How many attempts the primary has in the register. */
  async registered(): Promise<number> {
    const [row] = await this.servers.primary.ask(
      (sql) => sql<Array<{ entries: number }>>`select count(*)::int as entries from instruction_register`,
    )
    return row?.entries ?? 0
  }

  said(what: RegExp): ReadonlyArray<string> {
    return this.services.flatMap(({ lines }) => lines.filter((line) => what.test(line)))
  }

  /** How each process ended; one that runs has not. */
  ended() {
    return Promise.all(this.services.map(({ ended }) => Promise.race([ended, Promise.resolve("runs")])))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]()
    await this.servers[Symbol.asyncDispose]()
  }
}

const BEHIND = /the instruction register had forgotten attempts/

it(
  "with a synchronous standby no acknowledged entry of the register is lost, whenever the primary dies",
  stop,
  async ({ annotate }) => {
    await using failover = await Failover.open("synchronous")
    const { partner, servers } = failover
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = (await failover.banks()).transfers.length
      const posting = partner.post(BATCHES, POSTS_AT_A_TIME)
      await failover.transfersReach(before + 10)
      await sleep((seed * round) % MOMENTS_MS_MAX)
      const killedAt = Date.now()
      await servers.primary.kill()
      await servers.failOver()
      await annotate(`round ${round}: promoted after ${Date.now() - killedAt} ms`)
      // The standby that was promoted waits for one of its own: until then nothing is acknowledged.
      expect(await failover.unregistered()).toEqual([])
      const paid = (await failover.banks()).transfers.length
      await servers.refill()
      await annotate(`round ${round}: has a standby after ${Date.now() - killedAt} ms`)
      await failover.transfersReach(paid + 1)
      await annotate(`round ${round}: pays again after ${Date.now() - killedAt} ms`)
      await posting
    }
    expect(await failover.left()).toEqual([])
    expect(await failover.violations()).toEqual([])
    expect(await failover.unregistered()).toEqual([])
    expect(failover.said(BEHIND)).toEqual([])
    expect(await failover.ended()).toEqual(failover.services.map(() => "runs"))
  },
)

it(
  "with an asynchronous standby what is lost is noticed and restored from the logs, and nobody is paid twice",
  stop,
  async ({ annotate }) => {
    await using failover = await Failover.open("asynchronous")
    const { partner, servers } = failover
    const posting = partner.post(BATCHES, POSTS_AT_A_TIME)
    await failover.transfersReach(5)
    // From here on the standby gets nothing of what the primary acknowledges.
    await servers.standby.stop()
    const registered = await failover.registered()
    const postingMore = partner.post(BATCHES, POSTS_AT_A_TIME)
    // One more than the standby can know of.
    await failover.transfersReach(registered + 1)
    const killedAt = Date.now()
    await servers.primary.kill()
    await servers.standby.start()
    await servers.failOver()
    const lost = (await failover.unregistered()).length
    await annotate(`${lost} entries of the register lost, promoted after ${Date.now() - killedAt} ms`)
    await Promise.all([posting, postingMore])
    expect(await failover.left()).toEqual([])
    await annotate(`all closed after ${Date.now() - killedAt} ms`)
    expect(await failover.violations()).toEqual([])
    expect(lost).toBeGreaterThan(0)
    // Each process says that another server is the primary. Batches that had money to move since have restored their attempts.
    expect(failover.said(/"level":"warn".*postgres primary/).length).toBeGreaterThan(0)
    const [restored, missing] = [failover.said(BEHIND).length, (await failover.unregistered()).length]
    await annotate(`${restored} batches restored their attempts, ${missing} entries of the others stay lost`)
    expect(await failover.ended()).toEqual(failover.services.map(() => "runs"))
  },
)

it("a primary that hangs, is replaced and wakes up is not believed any more", stop, async ({ annotate }) => {
  await using failover = await Failover.open("asynchronous")
  const { partner, servers } = failover
  const posting = partner.post(BATCHES, POSTS_AT_A_TIME)
  await failover.transfersReach(10)
  const zombie = servers.primary
  const frozenAt = Date.now()
  zombie.freeze()
  await servers.failOver()
  // What the banks do now may be the rest of what was registered before: only the new primary's entries show that it is believed.
  const registered = await failover.registered()
  const postingMore = partner.post(BATCHES, POSTS_AT_A_TIME)
  await eventually(
    "the new primary registers attempts",
    async () => (await failover.registered()) >= registered + 5,
    PATIENCE_MS,
  )
  await annotate(`pays again after ${Date.now() - frozenAt} ms`)
  zombie.thaw()
  await Promise.all([posting, postingMore])
  await partner.post(BATCHES, POSTS_AT_A_TIME)
  expect(await failover.left()).toEqual([])
  expect(await failover.violations()).toEqual([])
  expect(await failover.unregistered()).toEqual([])
  const [entries] = await zombie.ask((sql) => sql`select count(*)::int as entries from instruction_register`)
  await annotate(
    `the old primary has ${entries?.entries} entries, the new one ${(await failover.banks()).transfers.length}`,
  )
  expect(entries?.entries).toBeLessThan((await failover.banks()).transfers.length)
})
