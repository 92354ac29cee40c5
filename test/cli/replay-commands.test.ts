/**
 * Each command of replays in a process in which every connection but those to Redis and Postgres throws. What is only about an answer or a
 * status runs in the process of the test.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest"
import { openArchive } from "../../src/cli/archived-logs.ts"
import { onlyHere } from "../../src/cli/replay-import.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import { largeLog, otherCheckout, rareLog } from "../replay/generated-logs.ts"
import { ownPrefix } from "../settings.ts"
import { batchOf } from "../streams/log-under-test.ts"
import { atlaspay, processesLeft } from "./atlaspay-process.ts"
import { replayHere } from "./command-here.ts"

const prefix = ownPrefix()
const [paid, rare] = [batchOf(3, 1), batchOf(3, 2)]
const folder = mkdtempSync(join(tmpdir(), "replay-"))
const file = join(folder, "batch.ndjson")
const sandbox = join(folder, "sandbox")
const guard = { NODE_OPTIONS: `--import=${join(import.meta.dirname, "../replay/stores-only.mjs")}` }
let redis: Redis
let stores: Readonly<Record<string, string>>

const store = async (events: ReadonlyArray<BatchEvent>, batch = paid, under = prefix): Promise<void> => {
  const key = partitionKeys(under, partitionOf(batch, 16)).log(batch)
  for (const [index, { text, hash }] of linked(chainStart(batch), events).entries())
    await redis.xadd(key, `${index + 1}-0`, "e", text, "h", hash)
}

beforeAll(async () => {
  redis = new Redis(inject("redisUrl"))
  const database = new URL(inject("databaseUrl"))
  database.pathname = `/${inject("migratedDatabase")}`
  stores = {
    ...guard,
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: database.href,
    STREAM_PREFIX: prefix,
    ALLOWED_PORTS: `${new URL(inject("redisUrl")).port},${database.port}`,
  }
  await store(largeLog(5))
  await store(rareLog(), rare)
})

afterAll(async () => {
  for (const key of await redis.keys(`${prefix}*`)) await redis.del(key)
  redis.disconnect()
  expect(await processesLeft(folder)).toEqual([])
})

const run = async (settings: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
  const command = atlaspay(settings, "replay", ...args)
  const { status, lines } = await command.end()
  return { status, lines, output: command.output() }
}

const local = { ...guard, REACHED: join(folder, "reached") }

describe("an import", () => {
  const reasonIn = (environment: NodeJS.ProcessEnv) =>
    Effect.runSync(
      Effect.match(onlyHere(environment), { onSuccess: () => "", onFailure: ({ reason }) => reason }),
    )

  it("goes into no store that others use", () => {
    expect(reasonIn({})).toBe("")
    expect(reasonIn({ DATABASE_URL: "x" })).toContain("DATABASE_URL is set")
    expect(reasonIn({ REDIS_URL: "x", DATABASE_URL: "x" })).toContain("REDIS_URL and DATABASE_URL are set")
    expect(reasonIn({ NODE_ENV: "production" })).toContain("NODE_ENV is production")
  })
})

describe("all logs", () => {
  it("are not said to be those of Redis alone", async () => {
    vi.stubEnv("REDIS_URL", "redis://127.0.0.1:9")
    vi.stubEnv("DATABASE_URL", "")
    const asked = Effect.scoped(
      Effect.gen(function* () {
        const archive = yield* openArchive(folder)
        expect(yield* archive.entries(paid, 0, 1)).toEqual([])
        return yield* Effect.flip(archive.logs("", 1))
      }),
    )
    expect(await Effect.runPromise(asked)).toMatchObject({ reason: "DATABASE_URL is not set" })
    vi.unstubAllEnvs()
  })
})

describe("replays in a process that can reach only the stores", { timeout: 120_000 }, () => {
  it("show each event and why it came, and the items at a version", async () => {
    const all = await run(stores, paid)
    expect(all.output).toContain("why: the bank answered evidence callback")
    expect(all.output).toMatch(/settled at version \d+, 5 items/)
    const then = await run(stores, paid, "--at", "6", "--json")
    expect(then.status).toBe(0)
    const shown = then.lines.map((line) => JSON.parse(line))
    expect(shown.filter(({ version }) => version !== undefined)).toHaveLength(6)
    expect(shown.at(-1)).toMatchObject({ item: 5, state: "cleared", attempts: [] })
    expect((await run(stores, rare)).output).toContain("by operator:otto")
  })

  it("show what was before a time by any clock, and up to where a log is damaged", async () => {
    const under = `${prefix}-damaged`
    const events = largeLog(3).slice(0, 8)
    const [last] = events.slice(-1)
    if (last === undefined) throw new Error("no event")
    // The fifth event was written by a worker whose clock is fast.
    const skewed = events.map((event, index) => (index === 4 ? { ...event, at: last.at + 60_000 } : event))
    await store(skewed, paid, under)
    await redis.xadd(partitionKeys(under, partitionOf(paid, 16)).log(paid), "9-0", "e", "{}", "h", "no hash")
    const shown = async (at: string) => {
      const { status, lines, output } = await run({ ...stores, STREAM_PREFIX: under }, paid, "--at", at)
      const versions = lines.map((line) => /^ +(\d+) \d\d:/.exec(line)?.[1]).filter(Boolean)
      return { status, versions: versions.length, output }
    }
    expect(await shown(new Date(last.at).toISOString())).toMatchObject({ status: 0, versions: 4 })
    expect(await shown("8")).toMatchObject({ status: 0, versions: 8 })
    const beyond = await shown("11")
    expect(beyond).toMatchObject({ status: 1, versions: 0 })
    expect(beyond.output).toContain("the log ends before version 11")
  })

  it("compare with other code, and say by the status whether anything differs", async () => {
    const same = await run(stores, "diff", "--code", otherCheckout(), "--all", "--json")
    expect(same.output).toContain('"different":0')
    expect(same.status).toBe(0)
    const other = otherCheckout("evolve.ts", "attempt.unknownSince ??= event.at", "")
    const differing = await replayHere(stores, "diff", "--code", other, rare, paid)
    expect(differing.output).toContain("1 of 2 logs differ")
    expect(differing.status).toBe(1)
    expect((await replayHere(stores, "diff", "--code", other, batchOf(3, 3))).status).toBe(2)
  })

  it("route by other rules", async () => {
    const providers = join(folder, "providers.json")
    const url = "http://127.0.0.1:9"
    const bank = (name: string) => ({ name, kind: "instant", url })
    const document = {
      version: "next",
      compliance: { url },
      ledger: { url },
      banks: [bank("north"), bank("south")],
      routes: [{ rule: "all", banks: ["south"] }],
    }
    writeFileSync(providers, JSON.stringify(document))
    const { status, lines } = await run(
      stores,
      "what-if",
      "--providers",
      providers,
      "--sample",
      "10",
      "--json",
    )
    expect(status).toBe(0)
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ rules: "next", batches: 2 })
    writeFileSync(providers, JSON.stringify({ ...document, routes: [{ rule: "all", banks: ["west"] }] }))
    const wrong = await replayHere(stores, "what-if", "--providers", providers, paid)
    expect(wrong.output).toContain("all leads to no bank of banks: west")
    expect(wrong.status).toBe(2)
  })

  it("take a batch home, where it is a log and nothing else", async () => {
    expect((await run(stores, "export", paid, "--amounts", "-o", file)).status).toBe(0)
    expect(readFileSync(file, "utf8")).not.toMatch(/Ada|invoice|acme/)
    const { batch } = JSON.parse(readFileSync(file, "utf8").split("\n")[0] ?? "")
    const refused = await replayHere(
      { ...local, REDIS_URL: stores.REDIS_URL ?? "" },
      "import",
      file,
      "--data-dir",
      sandbox,
    )
    expect(refused.output).toContain("and REDIS_URL is set")
    expect(refused.status).toBe(1)
    const truncated = join(folder, "truncated.ndjson")
    writeFileSync(truncated, readFileSync(file, "utf8").split("\n").slice(0, 9).join("\n"))
    expect((await replayHere(local, "import", truncated, "--data-dir", sandbox)).output).toContain("line 9:")
    expect(existsSync(sandbox), "nothing was started, so nothing is stored").toBe(false)
    expect((await run(local, "import", file, "--data-dir", sandbox)).output).toContain("events were imported")
    expect((await run(local, "import", file, "--data-dir", sandbox)).output).toContain("was imported before")
    const replayed = await run(local, batch, "--data-dir", sandbox)
    expect(replayed.output).toMatch(/settled at version \d+, 5 items/)
    const log = readFileSync(local.REACHED, "utf8").trim().split("\n")
    expect(new Set(log).size, "each start of Redis has its port").toBeLessThanOrEqual(3)
    expect(readdirSync(join(sandbox, "logs")).filter((name) => /postgres|nats/.test(name))).toEqual([])
  })
})
