/** What lies in a data folder is its owner's alone, and so are the servers that run on it. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import postgres from "postgres"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { keptSecret, openDataFolder } from "../../src/dev/data-folder.ts"
import { type Stack, startStack } from "../../src/dev/embedded-stack.ts"
import { serversIn } from "../../src/platform/nats-address.ts"

let dataDir: string
let umask: number
beforeEach(() => {
  // Root runs Postgres as another user, who has to get in.
  const parent = mkdtempSync(join(tmpdir(), "private-"))
  chmodSync(parent, 0o755)
  dataDir = join(parent, "data")
  umask = process.umask(0)
})
afterEach(() => {
  process.umask(umask)
})

const withStack = <A>(use: (stack: Stack) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(startStack({ dataDir, given: {} }), use)))

/** All that is in a folder and that others than its owner may do something with, by path and mode. */
const openToOthers = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((path) => {
    const found = lstatSync(join(folder, path), { throwIfNoEntry: false })
    const isOpen = found !== undefined && !found.isSymbolicLink() && (found.mode & 0o077) !== 0
    return isOpen ? [`${path} ${(found.mode & 0o777).toString(8)}`] : []
  })

const argumentsOfAll = (): string =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8")
      } catch {
        // It has ended since.
        return ""
      }
    })
    .join("\n")

const passwordOf = (url: string): string => decodeURIComponent(new URL(url).password)

const refusal = async (attempt: () => Promise<unknown>): Promise<string> => {
  try {
    await attempt()
    return "let in"
  } catch (error) {
    return String(error)
  }
}

const queried = async (url: string, statement: string): Promise<ReadonlyArray<unknown>> => {
  const sql = postgres(url, { max: 1, connect_timeout: 5 })
  try {
    return [...(await sql.unsafe(statement))]
  } finally {
    await sql.end()
  }
}

const withPassword = (url: string, password: string): string => {
  const other = new URL(url)
  other.password = password
  if (password === "") other.username = ""
  return other.href
}

describe("a data folder", { timeout: 60_000 }, () => {
  it("is its owner's alone while servers run on it, whatever the umask and whatever was there", async () => {
    mkdirSync(join(dataDir, "logs"), { recursive: true, mode: 0o777 })
    mkdirSync(join(dataDir, "redis", "appendonlydir"), { recursive: true, mode: 0o777 })
    for (const file of ["service.json", "master-keys", "logs/redis.log", "redis/appendonlydir/old"])
      writeFileSync(join(dataDir, file), "", { mode: 0o666 })
    const found = await withStack(() => Effect.sync(() => openToOthers(dataDir)))
    expect(found).toEqual([])
    const isRoot = process.getuid?.() === 0
    expect(statSync(dataDir).mode & 0o777).toBe(isRoot ? 0o710 : 0o700)
    expect(openToOthers(dataDir)).toEqual([])
  })

  it("is tightened without following links", () => {
    const outside = join(dataDir, "..", "outside")
    mkdirSync(outside, { mode: 0o777 })
    writeFileSync(join(outside, "file"), "", { mode: 0o666 })
    mkdirSync(dataDir)
    symlinkSync(outside, join(dataDir, "logs"))
    symlinkSync(join(outside, "file"), join(dataDir, "service.json"))
    openDataFolder(dataDir)
    expect(statSync(outside).mode & 0o777).toBe(0o777)
    expect(statSync(join(outside, "file")).mode & 0o777).toBe(0o666)
  })

  it("keeps a secret that was made once", () => {
    openDataFolder(dataDir)
    const file = join(dataDir, "secret")
    expect(keptSecret(file, () => "first")).toBe("first")
    expect(keptSecret(file, () => "second")).toBe("first")
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(dataDir)).toEqual(["secret"])
  })
})

describe("the servers of a data folder", { timeout: 60_000 }, () => {
  it("let in who knows their passwords, which no argument and no log tells", async () => {
    const urls = await withStack(({ redisUrl, databaseUrl, natsUrl }) =>
      Effect.promise(async () => {
        const refusals = [
          await refusal(async () => {
            const redis = new Redis(withPassword(redisUrl, ""))
            redis.on("error", () => undefined)
            try {
              await redis.set("key", "value")
            } finally {
              redis.disconnect()
            }
          }),
          await refusal(() => queried(withPassword(databaseUrl, "guessed"), "select 1")),
          await refusal(() => connect({ ...serversIn(withPassword(natsUrl, "")), reconnect: false })),
        ]
        expect(refusals).toEqual([
          expect.stringContaining("NOAUTH"),
          expect.stringContaining("password authentication failed"),
          expect.stringMatching(/authorization/i),
        ])
        const passwords = [redisUrl, databaseUrl, natsUrl].map(passwordOf)
        expect(new Set(passwords).size).toBe(3)
        const seen = argumentsOfAll()
        for (const password of passwords) {
          expect(password).toMatch(/^[\w-]{32}$/)
          expect(seen.includes(password)).toBe(false)
        }
        return passwords
      }),
    )
    for (const log of readdirSync(join(dataDir, "logs")))
      for (const password of urls)
        expect(readFileSync(join(dataDir, "logs", log), "utf8").includes(password)).toBe(false)
  })

  it("ask for a password also where an older Postgres let everybody in, and keep what is there", async () => {
    const rows = "select how_often from paid"
    const home = await withStack(({ databaseUrl }) =>
      Effect.promise(async () => {
        await queried(databaseUrl, "create table paid as select 'once' as how_often")
        const [row] = await queried(databaseUrl, "show data_directory")
        await queried(databaseUrl, "alter role atlaspay password null")
        return join((row as { data_directory: string }).data_directory, "..")
      }),
    )
    rmSync(join(home, "password"))
    writeFileSync(join(home, "data", "pg_hba.conf"), "host all all 127.0.0.1/32 trust\n")
    for (const time of ["the first time", "again"])
      await withStack(({ databaseUrl }) =>
        Effect.promise(async () => {
          expect(await queried(databaseUrl, rows), time).toEqual([{ how_often: "once" }])
          expect(await refusal(() => queried(withPassword(databaseUrl, "guessed"), rows)), time).toContain(
            "password authentication failed",
          )
        }),
      )
  })
})
