/**
 * Whoever keeps the read models is killed between its steps, its Postgres restarts in the middle of a statement, and its connections are cut
 * between any two messages. Afterwards the read models are what the logs say, by a checker that shares no code with the service.
 */
import { setTimeout as sleep } from "node:timers/promises"
import postgres, { type Sql } from "postgres"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { projectingCrashPoints } from "../../src/crash-points.ts"
import { readCursors } from "../checker/follower-cursors.ts"
import { readModelViolations, readReadModels } from "../checker/read-models.ts"
import { readRedis } from "../checker/redis-snapshot.ts"
import { isLong, lengthOf } from "../length.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { SetBackServer } from "../safety/set-back-server.ts"
import { CuttingWay } from "./cut-connections.ts"

/** The follower that keeps the read models. */
const PROJECTION = "payout-batches"
const PROJECTING = { ROLES: "projector" }
const DIES_WITHIN_MS = 90_000
/** At which pass of a point the process dies: the first chunk of a process, and one behind others. */
const PASSES = lengthOf({ full: [1, 2, 3, 5], short: [1, 3] })
/** Between two of them the projector waits longer each time, while batches are paid. */
const CUTS = 20
/** Batches that are paid at most until something has happened: each gives the projector some chunks. */
const BATCHES_MAX = 200
/** The locks that the statement waits for: before it writes items, and when it has written them and not their batches. */
const HALVES = { payout_items: 4_711, payout_batches: 4_712 } as const

let database: SetBackServer
let platform: PlatformUnderTest
let sql: Sql
let batches = 0

beforeAll(async () => {
  database = await SetBackServer.start("postgres")
  platform = await PlatformUnderTest.open({ DATABASE_URL: database.url })
  await platform.start({ ROLES: "api,worker" })
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  await stopBetweenHalves()
})
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await sql?.end({ timeout: 5 })
  await database?.[Symbol.asyncDispose]()
})

/** Lets the statement of the read models wait for a lock before each of its halves, while the test holds it. */
const stopBetweenHalves = async (): Promise<void> => {
  await sql`
    create function stop_here() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint);
      return null;
    end $$`
  for (const [table, lock] of Object.entries(HALVES))
    await sql.unsafe(
      `create trigger stop_here before insert on ${table} for each statement execute function stop_here(${lock})`,
    )
}

const names = [
  "Ada Lovelace",
  "Ivo Insufficient",
  "Clara Closed",
  "Ralf Returned",
  "Sam Sanctioned",
  "Dora Duplicate",
]

/** A batch with payouts of all ends, in two currencies. */
const pay = (): Promise<string> => {
  batches += 1
  return platform.submit(`batch-${batches}`, {
    items: names.map((name, at) => ({
      reference: `invoice-${batches}-${at}`,
      amount: { currency: at % 2 === 0 ? "EUR" : "GBP", value: `${at + 1}.50` },
      beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
    })),
  })
}

/** Pays one batch after the other, so that their events come in many chunks. The log says when one is closed: read models are behind. */
const payUntil = async (isEnough: () => boolean): Promise<void> => {
  for (let more = 0; more < BATCHES_MAX && !isEnough(); more += 1) {
    const id = await pay()
    await eventually("the batch is closed", async () => {
      const asOf = new Date().toISOString()
      return isEnough() || "closedAt" in (await platform.get<object>(`/payout-batches/${id}?asOf=${asOf}`))
    })
  }
}

const endOf = async (service: Service): Promise<unknown> => {
  const end = await Promise.race([service.ended, sleep(DIES_WITHIN_MS, "alive", { ref: false })])
  await service.stop()
  return end
}

/** What is wrong once all batches are at rest and shown; after a while, what is wrong then. */
const wrongInTheEnd = async (): Promise<ReadonlyArray<string>> => {
  const { REDIS_URL = "", STREAM_PREFIX = "" } = platform.environment
  let wrong: ReadonlyArray<string> = []
  const look = async () => {
    const cursors = await readCursors(database.url)
    const rows = await readReadModels(database.url)
    const redis = await readRedis([REDIS_URL], STREAM_PREFIX)
    const behind = cursors.filter(
      ({ follower, partition, position }) =>
        follower === PROJECTION && position !== (redis.feedEnds.get(partition) ?? "0-0"),
    )
    wrong = [
      ...readModelViolations(redis, rows),
      ...behind.map(({ partition }) => `the cursor of partition ${partition} is not at the end of its feed`),
      ...(redis.logs.size === batches ? [] : [`there are ${redis.logs.size} logs of ${batches}`]),
      ...redis.unfinished,
    ]
    return wrong.length === 0
  }
  await eventually("the read models are what the logs say", look).catch(() => undefined)
  return wrong
}

describe("the read models are what the logs say after a kill", { timeout: DIES_WITHIN_MS + 30_000 }, () => {
  it.each(PASSES.flatMap((pass) => projectingCrashPoints.map((point) => [point, pass] as const)))(
    "%s, pass %i",
    async (point, pass) => {
      const doomed = platform.launch({ ...PROJECTING, CRASH_AT: `${point}:${pass}` })
      let isDead = false
      void doomed.ended.then(() => {
        isDead = true
      })
      await payUntil(() => isDead)
      expect(await endOf(doomed), doomed.lines.slice(-5).join("\n")).toBe("SIGKILL")
    },
  )
})

describe("the read models are what the logs say", { timeout: 180_000 }, () => {
  it("when the statement is torn between its halves, by the end of its connection and by a crash of Postgres", async () => {
    const projector = platform.launch(PROJECTING)
    const other = platform.launch(PROJECTING)
    for (const lock of Object.values(HALVES))
      for (const crash of [false, true]) {
        await sql`select pg_advisory_lock(${lock})`
        await pay()
        const pid = await stoppedBackend()
        // Postgres takes a killed backend for a crash: all connections end, and it recovers from its journal.
        if (crash) process.kill(pid, "SIGKILL")
        else await sql`select pg_terminate_backend(${pid})`
        await eventually("the connection is gone", async () =>
          (await backends()).every((one) => one.pid !== pid),
        )
        await sql`select pg_advisory_unlock_all()`.catch(() => undefined)
      }
    expect(await wrongInTheEnd()).toEqual([])
    await Promise.all([projector.stop(), other.stop()])
  })

  it("when Postgres is stopped in the middle of the statement", async () => {
    const projector = platform.launch(PROJECTING)
    await sql`select pg_advisory_lock(${HALVES.payout_batches})`
    await pay()
    await stoppedBackend()
    await database.without(async () => void (await pay()))
    expect(await wrongInTheEnd()).toEqual([])
    await projector.stop()
  })

  // Only in a long run: it takes a minute.
  it.runIf(isLong)("when connections are cut between any two messages", async () => {
    await using way = await CuttingWay.to(database.url)
    const projector = platform.launch({ ...PROJECTING, DATABASE_URL: way.url })
    // A process that finds no Postgres when it starts ends: it has to see to its tables.
    const first = await pay()
    await eventually("the projector works", async () => {
      const shown = await sql`select from payout_batches where id = ${first}`
      return shown.length === 1
    })
    way.isCutting = true
    const isEnough = () => Math.min(way.cuts.statements, way.cuts.answers) >= CUTS
    await payUntil(isEnough)
    // It waits up to ten seconds between two attempts.
    await eventually("enough was cut", async () => isEnough(), 180_000)
    way.isCutting = false
    expect(await wrongInTheEnd()).toEqual([])
    await projector.stop()
  })
})

interface Backend {
  readonly pid: number
  readonly waitsForLock: boolean
}

/** The connections to Postgres, by one of the test's own. */
const backends = (): Promise<ReadonlyArray<Backend>> =>
  sql<Array<Backend>>`
    select pid, coalesce(wait_event = 'advisory', false) as "waitsForLock" from pg_stat_activity
    where application_name = 'atlaspay'`

/** The backend that waits in the middle of the statement. */
const stoppedBackend = async (): Promise<number> => {
  let pid: number | undefined
  await eventually("the statement waits between its halves", async () => {
    pid = (await backends()).find(({ waitsForLock }) => waitsForLock)?.pid
    return pid !== undefined
  })
  if (pid === undefined) throw new Error("unreachable")
  return pid
}
