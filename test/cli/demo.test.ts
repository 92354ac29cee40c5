import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { schemaProblems } from "../providers/iso20022/payment-initiation-schema.ts"
import { isPublishedDataThere } from "../published-data.ts"
import { type AtlaspayProcess, atlaspay, processesLeft } from "./atlaspay-process.ts"

/** A run takes seconds; the machine may be busy with other tests. */
const RUN_MS_MAX = 120_000

let dataDir: string
const started: Array<AtlaspayProcess> = []

const start = (...args: ReadonlyArray<string>): AtlaspayProcess => {
  const run = atlaspay({ ATLASPAY_DATA: dataDir }, ...args)
  started.push(run)
  return run
}

const run = async (...args: ReadonlyArray<string>) => {
  const process = start(...args)
  const { status, lines } = await process.end()
  return { status, lines, output: process.output() }
}

const jsonOf = (line: string | undefined) => JSON.parse(line ?? "")

/** The account numbers of the batch that the demo pays. */
const exampleAccounts = (): ReadonlyArray<string> =>
  JSON.parse(readFileSync("examples/payouts.json", "utf8")).items.map(
    ({ beneficiary: { account } }: { beneficiary: { account: Record<string, string> } }) =>
      account.iban ?? account.accountNumber,
  )

/** The key of the service that runs on the data folder, which nothing that is printed or logged may tell. */
const keyOfService = (): string =>
  JSON.parse(readFileSync(join(dataDir, "service.json"), "utf8")).sandbox.apiKey

const expectUntold = (secret: string, output: string): void => {
  expect(secret).not.toBe("")
  const logs = readdirSync(join(dataDir, "logs")).map((name) =>
    readFileSync(join(dataDir, "logs", name), "utf8"),
  )
  for (const text of [output, ...logs]) expect(text.includes(secret)).toBe(false)
}

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "demo-"))
})

afterEach(async () => {
  for (const process of started.splice(0)) {
    process.signal("SIGKILL")
    await process.end()
  }
})

describe("the demo", () => {
  it(
    "pays the example, agrees with the banks, and can be looked at when all has stopped",
    async () => {
      const { status, lines, output } = await run("demo", "--json")
      expect(status, output).toBe(0)
      const summary = jsonOf(lines.at(-1))
      expect(summary).toMatchObject({
        items: { held: 3, rejected: 2, failed: 5, returned: 3, settled: 187 },
        paidTwice: 0,
        // Of these failures one was mended: south paid what north had refused.
        banks: {
          north: { settled: 74, failed: 3, returned: 1 },
          south: { settled: 32, failed: 1, returned: 1 },
          west: { settled: 34, failed: 1, returned: 0 },
          clearing: { settled: 47, failed: 1, returned: 1 },
        },
      })
      for (const sums of Object.values<Record<string, string>>(summary.currencies)) {
        const minor = (column: string) => BigInt((sums[column] ?? "").replace(".", ""))
        expect(minor("accepted")).toBe(minor("settled") + minor("failed") + minor("returned") + minor("held"))
      }
      expect(Object.keys(summary.currencies).sort()).toEqual(["EUR", "GBP", "JPY", "USD"])
      expect(summary.webhooksVerified).toBe(summary.eventsPublished)
      // One for the batch, one for each item, and a second one for those that came back.
      expect(summary.eventsPublished).toBe(1 + 200 + 3)
      const types = Object.entries<Record<string, number>>(summary.webhooks.types)
      expect(types.map(([type]) => type).sort()).toEqual(
        [
          "payout-batch.accepted",
          "payout.failed",
          "payout.held",
          "payout.rejected",
          "payout.returned",
          "payout.settled",
        ].map((name) => `com.atlaspay.${name}.v1`),
      )
      for (const [, { deliveries, delivered, pending, dead, verified }] of types)
        expect([delivered, verified, pending, dead]).toEqual([deliveries, deliveries, 0, 0])
      const total = (column: string) => types.reduce((sum, [, sums]) => sum + (sums[column] ?? 0), 0)
      expect(total("verified")).toBe(summary.webhooksVerified)
      const { event, eventType, stateBefore, isRepeated, attempts } = summary.webhooks.resent
      expect([eventType, stateBefore, isRepeated]).toEqual([
        "com.atlaspay.payout.settled.v1",
        "delivered",
        true,
      ])
      expect(attempts.length).toBeGreaterThanOrEqual(2)
      expect(attempts.at(-1)).toMatchObject({ number: attempts.length, status: 204 })
      expect(total("repeated")).toBeGreaterThanOrEqual(1)
      expect(output).toContain(`Sent again: ${event}, and verified as a repetition of the same webhook-id`)
      expect(summary.reconciliation).toMatchObject({ compared: { batches: 1 }, discrepancies: [] })
      expect(output).toContain("All agree.")
      const { folder, orders } = summary.files
      expect(readdirSync(join(folder, "taken")).sort()).toEqual(orders)
      expect(await processesLeft(dataDir)).toEqual([])

      const again = await run("reconcile", "--day", summary.reconciliation.day, "--json")
      expect(again.status, again.output).toBe(0)
      expect(jsonOf(again.lines.at(-1))).toEqual(summary.reconciliation)

      const replay = await run("replay", summary.batchId, "--json")
      const steps = replay.lines.map(jsonOf)
      expect(steps.map(({ version }) => version)).toEqual(steps.map((_, index) => index + 1))
      expect(steps.at(-1).totals.JPY.settled).toBe(summary.currencies.JPY.settled)
      const events = await run("events", summary.batchId, "--json")
      expect(events.lines).toHaveLength(steps.length)
      for (const account of exampleAccounts()) expect(events.output).not.toContain(account)
      const shown = await run("batches", "show", summary.batchId, "--json")
      expect(jsonOf(shown.lines[0])).toMatchObject({ id: summary.batchId, version: steps.length })
    },
    RUN_MS_MAX,
  )

  it.skipIf(!isPublishedDataThere)("writes files that the schema of ISO 20022 accepts", async () => {
    const taken = join(dataDir, "clearing", "taken")
    const files = readdirSync(taken)
    const kinds = files.map((name) => name.split("-").slice(1, 3).join("-"))
    expect(kinds.sort()).toEqual(expect.arrayContaining(["EUR-sepa", "USD-ach"]))
    expect(await schemaProblems(files.map((name) => readFileSync(join(taken, name), "utf8")))).toEqual([])
    expect(readdirSync(join(dataDir, "clearing", "quarantine"))).toEqual([])
  })

  it(
    "leaves no account number in the service's log",
    () => {
      const log = readFileSync(join(dataDir, "logs", "service.log"), "utf8")
      for (const account of exampleAccounts()) expect(log).not.toContain(account)
    },
    RUN_MS_MAX,
  )

  it(
    "is killed in the middle, and the next start finishes its batch without paying twice",
    async () => {
      const killed = start("demo")
      const batch = await killed.printed(/as batch (pb_\w+)/)
      await killed.printed(/Accepted after/)
      killed.signal("SIGKILL")
      await killed.end()

      const next = start("demo", "examples/payouts.csv", "--keep")
      await next.printed(/NATS {2}nats/)
      expectUntold(keyOfService(), next.output())
      await next.printed(/Webhooks: npm run atlaspay -- webhooks deliveries --partner demo/)
      const own = ["--batch", await next.printed(/as batch (pb_\w+)/), "--limit", "3", "--json"]
      const deliveries = await run("webhooks", "deliveries", "--partner", "demo", ...own)
      expect(deliveries.status, deliveries.output).toBe(0)
      expect(deliveries.lines.map(jsonOf)).toMatchObject(Array(3).fill({ state: "delivered" }))
      const watched = await run("batches", "watch", batch, "--json")
      expect(watched.status, watched.output).toBe(0)
      expect(jsonOf(watched.lines.at(-1)).itemCount).toBe(200)
      for (const bank of ["north", "south", "west", "clearing"]) {
        const books = await next.printed(new RegExp(`Bank  ${bank} (\\S+)`))
        expect(await (await fetch(`${books}?summary=true`)).json()).toMatchObject({ paidTwice: 0 })
      }
    },
    2 * RUN_MS_MAX,
  )

  it(
    "stops everything on Ctrl-C, and leaves no process behind",
    async () => {
      const demo = start("demo")
      await demo.printed(/Accepted after/)
      demo.signal("SIGINT")
      expect((await demo.end()).status).toBe(130)
      expect(existsSync(join(dataDir, "service.json"))).toBe(false)
      expect(await processesLeft(dataDir)).toEqual([])
    },
    RUN_MS_MAX,
  )

  it("sends nothing of a file that has a wrong row", async () => {
    const { status, output } = await run("demo", "package.json")
    expect(status).toBe(1)
    expect(output).toContain("package.json was not submitted")
    expect(output).not.toContain("Redis")
  })
})

describe("the service alone", () => {
  it(
    "starts what is missing, takes files from the command line, and drains on SIGTERM",
    async () => {
      const service = start("serve")
      await service.printed(/Roles:/)
      const submitted = await run("batches", "submit", "examples/payouts.csv", "--json")
      expect(submitted.status, submitted.output).toBe(0)
      const { id, idempotencyKey } = jsonOf(submitted.lines[0])
      const repeated = await run(
        "batches",
        "submit",
        "examples/payouts.csv",
        "--idempotency-key",
        idempotencyKey,
      )
      expect(repeated.output).toContain(id)
      const watched = await run("batches", "watch", id)
      expect(watched.output).toContain("settled")
      expectUntold(keyOfService(), service.output() + submitted.output + watched.output)
      service.signal("SIGTERM")
      expect((await service.end()).status).toBe(0)
      expect(service.output()).toContain("worker drained")
      expect(await processesLeft(dataDir)).toEqual([])
    },
    RUN_MS_MAX,
  )

  it(
    "refuses a port that was asked for and is taken",
    async () => {
      const taken = createServer().listen(0, "127.0.0.1")
      await once(taken, "listening")
      const { port } = taken.address() as AddressInfo
      const refused = atlaspay({ ATLASPAY_DATA: dataDir, PORT: String(port) }, "serve")
      started.push(refused)
      expect((await refused.end()).status).toBe(1)
      expect(refused.output()).toContain(`Cannot listen on 127.0.0.1:${port}: EADDRINUSE.`)
      taken.close()
    },
    RUN_MS_MAX,
  )
})
