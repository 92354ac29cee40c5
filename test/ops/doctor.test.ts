/** `atlaspay doctor` on a service with real stores: it finds nothing on a sound one, and each trouble that is made. */
import { createHmac } from "node:crypto"
import { Redis } from "ioredis"
import postgres from "postgres"
import { afterAll, beforeAll, expect, it } from "vitest"
import { checkNames, type Finding } from "../../src/doctor/finding.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { doctorHere } from "../cli/command-here.ts"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { PlatformUnderTest } from "../platform-under-test.ts"

let platform: PlatformUnderTest
let redis: Redis
let sql: postgres.Sql

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  redis = new Redis(platform.environment.REDIS_URL ?? "")
  sql = postgres(platform.environment.DATABASE_URL ?? "", { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  redis.disconnect()
  await sql.end()
  await platform[Symbol.asyncDispose]()
})

interface Examined {
  readonly status: number
  readonly of: (check: string) => Finding | undefined
  readonly findings: ReadonlyArray<Finding>
}

const examine = async (changes: Readonly<Record<string, string>> = {}): Promise<Examined> => {
  const { status, output } = await doctorHere({ ...platform.environment, ...changes }, "--json")
  const findings = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Finding)
  return { status, findings, of: (name) => findings.find(({ check }) => check === name) }
}

const verdictOf = async (check: string, changes: Readonly<Record<string, string>> = {}) => {
  const { of } = await examine(changes)
  return of(check)?.verdict
}

it("looks at an empty deployment, on which no release has started, without changing it", async () => {
  const keysBefore = await redis.keys(`${platform.environment.STREAM_PREFIX}*`)
  const { findings, of } = await examine()
  expect(findings.map(({ check }) => check)).toEqual([...checkNames])
  expect(findings.filter(({ verdict }) => verdict === "problem")).toEqual([])
  expect(of("event-stream")?.verdict).toBe("warning")
  expect(await redis.keys(`${platform.environment.STREAM_PREFIX}*`)).toEqual(keysBefore)
})

it("finds nothing wrong with a service that pays", async () => {
  await platform.start()
  await platform.closed(await platform.submit("sound", { items: [payout("a")] }))
  const { findings, status } = await examine()
  // The stores of the tests need not survive a loss of power.
  const weak = new Set(["redis-durability", "postgres-durability"])
  expect(findings.filter(({ check, verdict }) => verdict !== "ok" && !weak.has(check))).toEqual([])
  expect(status).not.toBe(1)
})

it("reports stores that are down, within seconds, and looks at the others", async () => {
  const begun = Date.now()
  const { status, of } = await examine({
    REDIS_URL: "redis://user:hidden-password@127.0.0.1:1",
    NATS_URL: "nats://user:hidden-password@127.0.0.1:1",
  })
  expect(Date.now() - begun).toBeLessThan(30_000)
  expect(status).toBe(1)
  expect(of("redis")).toMatchObject({ verdict: "problem", seen: "cannot be reached: ECONNREFUSED" })
  expect(of("nats")?.verdict).toBe("problem")
  expect(of("postgres")?.verdict).toBe("ok")
  expect(of("redis-memory")?.verdict).toBe("unknown")
  const without = await examine({ DATABASE_URL: "postgres://user:hidden-password@127.0.0.1:1/none" })
  expect(without.of("postgres")?.verdict).toBe("problem")
  expect(without.of("run-queue")?.verdict).toBe("ok")
  expect(JSON.stringify([...without.findings])).not.toContain("hidden-password")
})

it("names settings that are missing, and what production would refuse", async () => {
  expect((await examine({ PROVIDER_TIMEOUT_MS: "soon" })).of("settings")).toMatchObject({
    verdict: "problem",
    seen: expect.stringContaining("PROVIDER_TIMEOUT_MS"),
  })
  expect((await examine({ NODE_ENV: "production" })).of("settings")?.verdict).toBe("problem")
  expect((await examine()).of("settings")?.seen).toContain("Production refuses")
})

it("finds a master key that is missing", async () => {
  const other = Buffer.from(createHmac("sha256", "other").digest()).toString("base64")
  expect(await verdictOf("vault-keys")).toBe("ok")
  expect(await verdictOf("vault-keys", { MASTER_KEYS: `other=${other}` })).toBe("problem")
})

it("finds migrations of another release", async () => {
  await sql`insert into schema_migrations (name, checksum, works_from) values ('9999-later', 'x', 1)`
  expect(await verdictOf("schema")).toBe("warning")
  await sql`delete from schema_migrations where name = '9999-later'`
  expect(await verdictOf("schema")).toBe("ok")
})

it("finds discrepancies, disabled endpoints, refused heads and oddities of bank files", async () => {
  await sql`insert into reconciliation_runs values (current_date, now(), 1, 1, 1, 3)`
  await sql`insert into webhook_endpoints (id, partner, url, secret, enabled, state)
    values ('we_x', 'acme', 'https://example.com', 'sealed', false, 'disabled')`
  await sql`insert into proof_refusals values ('pb_x', 1, 'other hashes', 1, now())`
  await sql`insert into bank_oddities values ('clearing', 'd', 'r', 'unknown-order', now())`
  const { of, status } = await examine()
  expect(status).toBe(1)
  expect(of("reconciliation")).toMatchObject({ verdict: "problem", seen: expect.stringContaining("3 disc") })
  expect(of("webhook-endpoints")?.verdict).toBe("warning")
  expect(of("proofs")?.verdict).toBe("problem")
  expect(of("bank-files")?.verdict).toBe("warning")
  await sql`delete from reconciliation_runs`
  await sql`delete from webhook_endpoints`
  await sql`delete from proof_refusals`
  await sql`delete from bank_oddities`
})

it("finds callbacks that match nothing, and items that are parked", async () => {
  const prefix = platform.environment.STREAM_PREFIX ?? ""
  await redis.zadd(`${prefix}:strays`, Date.now(), "{}")
  const { open } = partitionKeys(prefix, 0)
  await redis.zadd(open, Date.now(), "pb_parked")
  await sql`insert into payout_items (batch, item, reference, beneficiary_name, account_masked, currency, minor, state,
      ledger, version, updated_at)
    select 'pb_parked', 0, reference, beneficiary_name, account_masked, currency, minor, 'parked', ledger, 1,
      now() - interval '1 day' from payout_items limit 1`
  const { of } = await examine()
  expect(of("stray-callbacks")?.verdict).toBe("warning")
  expect(of("waiting-items")).toMatchObject({ verdict: "warning", seen: expect.stringContaining("1 parked") })
  await redis.zrem(open, "pb_parked")
  await redis.del(`${prefix}:strays`)
  await sql`delete from payout_items where batch = 'pb_parked'`
})

it("finds work that nobody does once the service has stopped", async () => {
  const prefix = platform.environment.STREAM_PREFIX ?? ""
  await platform.stopAll()
  await redis.zadd(partitionKeys(prefix, 1).timers, Date.now() - 120_000, "pb_due")
  expect(await verdictOf("run-queue")).toBe("problem")
  await redis.zrem(partitionKeys(prefix, 1).timers, "pb_due")
})

it("finds a feed that lost history, followers that are behind, and another number of partitions", async () => {
  const prefix = platform.environment.STREAM_PREFIX ?? ""
  const [cursor] = await sql<Array<{ partition: number; position: string }>>`
    select partition, position from projection_checkpoints
    where projection = ${PROJECTION} and position <> '0-0' limit 1`
  if (cursor === undefined) throw new Error("no follower has come anywhere")
  const { feed } = partitionKeys(prefix, cursor.partition)
  const [[, fields] = ["", []]] = await redis.xrevrange(feed, "+", "-", "COUNT", 1)
  await redis.del(feed)
  expect((await examine()).of("cursors")).toMatchObject({
    verdict: "problem",
    todo: expect.stringContaining("atlaspay history show"),
  })
  await redis.xadd(feed, "1-1", ...fields)
  await sql`update projection_checkpoints set position = '0-0', head = null`
  const { of } = await examine()
  expect(of("cursors")?.verdict).toBe("ok")
  expect(of("projector-lag")?.verdict).toBe("problem")
  expect(of("publisher-lag")?.verdict).toBe("problem")
  await sql`update projection_checkpoints set partition = 9 where partition = ${cursor.partition}`
  expect(await verdictOf("cursors")).toBe("problem")
})
