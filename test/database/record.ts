/**
 * `node test/database/record.ts <checkout> <folder>`: lets the release in a checkout work, ends it in the middle, and writes
 * down what it leaves in Postgres, in Redis, at the banks and in the folder of files. test/database/fixtures/README.md says
 * how and from which commit that was done.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Redis } from "ioredis"
import postgres from "postgres"
import { Webhook } from "standardwebhooks"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { sandboxCallbackSecrets } from "../../src/dev/local-sandbox.ts"
import { sandboxSecretOf, startSandbox } from "../../src/sandbox/sandbox.ts"
import { API_KEY, eventually, freePort, OLGA, OTTO, Service, SUPERVISOR_KEY } from "../platform-under-test.ts"
import { type BatchName, providersDocument, recordedSettings } from "./recorded-release.ts"
import { readKeys } from "./stored-keys.ts"

const [checkout = "", folder = ""] = process.argv.slice(2).map((path) => resolve(path))
const work = mkdtempSync(join(tmpdir(), "record-"))
execFileSync("chmod", ["755", work])
const sandboxFolder = join(work, "sandbox")
const files = join(work, "clearing")
/** What a slow bank takes to pay, and more than a service takes to start. */
const SLOW_MS = 10_000
const FUNDS = 1_000_000n

const scope = Effect.runSync(Scope.make())
const stack = await Effect.runPromise(
  startStack({ dataDir: join(work, "stack"), given: {} }).pipe(Scope.provide(scope)),
)
const sandbox = await startSandbox({
  data: sandboxFolder,
  clearingFolder: files,
  slowMs: SLOW_MS,
  funds: FUNDS,
})
const port = await freePort()
const providers = join(work, "providers.json")
writeFileSync(providers, JSON.stringify(providersDocument(sandbox.urls, files)))
const environment: Readonly<Record<string, string>> = {
  ...recordedSettings,
  HOST: "127.0.0.1",
  PORT: String(port),
  PUBLIC_URL: `http://127.0.0.1:${port}`,
  API_KEYS: `acme/clerk=${API_KEY},acme/supervisor=${SUPERVISOR_KEY}`,
  OPERATOR_KEYS: `olga=${OLGA},otto=${OTTO}`,
  REDIS_URL: stack.redisUrl,
  DATABASE_URL: stack.databaseUrl,
  NATS_URL: stack.natsUrl,
  PROVIDERS_FILE: providers,
  COMPLIANCE_URL: sandbox.urls.compliance,
  LEDGER_URL: sandbox.urls.ledger,
  BANKS: Object.entries(sandbox.urls.banks)
    .map((pair) => pair.join("="))
    .join(","),
  BANK_ROUTES: "EUR=north,GBP=north,*=south",
  ...sandboxCallbackSecrets(),
  WEBHOOKS_ALLOW_PRIVATE: "true",
}
const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} })
const redis = new Redis(stack.redisUrl)
const receiver = createServer((_, response) => response.writeHead(204).end()).listen(0, "127.0.0.1")
await new Promise((listening) => receiver.once("listening", listening))
process.chdir(checkout)

const start = async (roles: string, more: Readonly<Record<string, string>> = {}): Promise<Service> => {
  const service = new Service({ ...environment, ROLES: roles, ...more })
  await eventually("the service is ready", async () => {
    if (service.operationsUrl === "") throw new Error(service.lines.slice(-3).join("\n"))
    return (await fetch(`${service.operationsUrl}/readyz`)).status === 200
  })
  return service
}

/** Runs a command of the release; the sandbox, which lives in this process, answers meanwhile. */
const command = async (...args: ReadonlyArray<string>): Promise<void> => {
  const child = spawn(process.execPath, ["src/cli/main.ts", ...args, "--data-dir", join(work, "none")], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: "inherit",
  })
  const [status] = await once(child, "exit")
  console.log(`atlaspay ${args.join(" ")}: ${status}`)
}

const asked = (path: string, body: unknown, key: string = API_KEY, headers: object = {}): Promise<Response> =>
  fetch(`${environment.PUBLIC_URL}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })

const said = async (path: string, body: unknown, key?: string): Promise<void> => {
  const answer = await asked(path, body, key)
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
}

const ids = new Map<string, string>()
const idOf = (name: string): string => ids.get(name) ?? ""

const payout = (name: string, currency: string, value: string, index: number) => ({
  reference: `invoice-${index + 1}`,
  amount: { currency, value },
  beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
})

/** Posts a batch of payouts, each "Ada Lovelace EUR 12.00". */
const submit = async (
  key: BatchName,
  payouts: ReadonlyArray<string>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> => {
  const items = payouts.map((text, index) => {
    const [first = "", last = "", currency = "", value = ""] = text.split(" ")
    return payout(`${first} ${last}`, currency, value, index)
  })
  const answer = await asked("/payout-batches", { ...more, items }, API_KEY, { "idempotency-key": key })
  const { id } = (await answer.json()) as { id: string }
  if (answer.status !== 202) throw new Error(`${key}: ${answer.status}`)
  ids.set(key, id)
}

const get = async <A>(path: string): Promise<A> => {
  const answer = await fetch(`${environment.PUBLIC_URL}${path}`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  })
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
  return (await answer.json()) as A
}

const comes = (key: BatchName, state: string): Promise<void> =>
  eventually(
    `${key} is ${state}`,
    async () => {
      const batch = await get<{ state: string }>(`/payout-batches/${idOf(key)}`)
      const items = await get<{ items: ReadonlyArray<{ state: string }> }>(
        `/payout-batches/${idOf(key)}/items`,
      )
      return batch.state === state || items.items.some((item) => item.state === state)
    },
    60_000,
  )

/** All events of a batch, whatever is shown of it. */
const logOf = async (key: BatchName): Promise<string> => {
  const keys = await readKeys(redis, "rel")
  const log = keys.find((one) => one.key.endsWith(`:log:${idOf(key)}`))
  return log?.type === "stream" ? JSON.stringify(log.entries) : ""
}

const count = async (table: string, condition = "true"): Promise<number> =>
  Number((await sql.unsafe(`select count(*) as n from ${table} where ${condition}`))[0]?.n)

/** A file of the bank that tells of an order which is nobody's. */
const tellOfNobody = (): void => {
  const archived = readdirSync(join(files, "archive")).find((name) => name.includes("pain.002"))
  if (archived === undefined)
    throw new Error(`nothing is archived: ${readdirSync(files, { recursive: true })}`)
  const text = readFileSync(join(files, "archive", archived), "utf8")
  const odd = text
    .replace(/<MsgId>[^<]*</, "<MsgId>ODD-1<")
    .replace(/<OrgnlEndToEndId>[^<]*</g, "<OrgnlEndToEndId>NOBODY-1<")
  writeFileSync(join(files, "inbox", "odd.pain.002.xml"), odd)
}

// 1. Everything runs: batches come to their end, and everything that is kept beside them gets a row.
const everything = "api,worker,bank-files,projector,publisher,webhooks"
const first = await start(everything)
const { port: receiverPort } = receiver.address() as AddressInfo
for (const url of [`http://127.0.0.1:${receiverPort}/told`, "http://127.0.0.1:9/silent"])
  await said("/webhook-endpoints", { url })
await submit("settled", ["Ada Lovelace EUR 10.00", "Grace Hopper JPY 700", "Emmy Noether EUR 1500.00"])
await submit("mixed", [
  "Clara Closed EUR 11.00",
  "Sam Sanctioned EUR 12.00",
  "Ralf Returned EUR 13.00",
  "Rudi Reroute EUR 14.00",
  "Ralf Returned GBP 15.00",
])
await submit("approved", ["Ada Lovelace EUR 16.00"], { requireApproval: true })
await comes("approved", "awaiting-approval")
const { events } = await get<{ events: ReadonlyArray<{ approval?: { hash: string } }> }>(
  `/payout-batches/${idOf("approved")}/events`,
)
await said(
  `/payout-batches/${idOf("approved")}/approval`,
  { hash: events[0]?.approval?.hash },
  SUPERVISOR_KEY,
)
await fetch(`${sandbox.urls.compliance}/lists`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    listVersion: "list-2",
    announceTo: `${environment.PUBLIC_URL}/compliance-callbacks/lists`,
  }),
})
await comes("approved", "settled")
await comes("settled", "settled")
await comes("mixed", "partially-settled")
await eventually("the lists are announced", async () => (await count("announced_lists")) > 0)
await command("keys", "rotate", "--partner", "acme")
await fetch(`${sandbox.urls.banks.clearing}/end-of-day`, { method: "POST" })
await eventually("the bank's files are read", async () =>
  readdirSync(join(files, "archive")).some((name) => name.includes("pain.002")),
)
tellOfNobody()
await eventually("the odd file is read", async () => (await count("bank_oddities")) > 0)
const stray = JSON.stringify({
  ...{ id: "stray-1", bank: "north", reference: "OTHERS-1", transferId: "t1", status: "settled" },
  at: new Date().toISOString(),
})
const webhook = new Webhook(sandboxSecretOf("north"))
await fetch(`${environment.PUBLIC_URL}/bank-callbacks/north`, {
  method: "POST",
  headers: {
    "content-type": "application/json",
    "webhook-id": "stray-1",
    "webhook-timestamp": String(Math.floor(Date.now() / 1_000)),
    "webhook-signature": webhook.sign("stray-1", new Date(), stray),
  },
  body: stray,
})
await eventually("the stray is kept", async () => (await redis.zcard("rel:strays")) > 0)
await eventually(
  "endpoints were told",
  async () => (await count("webhook_deliveries", "state = 'delivered'")) > 10,
)
await first.stop()
await command("reconcile", "--day", new Date().toISOString().slice(0, 10))
await command("history", "accept", "--partition", "3", "--by", "recorder", "--reason", "recorded for a test")

// 2. Batches that wait for somebody, and a file that the bank has taken and not answered.
const second = await start(everything)
await submit("held", ["Rita Review EUR 20.00", "Ada Lovelace EUR 21.00"])
await submit("awaiting-approval", ["Ada Lovelace EUR 22.00"], { requireApproval: true })
await submit("scheduled", ["Ada Lovelace EUR 23.00"], { executeAt: "2099-01-01T00:00:00Z" })
await submit("cancelled", ["Ada Lovelace EUR 24.00"], { executeAt: "2099-01-01T00:00:00Z" })
await submit("without-funds", ["Ada Lovelace USD 3000000.00"])
await submit("parked", ["Ada Lovelace CHF 25.00"])
await comes("held", "held")
await comes("awaiting-approval", "awaiting-approval")
await comes("scheduled", "scheduled")
await comes("cancelled", "scheduled")
await comes("without-funds", "awaiting-funds")
await comes("parked", "parked")
await submit("in-file", ["Sally Slow EUR 2600.00"])
await eventually(
  "the bank has taken the file",
  async () =>
    (await count("bank_files", "written_at is not null")) > 1 &&
    readdirSync(join(files, "outbox")).length === 0,
)
await comes("in-file", "pending")
await second.stop()

// 3. A worker dies right after a bank took an order; followers, files and webhooks stand still from here on.
const third = await start("api,worker", { CRASH_AT: "after-bank-call:1" })
await submit("crashed", ["Ada Lovelace EUR 30.00"])
await third.ended

// 4. Another worker leaves the dead one's batch alone, an order waits for its file, and a bank takes its time.
const fourth = await start("api,worker", { CLAIM_MS: "600000" })
await submit("order-waits", ["Grace Hopper EUR 2700.00"])
await submit("slow", ["Sally Slow EUR 31.00"])
await eventually(
  "the order waits",
  async () => (await count("file_orders", "file is null and state = 'accepted'")) > 0,
)
await eventually("the bank has it", async () => (await logOf("slow")).includes("TransferAccepted"))
await fourth.stop()

// 5. No worker: what is told waits in mailboxes, what is posted waits in the run queue and in line before it.
const fifth = await start("api")
await said(`/payout-batches/${idOf("cancelled")}/cancellation`, { reason: "not needed any more" })
for (const key of ["queued-1", "queued-2", "queued-3", "queued-4", "queued-5", "queued-6"] as const)
  await submit(key, ["Ada Lovelace EUR 40.00", "Grace Hopper JPY 410"])
await eventually(
  "the bank's word waits",
  async () => {
    const keys = await readKeys(redis, "rel")
    return keys.some(
      (one) => one.type === "stream" && one.key.endsWith(`:mail:${idOf("slow")}`) && one.entries.length > 0,
    )
  },
  60_000,
)
await eventually(
  "the bank's answers lie in the inbox",
  async () => readdirSync(join(files, "inbox")).length > 0,
)
await fifth.stop()
await sandbox.close()

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const keys = await readKeys(redis, "rel")
writeFileSync(join(folder, "redis.jsonl"), keys.map((key) => `${JSON.stringify(key)}\n`).join(""))
const dump = execFileSync("pg_dump", ["--inserts", "--no-owner", "--no-privileges", stack.databaseUrl], {
  encoding: "utf8",
})
const statements = dump
  .split("\n")
  .filter((line) => line !== "" && !/^(--|\\|SET |SELECT pg_catalog\.set_config)/.test(line))
writeFileSync(join(folder, "postgres.sql"), `${statements.join("\n")}\n`)
mkdirSync(join(folder, "sandbox"))
for (const name of readdirSync(sandboxFolder).filter((name) => name.endsWith(".jsonl")))
  cpSync(join(sandboxFolder, name), join(folder, "sandbox", name))
cpSync(files, join(folder, "clearing"), { recursive: true })
writeFileSync(join(folder, "batches.json"), `${JSON.stringify(Object.fromEntries(ids), null, 2)}\n`)

receiver.close()
redis.disconnect()
await sql.end()
await Effect.runPromise(Scope.close(scope, Exit.void))
rmSync(work, { recursive: true })
