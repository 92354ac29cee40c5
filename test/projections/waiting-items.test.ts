/** Items that wait are counted in the totals of open batches, and their age is that of the oldest item. */
import { Effect } from "effect"
import postgres from "postgres"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Database } from "../../src/database/database.ts"
import { waitingItems } from "../../src/projections/waiting-items-postgres.ts"
import { type OwnDatabase, ownDatabase } from "../database.ts"

let database: OwnDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const query = ((_: string, run: (sql: postgres.Sql) => PromiseLike<unknown>) =>
  Effect.promise(async () => await run(sql))) as Database["Service"]["query"]

const read = async () => {
  const found = await Effect.runPromise(waitingItems(query))
  return new Map(found.map(({ state, count, since }) => [state, { count, since }]))
}

interface Item {
  readonly state: string
  readonly ledger?: string
  readonly updatedAt: number
  readonly requestedAt?: number
}

let batches = 0
const add = async (
  partner: string,
  state: string,
  receivedAt: number,
  items: ReadonlyArray<Item>,
  closed = false,
) => {
  const id = `pb_${String(++batches).padStart(22, "a")}`
  const counts = Object.fromEntries(
    [...Map.groupBy(items, (item) => item.state)].map(([of, { length }]) => [
      of,
      { count: length, minor: "1" },
    ]),
  )
  await sql`
    insert into payout_batches (id, partner, idempotency_key, state, item_count, version, received_at, updated_at, closed_at, totals)
    values (${id}, ${partner}, ${id}, ${state}, ${items.length}, 9, ${new Date(receivedAt)}, ${new Date(receivedAt)},
      ${closed ? new Date(receivedAt) : null}, ${JSON.stringify({ EUR: counts })}::text::jsonb)`
  for (const [index, { state, ledger = "held", updatedAt, requestedAt }] of items.entries())
    await sql`
      insert into payout_items (batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger, version,
        updated_at, requested_at)
      values (${id}, ${index + 1}, 'r', 'Grace Hopper', 'iban …3000', 'EUR', 1, ${state}, ${ledger}, 9, ${new Date(updatedAt)},
        ${requestedAt === undefined ? null : new Date(requestedAt)})`
}

it("shows each state with 0 if nothing waits", async () => {
  expect([...(await read())]).toEqual(
    ["screening", "unknown", "parked", "held", "awaiting-funds", "awaiting-approval"].map((state) => [
      state,
      { count: 0, since: undefined },
    ]),
  )
})

it("counts over partners and open states, from the last change, the attempt, the clearance or the receipt", async () => {
  const held = { state: "held", updatedAt: 5_000 }
  await add("acme", "screening", 1_000, [held, { ...held, updatedAt: 4_000 }])
  await add("globex", "settling", 2_000, [
    { ...held, updatedAt: 7_000 },
    // Without a decision since its batch was received, however often one is postponed.
    { state: "screening", updatedAt: 8_000 },
    // Asked again and again: it has been unknown for longer than since its last change.
    { state: "unknown", updatedAt: 9_000, requestedAt: 3_000 },
    { state: "parked", updatedAt: 6_000 },
    { state: "settled", updatedAt: 1 },
  ])
  await add("globex", "awaiting-approval", 3_000, [
    { state: "cleared", updatedAt: 3_500 },
    { state: "cleared", updatedAt: 3_600 },
  ])
  await add("initech", "awaiting-funds", 4_000, [
    { state: "cleared", ledger: "none", updatedAt: 4_500 },
    { state: "settled", updatedAt: 4_100 },
  ])
  await add("initech", "settled", 10, [{ state: "held", updatedAt: 20 }], true)
  expect(Object.fromEntries(await read())).toEqual({
    screening: { count: 1, since: 2_000 },
    held: { count: 3, since: 4_000 },
    unknown: { count: 1, since: 3_000 },
    parked: { count: 1, since: 6_000 },
    "awaiting-approval": { count: 2, since: 3_000 },
    "awaiting-funds": { count: 1, since: 4_500 },
  })
})

it("reads the items of the batches that were received first, a bounded number, and counts them all", async () => {
  const items = Array.from({ length: 3 }, () => ({ state: "parked", updatedAt: 50_000 }))
  await sql`update payout_batches set item_count = 15000 where state = 'settling'`
  await add("acme", "settling", 60_000, items)
  await add("acme", "settling", 70_000, [{ state: "parked", updatedAt: 40_000 }])
  await sql`update payout_batches set item_count = 15000 where received_at = ${new Date(60_000)}`
  // Two batches of 15,000 are within the bound together; the third, which has the second oldest item, is beyond.
  expect((await read()).get("parked")).toEqual({ count: 5, since: 6_000 })
  await sql`delete from payout_items where batch in (select id from payout_batches where partner = 'globex') and state = 'parked'`
  expect((await read()).get("parked")).toEqual({ count: 5, since: 50_000 })
})
