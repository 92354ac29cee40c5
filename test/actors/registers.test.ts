/** What the registers know beside the log, before money moves. */
import postgres from "postgres"
import { expect, it, vi } from "vitest"
import { countOf } from "../../src/domain/batch.ts"
import { encodeMail } from "../../src/domain/event-codec.ts"
import { clearanceKey, transferReference } from "../../src/domain/identifiers.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

const patience = { timeout: 30_000, interval: 50 }

const onPostgres = async (engine: EngineUnderTest, ...statements: ReadonlyArray<string>) => {
  const sql = postgres(engine.databaseUrl, { max: 1, onnotice: () => {} })
  try {
    let rows: ReadonlyArray<unknown> = []
    for (const statement of statements) rows = await sql.unsafe(statement)
    return rows
  } finally {
    await sql.end()
  }
}

it("a register that has forgotten attempts is told of them again before anything else is paid", async () => {
  await using engine = await EngineUnderTest.open()
  engine.closedBanks.add("south")
  const first = await engine.start()
  const batch = await engine.submit("acme", "two banks", 3, (item) => (item === 3 ? "JPY" : "EUR"))
  await vi.waitUntil(async () => countOf(await engine.batch(batch), "settled") === 2, patience)
  await first.drain()
  await onPostgres(engine, "delete from instruction_register where item = 2", "delete from instruction_tails")

  engine.closedBanks.delete("south")
  await engine.start()
  await vi.waitUntil(async () => (await engine.batch(batch)).closed !== undefined, patience)
  expect(await onPostgres(engine, "select item from instruction_register order by item")).toMatchObject([
    { item: 1 },
    { item: 2 },
    { item: 3 },
  ])
  const alarms = engine.lines.filter((line) => line.includes("register had forgotten attempts"))
  expect(alarms).toEqual([expect.stringContaining('"attempts":1')])
  expect([...engine.paid.values()]).toEqual([1, 1, 1])
})

it("a rejection that is registered and was lost on its way stops a worker that is about to pay", async () => {
  await using engine = await EngineUnderTest.open()
  engine.closedBanks.add("north")
  await engine.start()
  const batch = await engine.submit("acme", "about to pay", 2)
  await vi.waitUntil(async () => (await engine.batch(batch)).tasks.request.size === 2, patience)
  const rejection = encodeMail({
    _tag: "RecordScreening",
    at: Date.now(),
    clearance: 1,
    clearanceId: clearanceKey(batch, 1),
    listVersion: "test",
    decisions: [{ item: 1, decision: "rejected" }],
  })
  await onPostgres(
    engine,
    `insert into decision_register (batch, id, digest, command) values ('${batch}', 'lost', '', '${rejection}')`,
  )
  engine.closedBanks.delete("north")
  await vi.waitUntil(async () => countOf(await engine.batch(batch), "settled") === 1, patience)
  await vi.waitUntil(async () => {
    const [row] = await onPostgres(engine, "select answered_version from decision_register")
    return (row as { readonly answered_version: number | null }).answered_version !== null
  }, patience)
  expect([...engine.paid.keys()]).toEqual([transferReference({ batch, item: 2, attempt: 1 })])
})

it("a decision about a batch at rest that was lost on its way is told to it again", async () => {
  await using engine = await EngineUnderTest.open({ environment: { SWEEP_MS: "1500" } })
  await engine.start()
  await engine.start()
  const batch = await engine.submit("acme", "at rest", 1)
  await vi.waitUntil(async () => (await engine.batch(batch)).closed !== undefined, patience)
  const cancel = encodeMail({
    _tag: "Cancel",
    at: Date.now(),
    items: [],
    by: "alice",
    reason: cleanText("fraud"),
  })
  const gone = batch.replace(/.$/, "-")
  const keep = (about: string, id: string, command: string) =>
    `insert into decision_register (batch, id, digest, command) values ('${about}', '${id}', '', '${command}')`
  await onPostgres(
    engine,
    keep(gone, "of no batch", cancel),
    keep(batch, "unreadable", "{}"),
    keep(batch, "lost", cancel),
  )
  await vi.waitUntil(async () => {
    const rows = await onPostgres(engine, "select id from decision_register where answered_at is not null")
    return rows.length === 1 && (rows[0] as { readonly id: string }).id === "lost"
  }, patience)
  expect(engine.lines.filter((line) => line.includes("a decision is enqueued again"))).toHaveLength(1)
  expect(engine.lines.join("\n")).toContain("a decision cannot be enqueued again yet")
  expect(engine.lines.join("\n")).toContain("a decision is unreadable")
})
