/** What operators do with deliveries of webhooks at the command line, on stores of its own. */
import postgres from "postgres"
import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest"
import { ownDatabase } from "../database.ts"
import { masterKeys, ownPrefix } from "../settings.ts"
import { atlaspay } from "./atlaspay-process.ts"
import { webhooksHere } from "./command-here.ts"

const [mine, theirs] = [`we_${"0a".repeat(16)}`, `we_${"0b".repeat(16)}`]
const batch = "pb_hrzl4m6ohl72jraa2o7dd2"
const eventType = "com.atlaspay.payout.settled.v1"
let database: Awaited<ReturnType<typeof ownDatabase>>
let sql: postgres.Sql
let stores: Readonly<Record<string, string>>
/** The last entry of the audit trail before a test. */
let known = "0"
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1 })
  stores = {
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: database.url,
    STREAM_PREFIX: ownPrefix(),
    MASTER_KEYS: masterKeys,
  }
  // Migrates the database.
  expect((await atlaspay(stores, "partners", "create", "--partner", "acme").end()).status).toBe(0)
}, 120_000)
afterAll(async () => {
  await sql.end()
  await database.drop()
})

/** Three deliveries to an endpoint of acme: the first was given up, the second arrived, the third waits. One to another partner's. */
beforeEach(async () => {
  await sql`delete from webhook_endpoints`
  await sql`delete from webhook_events`
  known = (await sql`select coalesce(max(sequence), 0)::text as id from audit_trail`)[0]?.id
  for (const [id, partner] of [
    [mine, "acme"],
    [theirs, "globex"],
  ] as const)
    await sql`insert into webhook_endpoints ${sql({ id, partner, url: `https://${partner}.example/`, secret: "1.lost" })}`
  const rows = [
    {
      event_id: `${batch}:1`,
      endpoint: mine,
      state: "dead",
      attempts: 11,
      last_status: 503,
      last_error: "HTTP 503",
    },
    {
      event_id: `${batch}:2`,
      endpoint: mine,
      state: "delivered",
      attempts: 1,
      last_status: 200,
      last_error: null,
    },
    {
      event_id: `${batch}:3`,
      endpoint: mine,
      state: "pending",
      attempts: 0,
      last_status: null,
      last_error: null,
    },
    {
      event_id: "pb_theirs:1",
      endpoint: theirs,
      state: "dead",
      attempts: 11,
      last_status: 503,
      last_error: "HTTP 503",
    },
  ]
  for (const [nth, row] of rows.entries()) {
    const partner = row.endpoint === mine ? "acme" : "globex"
    const about = { partner, batch: row.event_id.split(":")[0] ?? "", sequence: nth + 1 }
    await sql`insert into webhook_events ${sql({ id: row.event_id, ...about, type: eventType, body: "{}" })}`
    const at = new Date(Date.UTC(2026, 10, 27, nth))
    await sql`insert into webhook_deliveries ${sql({ ...row, created_at: at, last_attempt_at: row.attempts > 0 ? at : null })}`
  }
})

const acts = (...args: ReadonlyArray<string>) => webhooksHere(stores, ...args)
const ofMine = ["--partner", "acme", "--endpoint", mine]
const jsonLines = (output: string) =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
const stateOf = async (event: string) =>
  (await sql`select state from webhook_deliveries where event_id = ${event}`)[0]?.state
const trail = () => sql`select who, act, subject from audit_trail where sequence > ${known} order by sequence`

it("lists a partner's deliveries, the newest first, and no other's", async () => {
  const { status, output } = await acts("deliveries", "--partner", "acme", "--json")
  expect(status, output).toBe(0)
  expect(jsonLines(output).map(({ event, state }) => [event, state])).toEqual([
    [`${batch}:3`, "pending"],
    [`${batch}:2`, "delivered"],
    [`${batch}:1`, "dead"],
  ])
  const table = await acts("deliveries", ...ofMine, "--state", "dead")
  expect(table.output).toMatch(
    new RegExp(`^2026-11-27T00:00:00.000Z +${mine} +${batch}:1 +${eventType} +dead +11 +HTTP 503\\n$`),
  )
  const some = await acts(
    "deliveries",
    "--partner",
    "acme",
    "--since",
    "2026-11-27T01:00:00Z",
    "--until",
    "2026-11-27T02:00:00Z",
    "--json",
  )
  expect(jsonLines(some.output).map(({ event }) => event)).toEqual([`${batch}:2`])
  const first = await acts("deliveries", "--partner", "acme", "--batch", batch, "--limit", "1", "--json")
  expect(jsonLines(first.output).map(({ event }) => event)).toEqual([`${batch}:3`])
})

it("shows one with its attempts, and not its body", async () => {
  const { status, output } = await acts("delivery", `${batch}:1`, ...ofMine)
  expect(status, output).toBe(0)
  const shown = JSON.parse(output)
  expect(shown).toMatchObject({
    state: "dead",
    attempts: 11,
    ended: [{ number: 11, status: 503, error: "HTTP 503" }],
  })
  expect(shown).not.toHaveProperty("body")
})

it("sends one again, and the audit trail has who did it", async () => {
  const { status, output } = await acts("resend", `${batch}:2`, ...ofMine)
  expect([status, output]).toEqual([0, `Sent again: ${batch}:2, which was delivered\n`])
  expect(await stateOf(`${batch}:2`)).toBe("pending")
  expect(await trail()).toMatchObject([
    {
      who: expect.stringMatching(/^cli:/),
      act: "webhook-delivery.resend",
      subject: `webhook-endpoint:${mine}`,
    },
  ])
})

it("sends what was given up again, and only that of the endpoint and of the time", async () => {
  const before = await acts("redrive", ...ofMine, "--until", "2026-11-27T00:00:00Z")
  expect(before).toEqual({ status: 0, output: "Sent again: 0\n" })
  const all = await acts("redrive", ...ofMine, "--since", "2026-11-27T00:00:00Z")
  expect(all).toEqual({ status: 0, output: "Sent again: 1\n" })
  expect([await stateOf(`${batch}:1`), await stateOf("pb_theirs:1")]).toEqual(["pending", "dead"])
  expect(await trail()).toMatchObject([{ act: "webhook-endpoint.redrive" }])
})

it("starts a replay, of which an endpoint has one at a time, and shows it", async () => {
  const { status, output } = await acts(
    "replay",
    ...ofMine,
    "--batch",
    batch,
    "--from-sequence",
    "2",
    "--json",
  )
  expect(status, output).toBe(0)
  const { id, ...replay } = JSON.parse(output)
  expect(replay).toMatchObject({ endpoint: mine, batch, fromSequence: 2, state: "running" })
  const second = await acts("replay", ...ofMine, "--since", "2026-11-27T00:00:00Z")
  expect([second.status, second.output]).toEqual([
    1,
    expect.stringContaining("A replay to the endpoint is under way."),
  ])
  const listed = await acts("replays", ...ofMine)
  expect(listed.output).toMatch(new RegExp(`^${id} +\\S+ +running +0 batches +0 events`))
  await sql`update webhook_replays set state = 'done'`
  const timed = await acts(
    "replay",
    ...ofMine,
    "--since",
    "2026-11-27T00:00:00Z",
    "--until",
    "2026-11-28T00:00:00Z",
  )
  expect(timed.output).toMatch(/^Started: wr_[0-9a-f]{32}\n$/)
  const [row] = await sql`select since, until, batch from webhook_replays where state = 'running'`
  expect(row).toEqual({ since: new Date("2026-11-27"), until: new Date("2026-11-28"), batch: null })
})

const none = "The partner has no such webhook endpoint"
const time = "expected a time such as"
it.each([
  [["delivery", "pb_theirs:1", "--partner", "acme", "--endpoint", theirs], none],
  [["resend", "pb_theirs:1", "--partner", "acme", "--endpoint", theirs], none],
  [["resend", "pb_theirs:1", ...ofMine], "or the endpoint no such delivery"],
  [["redrive", "--partner", "acme", "--endpoint", theirs], none],
  [["replay", "--partner", "acme", "--endpoint", theirs, "--batch", batch], none],
  [["replays", "--partner", "acme", "--endpoint", theirs], none],
  [["replay", ...ofMine], "Name either --batch"],
  [["replay", ...ofMine, "--batch", "5"], "Name either --batch"],
  [["replay", ...ofMine, "--batch", batch, "--since", "2026-11-27T00:00:00Z"], "Name either --batch"],
  [["replay", ...ofMine, "--batch", batch, "--until", "2026-11-27T00:00:00Z"], "--until for --since"],
  [
    ["replay", ...ofMine, "--since", "2026-11-27T00:00:00Z", "--from-sequence", "4"],
    "--from-sequence is for --batch",
  ],
  [["replay", ...ofMine, "--batch", batch, "--from-sequence", "0"], "expected 1 to"],
  [["replay", ...ofMine, "--since", "yesterday"], time],
  [["deliveries", "--partner", "acme", "--since", "2026-02-30T00:00:00Z"], time],
  [["deliveries", "--partner", "acme", "--limit", "0"], "expected 1 to 500"],
  [["deliveries", "--partner", "acme", "--limit", "501"], "expected 1 to 500"],
  [["deliveries", "--partner", "Acme!"], "expected a partner's name"],
])("refuses %j", async (args, reason) => {
  const { status, output } = await acts(...args)
  expect([status, output]).toEqual([1, expect.stringContaining(reason)])
  expect(await stateOf("pb_theirs:1")).toBe("dead")
  expect(await sql`select id from webhook_replays`).toEqual([])
  expect(await trail()).toEqual([])
})

it("sends nothing again to a disabled endpoint", async () => {
  await sql`update webhook_endpoints set state = 'disabled', enabled = false`
  for (const act of [["resend", `${batch}:1`], ["redrive"], ["replay", "--batch", batch]]) {
    const { status, output } = await acts(...act, ...ofMine)
    expect([status, output]).toEqual([1, expect.stringContaining("The webhook endpoint is disabled")])
  }
  expect(await stateOf(`${batch}:1`)).toBe("dead")
})
