/**
 * The release before and this one side by side on one log, under load: forward, back, and forward again, with kills in between.
 * Nothing is lost and nothing happens twice, in whatever order they take batches, cursors and deliveries from each other.
 */
import { execFile } from "node:child_process"
import { appendFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { Redis } from "ioredis"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import { gather, leftAtLast, type Traces } from "../checker/evidence.ts"
import { violations } from "../checker/invariants.ts"
import { Partner } from "../checker/partner.ts"
import { readModelViolations, readReadModels } from "../checker/read-models.ts"
import { readRedis } from "../checker/redis-snapshot.ts"
import { eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { type EventReceiver, startEventReceiver } from "../recovery/event-receivers.ts"
import { NotifiedPartners, PATIENCE_MS, partnerSettings } from "../recovery/notified-partners.ts"
import { releaseBefore, thisRelease } from "./earlier-release.ts"
import { ServiceSwitch } from "./service-switch.ts"

const CLIENTS = 2
/** What each client waits after a batch. Milliseconds. */
const PAUSE_MS = 1_500
/** Batches that are accepted in each step at least. */
const STEP_BATCHES = 6
const ENDS_WITHIN_MS = 120_000
/** Two releases compile their sources at a start. */
const READY_WITHIN_MS = 120_000
/** What an orchestrator grants a process that is told to stop. Milliseconds. */
const GRACE_MS = 30_000

type Release = "before" | "this"

let folder: string
let folders: Readonly<Record<Release, string>>
let platform: PlatformUnderTest
let receiver: EventReceiver
let notified: NotifiedPartners
let service: ServiceSwitch
let redis: Redis
/** Which release the processes are of, by their ids. */
const releaseOf = new Map<number, Release>()
const processes: Array<Service> = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "releases-"))
  folders = { before: releaseBefore(join(folder, "before")), this: thisRelease(join(folder, "this")) }
  // Also if no function was changed since: this release has a library of its own.
  appendFileSync(join(folders.this, "src/streams/functions/library.lua"), "\n-- of another release\n")
  receiver = await startEventReceiver(PATIENCE_MS)
  service = await ServiceSwitch.open()
  platform = await PlatformUnderTest.open({
    ...partnerSettings,
    // Banks call back whoever is there.
    PUBLIC_URL: service.url,
    ARCHIVE_AFTER_MS: "2000",
    READINESS_NOTICE_MS: "1000",
  })
  redis = new Redis(inject("redisUrl"))
}, 120_000)

afterAll(async () => {
  for (const process of processes) process.signal("SIGKILL")
  await service?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
  redis?.disconnect()
  rmSync(folder, { recursive: true, force: true })
})

const known = (release: Release, process: Service): Service => {
  releaseOf.set(process.pid, release)
  processes.push(process)
  return process
}

/** Who is called, and the followers of the log. */
const front = async (release: Release): Promise<Service> => {
  const own = { ROLES: "api,projector,publisher", PORT: String(await freePort()) }
  const process = known(release, platform.launch(own, folders[release]))
  const isReady = async () => {
    const answer = await fetch(`${process.operationsUrl}/readyz`)
    if (answer.status !== 200) throw new Error(`${await answer.text()} ${process.lines.slice(-5).join("\n")}`)
    return true
  }
  await eventually("the front is ready", isReady, READY_WITHIN_MS)
  return process
}

/** Who works. */
const back = async (release: Release): Promise<Service> => {
  const own = { ROLES: "worker,webhooks,archiver", PORT: String(await freePort()) }
  return known(release, platform.launch(own, folders[release]))
}

/** Which processes appended to each log, in order: the ids of appends name the worker and thus its process. */
const authorsOf = async (): Promise<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const keys = await redis.keys(`${platform.environment.STREAM_PREFIX}:{*}:log:*`)
  const logs = await Promise.all(
    keys.map(async (key) => {
      const entries = await redis.xrange(key, "-", "+")
      const pids = entries.flatMap(([, fields]) => {
        const [, pid] = /worker-(\d+)-/.exec(fields.join(" ")) ?? []
        return pid === undefined ? [] : [Number(pid)]
      })
      return [key, pids] as const
    }),
  )
  return new Map(logs)
}

const works = (process: Service): Promise<void> =>
  eventually(
    "it works on a batch",
    async () => {
      const isAuthor = [...(await authorsOf()).values()].some((pids) => pids.includes(process.pid))
      // To look reads all logs.
      if (!isAuthor) await sleep(500)
      return isAuthor
    },
    120_000,
  )

const run = promisify(execFile)

/** What a command of a release says, and its status. */
const command = async (release: Release, ...args: ReadonlyArray<string>): Promise<string> => {
  const env = { PATH: process.env.PATH, ATLASPAY_DATA: join(folder, "data"), ...platform.environment }
  const ended = run(process.execPath, ["src/cli/main.ts", ...args], { cwd: folders[release], env })
  return ended.then(
    () => "0",
    (error: { readonly code?: number; readonly stdout?: string; readonly stderr?: string }) =>
      `${error.code}: ${error.stdout} ${error.stderr}`,
  )
}

it("goes forward and back and forward again", { timeout: 1_200_000 }, async () => {
  let fronts = [await front("before")]
  let backs = [await back("before")]
  await service.select(...fronts)
  platform.url = service.url
  notified = new NotifiedPartners(platform, receiver)
  await notified.addEndpoint({ partner: "umbrella", path: "/good/umbrella" })
  await notified.addEndpoint({ partner: "umbrella", path: "/shaky/ordered", ordered: true })
  const partner = new Partner([service.url], "umbrella-key")
  let isOver = false
  let number = 0
  const posting = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      await partner.postOne(number++)
      await sleep(PAUSE_MS)
    }
  })
  const accepted = () =>
    partner.record.filter(({ answers }) => answers.some(({ id }) => id !== undefined)).length
  const goesOn = async (...workers: ReadonlyArray<Service>) => {
    const before = accepted()
    await eventually("batches are accepted", async () => accepted() - before >= STEP_BATCHES, 120_000)
    for (const worker of workers) await works(worker)
  }
  const stop = async (...leaving: ReadonlyArray<Service>) => {
    for (const one of leaving) one.signal("SIGTERM")
    await Promise.all(
      leaving.map(async (one) => {
        expect(await Promise.race([one.ended, sleep(GRACE_MS, "late", { ref: false })])).toBe(0)
      }),
    )
  }
  const step = (what: string) => console.log(`${what}: ${accepted()} batches are accepted`)
  await goesOn(...backs)

  for (const [next, last] of [
    ["this", "before"],
    ["before", "this"],
    ["this", "before"],
  ] as const) {
    step(`from ${last} to ${next}`)
    // One of the next release beside those of the last.
    const [newFront, newBack] = [await front(next), await back(next)]
    await service.select(...fronts, newFront)
    await goesOn(newBack, ...backs)
    // A worker of the last release dies in the middle of its work, and the next one takes over.
    backs[0]?.signal("SIGKILL")
    expect(await backs[0]?.ended).toBe("SIGKILL")
    const extra = await back(last)
    await goesOn(extra)
    // All are of the next release.
    step("a worker was killed")
    await service.select(newFront)
    await stop(...fronts, extra)
    fronts = [newFront]
    backs = [newBack]
    await goesOn(...backs)
    expect([...releaseOf.values()]).toContain(next)
  }
  step("all are of this release")
  // Who accepts dies as well.
  fronts[0]?.signal("SIGKILL")
  expect(await fronts[0]?.ended).toBe("SIGKILL")
  fronts = [await front("this")]
  await service.select(...fronts)
  await goesOn()
  isOver = true
  await Promise.all(posting)

  const traces: Traces = {
    redisPrimaries: [inject("redisUrl")],
    redisPrefix: platform.environment.STREAM_PREFIX ?? "",
    databaseUrl: platform.environment.DATABASE_URL ?? "",
    complianceUrl: platform.sandbox.compliance,
    bankUrls: Object.values(platform.sandbox.banks),
  }
  const memory = { posted: partner.record }
  expect(await leftAtLast(traces, memory, { withinMs: ENDS_WITHIN_MS, mayPark: true })).toEqual([])
  expect(violations(await gather(traces, memory))).toEqual([])
  expect(await notified.violations(ENDS_WITHIN_MS)).toEqual([])
  const shown = async () =>
    readModelViolations(
      await readRedis(traces.redisPrimaries, traces.redisPrefix),
      await readReadModels(traces.databaseUrl),
    )
  await eventually(
    "the read models are at the end of the logs",
    async () => (await shown()).length === 0,
  ).catch(() => undefined)
  expect(await shown()).toEqual([])

  // Some of it in a form that the release before reads and does not write.
  const logs = await redis.keys(`${platform.environment.STREAM_PREFIX}:{*}:log:*`)
  const texts = await Promise.all(logs.map(async (log) => JSON.stringify(await redis.xrange(log, "-", "+"))))
  for (const kind of ["TransfersAccepted", "TransfersSettled"])
    expect(texts.filter((text) => text.includes(kind)).length, kind).toBeGreaterThan(0)

  // Both releases read what the other one wrote, and find nothing wrong with it.
  for (const release of ["before", "this"] as const) {
    expect(await command(release, "verify", "--all", "--json")).toBe("0")
    expect(await command(release, "projections", "audit", "--sample", "100")).toBe("0")
  }
  const changes = [...(await authorsOf()).values()].flatMap((pids) =>
    pids.flatMap((pid, at) => {
      const [from, to] = [releaseOf.get(pids[at - 1] ?? 0), releaseOf.get(pid)]
      return from === undefined || from === to ? [] : [`${from} → ${to}`]
    }),
  )
  expect(new Set(changes)).toEqual(new Set(["before → this", "this → before"]))
  const errors = processes.flatMap(({ lines }) => lines.filter((line) => line.includes('"level":"error"')))
  expect(errors).toEqual([])
  const libraries = (await redis.call(
    "FUNCTION",
    "LIST",
    "LIBRARYNAME",
    "atlaspay*",
  )) as ReadonlyArray<unknown>
  expect(libraries.length).toBeGreaterThanOrEqual(2)
  const items = partner.record.reduce((sum, { items }) => sum + items.length, 0)
  console.log(
    `${partner.record.length} batches with ${items} payouts; ${changes.length} batches changed hands between the releases`,
  )
})
