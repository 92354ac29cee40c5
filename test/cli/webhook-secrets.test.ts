/** An operator replaces the secret of an endpoint at the command line. */
import postgres from "postgres"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import { ownDatabase } from "../database.ts"
import { masterKeys, ownPrefix } from "../settings.ts"
import { atlaspay } from "./atlaspay-process.ts"

const endpoint = `we_${"0a".repeat(16)}`
let database: Awaited<ReturnType<typeof ownDatabase>>
let sql: postgres.Sql
let stores: Readonly<Record<string, string>>
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1 })
  stores = {
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: database.url,
    STREAM_PREFIX: ownPrefix(),
    MASTER_KEYS: masterKeys,
  }
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const run = async (...args: ReadonlyArray<string>) => {
  const process = atlaspay(stores, ...args)
  return { ...(await process.end()), output: process.output() }
}

const rotate = (...args: ReadonlyArray<string>) => run("webhooks", "secrets", "rotate", ...args)

it("shows the new secret once, and the audit trail has who did it", { timeout: 120_000 }, async () => {
  expect((await run("partners", "create", "--partner", "acme")).status).toBe(0)
  await sql`insert into webhook_endpoints ${sql({
    id: endpoint,
    partner: "acme",
    url: "https://acme.example/hooks",
    host: "acme.example",
    secret: "1.lost",
  })}`
  const { status, lines, output } = await rotate(endpoint)
  expect(status, output).toBe(0)
  expect(lines).toEqual([
    expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    "Give it to acme now: it is not shown again.",
    "The old one signs no attempt that begins five seconds from now or later.",
  ])

  const overlapping = await rotate(endpoint, "--overlap-hours", "24", "--json")
  const { secret, ...done } = JSON.parse(overlapping.lines[0] ?? "")
  expect(done).toEqual({ endpoint, partner: "acme", previousUntil: expect.any(String) })
  const again = await rotate(endpoint, "--overlap-hours", "24")
  expect([again.status, again.output]).toEqual([1, expect.stringContaining(`until ${done.previousUntil}`)])

  const trail = await run("audit", "--json", "--subject", `webhook-endpoint:${endpoint}`)
  const entries = trail.lines.map((line) => JSON.parse(line))
  expect(entries.map(({ act }) => act)).toEqual(Array(2).fill("webhook-endpoint.rotate-secret"))
  expect(entries[0]).toMatchObject({
    who: expect.stringMatching(/^cli:/),
    after: { previousSecretUntil: done.previousUntil },
  })
  const [row] = await sql`select * from webhook_endpoints`
  for (const text of [trail.output, JSON.stringify(row)])
    for (const one of [lines[0], secret]) expect(text).not.toContain(one)
})

it("refuses what is no endpoint, and an endpoint without what it is to replace", {
  timeout: 120_000,
}, async () => {
  const refusals = [
    [[`we_${"ff".repeat(16)}`], "There is no such endpoint."],
    [[endpoint, "--signing-key"], "The endpoint has no key for asymmetric signatures."],
    [[endpoint, "--overlap-hours", "169"], "expected 0 to 168"],
    [["whsec_no"], "expected the id of an endpoint"],
  ] as const
  for (const [args, reason] of refusals) {
    const { status, output } = await rotate(...args)
    expect([status, output]).toEqual([1, expect.stringContaining(reason)])
  }
})
