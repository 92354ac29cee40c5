/**
 * What the release before left behind in the middle of its work, in Postgres, in Redis, at the banks and in a folder, is
 * gone on with by this one: open batches come to their end, nobody is paid twice, and what was closed is shown.
 */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis } from "ioredis"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { migrations } from "../../src/database/migration-files.ts"
import { parseTransferReference } from "../../src/domain/identifiers.ts"
import { emptyDatabase, type OwnDatabase } from "../database.ts"
import { eventually, OLGA, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import {
  type BatchName,
  batches,
  batchNames,
  providersDocument,
  recordedSettings,
  restoreDatabase,
  restoreFolders,
  restoreKeys,
} from "./recorded-release.ts"

interface Shown {
  readonly state: string
  readonly version: number
  readonly items: ReadonlyArray<{ readonly state: string; readonly bank?: string }>
}

let database: OwnDatabase
let platform: PlatformUnderTest
let service: Service
let sql: postgres.Sql
let redis: Redis
/** How each batch stood in the read models that the release left. */
let recorded: ReadonlyMap<string, { readonly state: string; readonly version: number }>
let cursors: ReadonlyMap<string, string>
let toldBefore: ReadonlyArray<string>
/** When this release takes over, by the clock of Postgres. */
let startedAt: Date

const standings = async () =>
  new Map(
    (
      await sql<
        Array<{ id: string; state: string; version: number }>
      >`select id, state, version from payout_batches`
    ).map(({ id, ...standing }) => [id, standing] as const),
  )

/** Of followers of the logs; where the relay stands in its stream is no position in a feed. */
const positions = async () =>
  new Map(
    (
      await sql<Array<{ projection: string; partition: number; position: string }>>`
        select projection, partition, position from projection_checkpoints where projection <> 'event-stream'`
    ).map(({ projection, partition, position }) => [`${projection} ${partition}`, position] as const),
  )

const told = async (): Promise<ReadonlyArray<string>> =>
  (
    await sql<Array<{ line: string }>>`
      select concat_ws(' ', event_id, endpoint, attempts, last_attempt_at) as line from webhook_deliveries
      where state = 'delivered' and last_attempt_at < ${startedAt} order by 1`
  ).map(({ line }) => line)

const shown = async (name: BatchName): Promise<Shown> => {
  const [batch, { items }] = await Promise.all([
    platform.get<Shown>(`/payout-batches/${batches[name]}`),
    platform.get<Pick<Shown, "items">>(`/payout-batches/${batches[name]}/items`),
  ])
  return { ...batch, items }
}

const comesTo = (name: BatchName, state: string): Promise<void> =>
  eventually(`${name} is ${state}`, async () => (await shown(name)).state === state, 60_000)

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "recorded-"))
  const clearingFolder = join(folder, "clearing")
  restoreFolders(join(folder, "sandbox"), clearingFolder)
  const providers = join(folder, "providers.json")
  database = await emptyDatabase()
  platform = await PlatformUnderTest.open(
    {
      ...recordedSettings,
      DATABASE_URL: database.url,
      PROVIDERS_FILE: providers,
      // Much may have happened since; so all that was cleared then is cleared again.
      CLEARANCE_MAX_AGE_MS: "60000",
    },
    { data: join(folder, "sandbox"), clearingFolder, slowMs: 1_000 },
  )
  writeFileSync(providers, JSON.stringify(providersDocument(platform.sandbox, clearingFolder)))
  redis = new Redis(inject("redisUrl"))
  await restoreDatabase(database.url)
  await restoreKeys(redis)
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  recorded = await standings()
  cursors = await positions()
  const [clock] = await sql<Array<{ now: Date }>>`select now()`
  startedAt = clock?.now ?? new Date()
  toldBefore = await told()
  service = await platform.start()
}, 90_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  await sql.end()
  await database.drop()
  redis.disconnect()
})

describe("a deployment of the release before", { timeout: 90_000 }, () => {
  it("has its tables adopted, and not one made anew", () => {
    const line = service.lines.find((line) => line.includes("the schema was migrated")) ?? ""
    expect(line).toContain(`"applied":${migrations.length - 15},"adopted":15`)
  })

  it.each<BatchName>(["settled", "mixed", "approved"])("shows a batch that was closed: %s", async (name) => {
    const before = recorded.get(batches[name])
    expect(await shown(name)).toMatchObject({ ...before })
  })

  it.each<readonly [BatchName, string]>([
    ["crashed", "whose worker died after the bank took the order"],
    ["slow", "whose bank's word waits in the mailbox"],
    ["in-file", "whose bank answered by a file that nobody has read"],
    ["order-waits", "whose order waits for its file"],
    ["queued-1", "that stands in the run queue or in line before it"],
    ["queued-2", "that does, too"],
    ["queued-3", "that does, too"],
    ["queued-4", "that does, too"],
    ["queued-5", "that does, too"],
    ["queued-6", "that does, too"],
    ["without-funds", "whose partner has been funded since"],
  ])("finishes a batch: %s, %s", async (name) => {
    await comesTo(name, "settled")
  })

  it("takes a cancellation that was acknowledged and that no worker had seen", async () => {
    await comesTo("cancelled", "cancelled")
  })

  it("keeps waiting for what others have to do, and takes their word", async () => {
    expect((await shown("scheduled")).state).toBe("scheduled")
    expect((await shown("parked")).items.map(({ state }) => state)).toEqual(["parked"])
    // Nobody approved it in time, once that time is over.
    expect(["awaiting-approval", "cancelled"]).toContain((await shown("awaiting-approval")).state)
    await eventually("one is paid, the other one is held", async () => {
      const { items } = await shown("held")
      return items.map(({ state }) => state).join() === "held,settled"
    })
    const review = { decision: "released", reason: "known to us" }
    const answer = await platform.say(`${batches.held}/items/1/review`, review, OLGA)
    expect(answer.status).toBe(202)
    await comesTo("held", "settled")
  })

  it("has paid nobody twice, by the books of all banks", async () => {
    const books = await platform.books()
    expect(books.map(({ paidTwice }) => paidTwice)).toEqual([0, 0, 0, 0])
    const payments = books.flatMap(({ transfers }) =>
      transfers.flatMap(({ reference, payments }) =>
        Array.from({ length: payments }, () => {
          const { batch, item } = parseTransferReference(reference) ?? {}
          return `${batch} ${item}`
        }),
      ),
    )
    expect(payments.length).toBe(new Set(payments).size)
    const paid = await Promise.all(
      batchNames.map(async (name) =>
        (await shown(name)).items.flatMap(({ state }, index) =>
          ["settled", "returned"].includes(state) ? [`${batches[name]} ${index + 1}`] : [],
        ),
      ),
    )
    expect(payments.sort()).toEqual(paid.flat().sort())
  })

  it("follows its logs from the cursors that were left, to the end", async () => {
    await eventually("all cursors are at the end of their feeds", async () => {
      for (const [follower, position] of await positions()) {
        const [, partition] = follower.split(" ")
        const [last] = await redis.xrevrange(`rel:{${partition}}:feed`, "+", "-", "COUNT", 1)
        if (last?.[0] !== position) return false
      }
      return true
    })
    const now = await positions()
    expect([...now.keys()].sort()).toEqual([...cursors.keys()].sort())
    const [before, after] = [cursors, now].map((all) => [...all].map(([, position]) => timeOf(position)))
    expect(after?.every((at, index) => at >= (before?.[index] ?? 0))).toBe(true)
    expect(service.lines.filter((line) => /frozen|lost history|unreadable/.test(line))).toEqual([])
  })

  it("tells endpoints of what is new, and not again what they know", async () => {
    expect(toldBefore.length).toBeGreaterThan(10)
    expect(await told()).toEqual(toldBefore)
    await eventually("what nobody took is tried again", async () => {
      const [row] = await sql<Array<{ tried: number }>>`
        select count(*)::int as tried from webhook_deliveries where last_attempt_at > ${startedAt}`
      return (row?.tried ?? 0) > 0
    })
  })

  it("reads the files that waited, and makes no file again", async () => {
    const files = await sql<Array<{ message_id: string }>>`select message_id from bank_files order by id`
    expect(files.length).toBe(3)
    expect(files.slice(0, 2).map(({ message_id }) => message_id)).toEqual([
      "EUR-sepa-2026-11-27-1",
      "EUR-sepa-2026-11-27-2",
    ])
  })
})

const timeOf = (position: string): number => Number(position.split("-")[0])
