/**
 * What a large file costs a service that runs as in production: a process of its own, with the flags of `npm start`, and its resident
 * memory as the system sees it. It has accepted ordinary batches before: a process that has just started also grows its young
 * generation to the size that these flags give it, whatever comes first. Only at full length (`npm run test:uploads`), as a process
 * takes seconds to start.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { freePort } from "../../../src/dev/embedded-start.ts"
import { ownDatabase } from "../../database.ts"
import { isLong } from "../../length.ts"
import { fileOf } from "../../programs.ts"
import { masterKeys, ownPrefix } from "../../settings.ts"
import { largeBodies, ndjsonLine } from "./upload-bodies.ts"

const ROWS = 100_000
const MIB = 1024 * 1024
const RESIDENT_BYTES_MAX = 200 * MIB
const LOOK_EVERY_MS = 50
/** Until what starting and the last upload left behind was collected. */
const SETTLE_MS = 3_000
/** What the process accepts before anything is measured. */
const ORDINARY = { batches: 60, items: 1_000 }
const READY_MS_MAX = 60_000

let service: ChildProcess
let database: Awaited<ReturnType<typeof ownDatabase>>
let url: string

const settings = async (): Promise<Readonly<Record<string, string>>> => {
  const port = await Effect.runPromise(freePort)
  url = `http://127.0.0.1:${port}`
  return {
    ROLES: "api",
    HOST: "127.0.0.1",
    PORT: `${port}`,
    API_KEYS: "acme=acme-key",
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: database.url,
    NATS_URL: inject("natsUrl"),
    COMPLIANCE_URL: "http://127.0.0.1:9",
    LEDGER_URL: "http://127.0.0.1:9",
    BANKS: "north=http://127.0.0.1:9",
    BANK_ROUTES: "*=north",
    MASTER_KEYS: masterKeys,
    BANK_CALLBACK_SECRET: "north=whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=",
    COMPLIANCE_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l",
    STREAM_PREFIX: ownPrefix(),
  }
}

/** Resident bytes of the service: proc(5), VmRSS, in KiB. */
const resident = (): number => {
  const status = readFileSync(`/proc/${service.pid}/status`, "utf8")
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

const isUp = async (): Promise<boolean> => {
  try {
    return (await fetch(`${url}/healthz`)).ok
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

const acceptOrdinary = async (): Promise<void> => {
  for (let batch = 0; batch < ORDINARY.batches; batch += 1) {
    const items = Array.from({ length: ORDINARY.items }, (_, index) => ndjsonLine(`o-${index}`))
    const answer = await fetch(`${url}/payout-batches`, {
      method: "POST",
      headers: {
        authorization: "Bearer acme-key",
        "idempotency-key": `ordinary-${batch}`,
        "content-type": "application/json",
      },
      body: `{"items":[${items.join(",")}]}`,
    })
    await answer.body?.cancel()
    expect(answer.status).toBe(202)
  }
}

describe.skipIf(!isLong || process.platform !== "linux")("a service of its own", () => {
  beforeAll(async () => {
    database = await ownDatabase()
    const { PATH, TMPDIR, NODE_COMPILE_CACHE } = process.env
    const env = { PATH, TMPDIR, NODE_COMPILE_CACHE, ...(await settings()) }
    service = spawn(process.execPath, ["--max-semi-space-size=64", fileOf("src/main.ts")], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    })
    const end = Date.now() + READY_MS_MAX
    while (!(await isUp())) {
      if (service.exitCode !== null || Date.now() > end) throw new Error("the service did not start")
      await sleep(LOOK_EVERY_MS)
    }
    await acceptOrdinary()
  }, READY_MS_MAX + 10_000)
  afterAll(async () => {
    const gone = once(service, "exit")
    service.kill()
    await gone
    await database.drop()
  }, 30_000)

  it.each(Object.keys(largeBodies(1)) as ReadonlyArray<keyof ReturnType<typeof largeBodies>>)(
    `takes ${ROWS} payouts of %s in bounded memory`,
    { timeout: 300_000 },
    async (type) => {
      await sleep(SETTLE_MS)
      const before = resident()
      const init: RequestInit & { readonly duplex: "half" } = {
        method: "POST",
        headers: { authorization: "Bearer acme-key", "idempotency-key": type, "content-type": type },
        body: largeBodies(ROWS)[type](),
        duplex: "half",
      }
      let most = before
      const looking = setInterval(() => {
        most = Math.max(most, resident())
      }, LOOK_EVERY_MS)
      const answer = await fetch(`${url}/payout-batches`, init).finally(() => clearInterval(looking))
      const accepted = (await answer.json()) as { readonly itemCount: number }
      most = Math.max(most, resident())
      console.info(
        `${type}: resident ${Math.round(before / MIB)} MiB, ${Math.round((most - before) / MIB)} MiB more`,
      )
      expect([answer.status, accepted.itemCount]).toEqual([202, ROWS])
      expect(most - before).toBeLessThan(RESIDENT_BYTES_MAX)
    },
  )
})
