/**
 * What the pages of alerts tell people to run is run, on a platform where all is well: commands end as the page says, and Prometheus answers
 * every query. A command that needs a batch, an endpoint or a partner gets one of the platform's.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { RedisServer } from "../cluster/redis-server.ts"
import { blocksIn, commandsIn } from "../documents/documented-commands.ts"
import { API_KEY, OLGA, PlatformUnderTest } from "../platform-under-test.ts"
import { type Prometheus, startPrometheus } from "./prometheus.ts"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "docs/runbooks")
const pages = readdirSync(folder).map((file) => ({
  file,
  blocks: blocksIn(readFileSync(join(folder, file), "utf8")),
}))

interface Command {
  readonly text: string
  /** What the page says of it, as `1 if something differs`. */
  readonly remark: string
}

/** Each command of all pages once. */
const commands: ReadonlyArray<Command> = [
  ...new Map(
    pages
      .flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === "sh"))
      .flatMap(({ text }) => commandsIn(text))
      .map(({ text, comments }) => [text, { text, remark: comments.join(" ") }] as const),
  ).values(),
]

const queries: ReadonlyArray<string> = [
  ...new Set(
    pages
      .flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === "promql"))
      .flatMap(({ text }) => text.trim().split("\n")),
  ),
]

let redis: RedisServer
let platform: PlatformUnderTest
let prometheus: Prometheus
let environment: Readonly<Record<string, string>>
let batch: string
let endpoint: string

beforeAll(async () => {
  const own = mkdtempSync(join(tmpdir(), "runbooks-"))
  redis = await RedisServer.start({ folder: own })
  platform = await PlatformUnderTest.open({ REDIS_URL: redis.url })
  const service = await platform.start()
  prometheus = await startPrometheus([service.operationsUrl])
  environment = {
    ...platform.environment,
    PATH: [...serverFolders(), process.env.PATH].join(":"),
    ATLASPAY_DATA: join(own, "data"),
    ATLASPAY_URL: platform.url,
    ATLASPAY_API_KEY: OLGA,
    OPERATIONS_URL: service.operationsUrl,
  }
  await succeeded("npm run atlaspay -- partners create --partner acme")
  endpoint = await newEndpoint()
  batch = await platform.submit("of the pages", { items: [payout] })
  await platform.closed(batch)
})
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

const payout = {
  reference: "invoice-1",
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
}

/** The servers' own tools are beside them. */
const serverFolders = (): ReadonlyArray<string> =>
  Object.values(findPrograms(join(root, ".atlaspay"))).flatMap((found) =>
    found === undefined ? [] : [found.folder],
  )

const newEndpoint = async (): Promise<string> => {
  const answer = await fetch(`${platform.url}/webhook-endpoints`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ url: "http://127.0.0.1:9/nobody" }),
  })
  return ((await answer.json()) as { readonly id: string }).id
}

interface Ended {
  readonly status: number
  readonly output: string
}

/** Runs a command of a page in a shell. npm would first set up the clone, so the program is started without it. */
const run = (text: string): Promise<Ended> =>
  new Promise((resolve) => {
    const script = text
      .replace(/^npm run atlaspay --/, `"${process.execPath}" src/cli/main.ts`)
      .replaceAll("pb_…", batch)
      .replaceAll("we_…", endpoint)
    execFile(
      "sh",
      ["-c", script],
      { cwd: root, env: { ...environment }, timeout: 60_000 },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1
        resolve({ status, output: `${stdout}${stderr}` })
      },
    )
  })

const succeeded = async (text: string): Promise<void> => {
  const { status, output } = await run(text)
  if (status !== 0) throw new Error(`${text} ended with ${status}:\n${output}`)
}

/** `1 if …`: 0 or 1. `1 if …, 2 if …`: 0, 1 or 2. `1, because …`: 1. Without it: 0. */
const statusesIn = (remark: string): ReadonlyArray<number> => {
  if (/^1 if .*, 2 if /.test(remark)) return [0, 1, 2]
  if (/^1 (?:if|unless) /.test(remark)) return [0, 1]
  return remark.startsWith("1, ") ? [1] : [0]
}

describe("a command of the pages of alerts", () => {
  it.each(commands.map((command) => [command.text, command]))(
    "ends as the page says: %s",
    async (_, command) => {
      const { status, output } = await run(command.text)
      const permitted = statusesIn(command.remark)
      expect(permitted, output).toContain(status)
      // A command line that is not understood shows its help.
      expect(output).not.toMatch(/^USAGE$/m)
    },
  )
})

describe("a query of the pages of alerts", () => {
  it.each(queries)("is answered: %s", async (query) => {
    expect(await prometheus.query(query)).toBeInstanceOf(Array)
  })
})
