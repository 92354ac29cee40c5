import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Exit, type Scope } from "effect"
import { Redis } from "ioredis"
import postgres from "postgres"
import { afterEach, describe, expect, inject, test, vi } from "vitest"
import { type Stack, startStack } from "../../src/dev/embedded-stack.ts"
import { freePort } from "../../src/dev/embedded-start.ts"
import { processesOfRun } from "../run-processes.ts"

const OWNER = fileURLToPath(new URL("stack-owner.ts", import.meta.url))
const WITHIN = { timeout: 20_000, interval: 50 }
const children: Array<ChildProcess> = []

afterEach(() => {
  for (const owner of children.splice(0)) owner.kill("SIGKILL")
})

describe("A stack on an empty data folder", () => {
  test("starts all three servers, and stops them with the scope", async () => {
    const dataDir = newDataDir()
    const stack = await withStack(dataDir, (stack) => Effect.succeed(stack))
    expect(stack.servers.map(({ name, origin }) => [name, origin])).toEqual([
      ["Redis", "started"],
      ["Postgres", "started"],
      ["NATS", "started"],
    ])
    await expectAllGone(dataDir)
  })

  test("has Redis put every write on disk and evict nothing", async () => {
    const names = ["appendonly", "appendfsync", "maxmemory-policy", "save", "bind"]
    const given = { databaseUrl: inject("databaseUrl"), natsUrl: inject("natsUrl") }
    const settings = await Effect.runPromise(
      startStack({ dataDir: newDataDir(), given }).pipe(
        Effect.flatMap(({ redisUrl }) =>
          ask(redisUrl, (redis) => Promise.all(names.map((name) => redis.config("GET", name)))),
        ),
        Effect.scoped,
      ),
    )
    expect(settings).toEqual([
      ["appendonly", "yes"],
      ["appendfsync", "always"],
      ["maxmemory-policy", "noeviction"],
      ["save", ""],
      ["bind", "127.0.0.1"],
    ])
  })

  test("takes another port when somebody was quicker, even a server of the same kind", async () => {
    const taken = Number(new URL(inject("redisUrl")).port)
    const calls = { made: 0 }
    const port = Effect.suspend(() => (calls.made++ < 3 ? Effect.succeed(taken) : freePort))
    const stack = await Effect.runPromise(
      Effect.scoped(startStack({ dataDir: newDataDir(), given: {}, port })),
    )
    expect(stack.servers.map(({ origin }) => origin)).toEqual(["started", "started", "started"])
    expect(stack.servers.map(({ port }) => port)).not.toContain(taken)
    expect(calls.made).toBe(6)
  })

  test("works where the user that runs Postgres cannot go", async () => {
    const parent = newDataDir()
    chmodSync(parent, 0o700)
    const dataDir = join(parent, "data")
    const rows = await withStack(dataDir, ({ databaseUrl }) => query(databaseUrl, "show data_directory"))
    const home = dirname(String(rows[0]?.data_directory))
    if (!home.startsWith(dataDir)) rmSync(home, { recursive: true })
    expect(home.startsWith(dataDir)).toBe(process.getuid?.() !== 0)
  })
})

describe("A stack that somebody else runs", () => {
  test("is attached to, and left running", async () => {
    const dataDir = newDataDir()
    const owned = await startOwner(dataDir)
    const attached = await withStack(dataDir, (stack) => Effect.succeed(stack))
    expect(attached.servers.map(({ origin }) => origin)).toEqual(["attached", "attached", "attached"])
    expect(attached.redisUrl).toBe(owned.stack.redisUrl)
    const answer = await Effect.runPromise(ask(owned.stack.redisUrl, (redis) => redis.ping()))
    expect(answer).toBe("PONG")
  })

  test("is started once when two ask at the same time", async () => {
    const dataDir = newDataDir()
    const both = Effect.all([startStack({ dataDir, given: {} }), startStack({ dataDir, given: {} })], {
      concurrency: "unbounded",
    })
    const [one, other] = await Effect.runPromise(Effect.scoped(both))
    expect(one.redisUrl).toBe(other.redisUrl)
    expect(one.databaseUrl).toBe(other.databaseUrl)
    expect(one.natsUrl).toBe(other.natsUrl)
    await expectAllGone(dataDir)
  })

  test("stops in order when its owner is told to", async () => {
    const dataDir = newDataDir()
    const { owner } = await startOwner(dataDir)
    owner.kill("SIGINT")
    await once(owner, "exit")
    await expectAllGone(dataDir)
  })
})

describe("A stack whose owner was killed", () => {
  test("leaves no server behind", async () => {
    const dataDir = newDataDir()
    const { owner } = await startOwner(dataDir)
    expect(serversOn(dataDir)).not.toEqual([])
    owner.kill("SIGKILL")
    await vi.waitFor(() => expect(serversOn(dataDir)).toEqual([]), WITHIN)
  })

  test("is started again at once with what it had stored", async () => {
    const dataDir = newDataDir()
    const { owner, stack } = await startOwner(dataDir)
    await Effect.runPromise(ask(stack.redisUrl, (redis) => redis.set("paid", "once")))
    await Effect.runPromise(query(stack.databaseUrl, "create table paid as select 'once' as how_often"))
    owner.kill("SIGKILL")
    await once(owner, "exit")
    const [redis, rows] = await withStack(dataDir, ({ redisUrl, databaseUrl }) =>
      Effect.all([ask(redisUrl, (redis) => redis.get("paid")), query(databaseUrl, "select * from paid")]),
    )
    expect(redis).toBe("once")
    expect(rows).toEqual([{ how_often: "once" }])
  })

  test("is recovered even when its servers still run without a leash", async () => {
    const dataDir = newDataDir()
    const { owner } = await startOwner(dataDir)
    for (const leash of serversOn(dataDir).filter((line) => line.includes("/bin/sh")))
      signal(leash, "SIGKILL")
    owner.kill("SIGKILL")
    await once(owner, "exit")
    expect(serversOn(dataDir)).not.toEqual([])
    const stack = await withStack(dataDir, (stack) => Effect.succeed(stack))
    expect(stack.servers.map(({ origin }) => origin)).toEqual(["started", "started", "started"])
    await expectAllGone(dataDir)
  })

  test("is recovered from half-written files", async () => {
    const dataDir = newDataDir()
    await withStack(dataDir, ({ redisUrl }) => ask(redisUrl, (redis) => redis.set("paid", "once")))
    const aof = join(dataDir, "redis/appendonlydir")
    const tail = readdirSync(aof).find((name) => name.endsWith(".incr.aof")) ?? ""
    appendFileSync(join(aof, tail), "*3\r\n$3\r\nSE")
    mkdirSync(join(dataDir, "postgres/initdb-half"))
    const stranger = startStrangerLike(join(dataDir, "postgres/data"))
    writeFileSync(join(dataDir, "postgres/data/postmaster.pid"), `${stranger.pid}\n`)
    const value = await withStack(dataDir, ({ redisUrl }) => ask(redisUrl, (redis) => redis.get("paid")))
    expect(value).toBe("once")
    expect(readdirSync(join(dataDir, "postgres"))).toEqual(["data", "password"])
  })
})

describe("A server whose URL is given", () => {
  test("is used as it is", async () => {
    const given = {
      redisUrl: inject("redisUrl"),
      databaseUrl: inject("databaseUrl"),
      natsUrl: inject("natsUrl"),
    }
    const dataDir = newDataDir()
    const stack = await Effect.runPromise(Effect.scoped(startStack({ dataDir, given })))
    expect(stack).toMatchObject(given)
    expect(stack.servers.map(({ origin }) => origin)).toEqual(["given", "given", "given"])
  })

  test("is named, without its password, when it does not answer", async () => {
    const port = await Effect.runPromise(freePort)
    const given = {
      redisUrl: inject("redisUrl"),
      databaseUrl: `postgres://atlaspay:s3cret@127.0.0.1:${port}/atlaspay`,
      natsUrl: inject("natsUrl"),
    }
    const start = startStack({ dataDir: newDataDir(), given })
    const exit = await Effect.runPromise(Effect.exit(Effect.scoped(start)))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(String(exit)).toContain("DATABASE_URL does not answer")
    expect(String(exit)).not.toContain("s3cret")
  })
})

const newDataDir = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "data-"))
  chmodSync(folder, 0o755)
  return folder
}

const withStack = <A, E>(
  dataDir: string,
  use: (stack: Stack) => Effect.Effect<A, E, Scope.Scope>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(startStack({ dataDir, given: {} }), use)))

const startOwner = async (
  dataDir: string,
): Promise<{ readonly owner: ChildProcess; readonly stack: Stack }> => {
  const owner = spawn(process.execPath, [OWNER, dataDir], { stdio: ["ignore", "pipe", "inherit"] })
  children.push(owner)
  const [line] = await once(owner.stdout, "data")
  return { owner, stack: JSON.parse(String(line)) }
}

/** A process that has nothing to do with us, run by the user who owns the folder. */
const startStrangerLike = (folder: string): ChildProcess => {
  const { uid, gid } = statSync(folder)
  const stranger = spawn("/bin/sleep", ["600"], process.getuid?.() === 0 ? { uid, gid, cwd: "/" } : {})
  children.push(stranger)
  return stranger
}

/** Servers and leashes whose command line names the folder; the owner itself is none. */
const serversOn = (dataDir: string): ReadonlyArray<string> =>
  processesOfRun(`${dataDir}/`).filter((line) => !line.includes(OWNER))

/** The shell that watches over a server, and what it runs at each tick. */
const WATCHER = /^\d+ (\/bin\/sh|grep|sleep 0\.1)\b/

/** No server is left at this moment, and who watched over them is gone within its tick. */
const expectAllGone = async (dataDir: string): Promise<void> => {
  expect(serversOn(dataDir).filter((line) => !WATCHER.test(line))).toEqual([])
  await vi.waitFor(() => expect(serversOn(dataDir)).toEqual([]), WITHIN)
}

const signal = (line: string, signal: NodeJS.Signals): void => {
  process.kill(Number(line.split(" ", 1)[0]), signal)
}

const ask = <A>(url: string, command: (redis: Redis) => Promise<A>): Effect.Effect<A> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Redis(url)),
    (redis) => Effect.promise(() => command(redis)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )

const query = (url: string, statement: string): Effect.Effect<ReadonlyArray<Record<string, unknown>>> =>
  Effect.acquireUseRelease(
    Effect.sync(() => postgres(url, { max: 1 })),
    (sql) => Effect.promise(async () => [...(await sql.unsafe(statement))]),
    (sql) => Effect.promise(() => sql.end()),
  )
