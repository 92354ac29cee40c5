/**
 * All roles run apart, at the most talkative level of the log, with marked accounts, names, remittances and secrets of every kind, while
 * callers, banks and stores do wrong. Then everything that was written is searched for the marks: logs, metrics, traces, events, webhooks,
 * answers, the output of commands, and the files of Redis, Postgres and NATS.
 */
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { roles } from "../../src/service-roles.ts"
import { readStream } from "../checker/notification-evidence.ts"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { eventually } from "../platform-under-test.ts"
import { filesIn, leaksOf } from "../safety/canaries.ts"
import { hidden, masterKey, people, secrets } from "./canary-marks.ts"
import { type CanaryPlatform, echoes, openCanaryPlatform, START_MS_MAX } from "./canary-platform.ts"

const stack = new AsyncDisposableStack()
let folder: CanaryPlatform["folder"]
let redis: CanaryPlatform["redis"]
let nats: CanaryPlatform["nats"]
let postgres: CanaryPlatform["postgres"]
let collector: CanaryPlatform["collector"]
let echo: CanaryPlatform["echo"]
let receiver: CanaryPlatform["receiver"]
let platform: CanaryPlatform["platform"]
let services: CanaryPlatform["services"]
const written = new Map<string, string | Buffer>()
/** Known once the service has made it. */
let webhookSecret = ""

beforeAll(async () => {
  ;({ folder, redis, nats, postgres, collector, echo, receiver, platform, services } =
    await openCanaryPlatform(stack))
}, 2 * START_MS_MAX)

afterAll(() => stack[Symbol.asyncDispose]())

const item = (reference: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  reference,
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name: people.name, account: { scheme: "iban", iban: people.account } },
  remittance: people.remittance,
  ...changes,
})
const pounds = (reference: string) =>
  item(reference, {
    amount: { currency: "GBP", value: "12.34" },
    beneficiary: {
      name: people.name,
      account: { scheme: "iban", iban: people["account at the bank that echoes"] },
    },
  })
const large = (reference: string) => item(reference, { amount: { currency: "EUR", value: "5000.00" } })

interface Request {
  readonly key?: string
  readonly method?: string
  readonly idempotencyKey?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks the API, and keeps what it answers to those who have done wrong. */
const ask = async (
  path: string,
  body?: unknown,
  { key = secrets["partner's key"], method = body === undefined ? "GET" : "POST", ...more }: Request = {},
) => {
  const answer = await fetch(`${platform.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(more.idempotencyKey === undefined ? {} : { "idempotency-key": more.idempotencyKey }),
      ...more.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) written.set(`the answer ${written.size} to ${method} ${path.slice(0, 30)}`, text)
  return { status: answer.status, text, json: <A>() => JSON.parse(text) as A }
}

const submit = async (idempotencyKey: string, items: ReadonlyArray<unknown>): Promise<string> => {
  let id = ""
  await eventually("the batch is accepted", async () => {
    const answer = await ask("/payout-batches", { items }, { idempotencyKey })
    if (answer.status === 202) id = answer.json<{ id: string }>().id
    return answer.status === 202
  })
  return id
}

const ended = (id: string) =>
  eventually(
    `${id} has ended`,
    async () => {
      const { state } = (await ask(`/payout-batches/${id}`)).json<{ state: string }>()
      return ["settled", "partially-settled", "failed", "rejected"].includes(state)
    },
    START_MS_MAX,
  )

const batches: Array<string> = []

describe("while all roles run apart", () => {
  it("pays, is refused by a bank that repeats what it was asked, and tells the partner", async () => {
    const url = `${receiver.url}/hooks`
    const endpoint = await ask("/webhook-endpoints", { url })
    expect(endpoint.status).toBe(201)
    webhookSecret = endpoint.json<{ secret: string }>().secret
    batches.push(await submit("paid", [item("a"), item("b")]))
    batches.push(await submit("by file", [large("c")]))
    batches.push(await submit("echoed", [pounds("d"), pounds("e")]))
    await ended(batches[0] ?? "")
    await eventually("the bank repeats all", async () => echo.asked.length >= echoes.length, START_MS_MAX)
    await eventually(
      "files are taken",
      async () => readdirSync(join(folder, "clearing", "taken")).length > 0,
      START_MS_MAX,
    )
  })

  it("refuses what callers do wrong", async () => {
    const account = people.account
    const wrong = [
      await ask("/payout-batches", `{"items":[${JSON.stringify(item("b"))}`, { idempotencyKey: "broken" }),
      await ask("/payout-batches", { items: [item("c", { [account]: 1 })] }, { idempotencyKey: "field" }),
      await ask(
        "/payout-batches",
        { items: [item("c", { [people["e-mail address"]]: 1, [people["telephone number"]]: 1 })] },
        { idempotencyKey: "wallet for a field" },
      ),
      await ask(
        "/payout-batches",
        { items: [{ ...item("d"), beneficiary: people.name }] },
        { idempotencyKey: "shape" },
      ),
      await ask("/payout-batches", { items: [item("a")] }, { idempotencyKey: "paid" }),
      // No bank here pays wallets; the second one is no telephone number.
      ...(await Promise.all(
        [
          { scheme: "email", email: people["e-mail address"] },
          { scheme: "phone", phone: `${people["telephone number"]}12345` },
          { scheme: "paypal-id", paypalId: people["PayPal id"] },
          { scheme: people["e-mail address"], email: people["telephone number"] },
        ].map((account, index) =>
          ask(
            "/payout-batches",
            { items: [item("w", { beneficiary: { name: people.name, account } })] },
            { idempotencyKey: `wallet ${index}` },
          ),
        ),
      )),
      await ask(`/payout-items?reference=${encodeURIComponent(people["e-mail address"])}&email=1`),
      await ask(
        "/payout-batches",
        { items: [item("e")] },
        { idempotencyKey: "stranger", key: secrets["stranger's key"] },
      ),
      await ask("/payout-batches", undefined, { key: secrets["stranger's token"] }),
      await ask("/payout-batches", undefined, { key: `${secrets["partner's key"]}x` }),
      await ask(`/payout-items?reference=${account}&name=${encodeURIComponent(people.name)}`),
      await ask(`/payout-batches/${encodeURIComponent(people.name)}?key=${secrets["stranger's key"]}`),
      await ask(`/${secrets["stranger's key"]}/${account}`),
      await ask("/bank-callbacks/north", {
        iban: account,
        name: people.name,
        code: secrets["stranger's key"],
      }),
      await ask("/compliance-callbacks", `${account} ${people.name}`, {
        headers: { "webhook-id": account, "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" },
      }),
      await ask("/webhook-endpoints", {
        url: `http://user:${secrets["stranger's key"]}@127.0.0.1/${account}`,
      }),
      await ask(
        `/payout-batches/${batches[0]}/cancellation`,
        { reason: people.name },
        {
          key: secrets["other partner's key"],
        },
      ),
    ]
    expect(wrong.map(({ status }) => status).filter((status) => status < 400 || status >= 500)).toEqual([])
  })

  it("goes on after each store was killed while in use", async () => {
    for (const [name, restart] of Object.entries({
      redis: async () => {
        await redis.kill()
        await redis.restart()
      },
      postgres: async () => {
        await postgres.primary.kill()
        await postgres.primary.start()
      },
      nats: async () => {
        await nats.kill()
        await nats.start()
      },
    })) {
      const [before, restarted] = [submit(`before ${name}`, [item("f"), pounds("g")]), restart()]
      batches.push(await before)
      await restarted
      const after = await submit(`after ${name}`, [item("h")])
      await ended(after)
    }
  })

  it("is talked about by commands", async () => {
    const [paid = "", , echoed = ""] = batches
    const access = { ATLASPAY_URL: platform.url, ATLASPAY_API_KEY: secrets["partner's key"] }
    const settings = { ...platform.environment, ...access }
    const csv = join(folder, "wrong.csv")
    writeFileSync(csv, `reference,currency,value,name,iban\nx,EUR,1.00,${people.name},${people.account}9\n`)
    const wallets = join(folder, "wallets.csv")
    writeFileSync(
      wallets,
      `reference,currency,amount,name,email,phone\nx,EUR,1.00,${people.name},${people["e-mail address"]},${people["telephone number"]}\n`,
    )
    const commands: ReadonlyArray<ReadonlyArray<string>> = [
      ["doctor"],
      ["config", "--json"],
      ["events", paid],
      ["events", echoed, "--json"],
      ["replay", echoed],
      ["replay", "export", paid, "-o", join(folder, "exports", "batch.ndjson")],
      ["batches", "show", paid],
      ["batches", "submit", csv],
      ["batches", "submit", wallets],
      ["verify", paid],
      ["keys", "list"],
      ["api-keys", "list"],
      ["callbacks"],
      ["audit"],
      ["history", "show"],
      ["webhooks", "endpoints", "list", "--partner", "acme"],
      ["reconcile", "--day", "2026-01-02"],
      ["migrate", "--plan"],
      ["projections", "audit", "--sample", "10"],
    ]
    await Promise.all(commands.map((command) => say(settings, command)))
  })

  it("does not start with settings that are wrong, and says why", async () => {
    const { environment } = platform
    const malformed = {
      ...environment,
      MASTER_KEYS: `canary=${masterKey}!`,
      API_KEYS: `acme${secrets["partner's key"]}`,
      OPERATOR_KEYS: `olga:${secrets["operator's key"]}`,
      REDIS_URL: `redis//canary:${secrets["password of Redis"]}@127.0.0.1`,
      DATABASE_URL: `postgres:canary:${secrets["password of Postgres"]}@127.0.0.1`,
      NATS_URL: `nats//canary:${secrets["password of NATS"]}@127.0.0.1`,
      BANK_CALLBACK_SECRET: `north=${secrets["secret of north"]}x`,
      COMPLIANCE_CALLBACK_SECRET: `${secrets["secret of compliance"]}x`,
      PROOF_SIGNING_KEY: `${secrets["key that signs roots"]}x`,
      OTEL_EXPORTER_OTLP_HEADERS: secrets["token for the collector"],
      PORT: secrets["stranger's key"],
    }
    const refused = {
      ...environment,
      REDIS_URL: (environment.REDIS_URL ?? "").replace("@", "x@"),
      DATABASE_URL: (environment.DATABASE_URL ?? "").replace("@", "x@"),
      NATS_URL: (environment.NATS_URL ?? "").replace("@", "x@"),
    }
    const starts = {
      malformed: platform.launch(malformed),
      "of production": platform.launch({ ...environment, NODE_ENV: "production" }),
      refused: platform.launch({ ...refused, ROLES: "worker" }),
    }
    await Promise.all(
      [malformed, refused, { ...malformed, NODE_ENV: "production" }].flatMap((settings) =>
        [["config"], ["doctor"]].map((command) => say(settings, command)),
      ),
    )
    await Promise.all([starts.malformed.ended, starts["of production"].ended])
    await starts.refused.stop()
    for (const [name, { lines }] of Object.entries(starts)) {
      expect(lines.length).toBeGreaterThan(0)
      for (const line of lines) if (line !== "") expect(line).toMatch(/^\{"time":/)
      written.set(`the start with settings that are ${name}`, lines.join("\n"))
    }
  })
})

/** Runs a command, and keeps what it says. */
const say = async (settings: Readonly<Record<string, string>>, command: ReadonlyArray<string>) => {
  const run = atlaspay(settings, ...command)
  await run.end()
  written.set(`atlaspay ${command.join(" ")} (${written.size})`, run.output())
}

describe("then no mark is in what was written", () => {
  beforeAll(async () => {
    for (const [role, { operationsUrl }] of services)
      for (const path of ["metrics", "readyz", "providers", "log-level"])
        written.set(`/${path} of ${role}`, await (await fetch(`${operationsUrl}/${path}`)).text())
    const messages = await readStream(
      platform.environment.NATS_URL ?? "",
      platform.environment.NATS_STREAM ?? "",
    )
    expect(messages.length).toBeGreaterThan(0)
    written.set("events", JSON.stringify(messages))
    await platform.stopAll()
    for (const [role, { lines }] of services) written.set(`the log of ${role}`, lines.join("\n"))
    expect(collector.bodies.length).toBeGreaterThan(0)
    written.set("traces", collector.bodies.join("\n"))
    expect(receiver.asked.length).toBeGreaterThan(0)
    written.set("webhooks", JSON.stringify(receiver.asked))
  }, START_MS_MAX)

  const everything = () => ({
    ...people,
    ...Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, hidden(secret)])),
    "webhook secret": hidden(webhookSecret),
  })

  it("logs, metrics, traces, events, webhooks, answers and commands", () => {
    const log = [...written].filter(([place]) => place.startsWith("the log of"))
    expect(log).toHaveLength(roles.length)
    for (const message of ["events appended", "request refused", "request answered"])
      expect(log.some(([, text]) => text.includes(message))).toBe(true)
    // `atlaspay events` shows the log of a batch to whoever may read Redis: accounts are masked, and names are not.
    const [shown = [], told = []] = [true, false].map((isShown) =>
      [...written].filter(([place]) => place.startsWith("atlaspay events") === isShown),
    )
    const { name: _, remittance: __, ...sealed } = everything()
    expect(leaksOf(everything(), new Map(told))).toEqual([])
    expect(leaksOf(sealed, new Map(shown))).toEqual([])
  })

  it("what NATS and an exported batch have on their disks", () => {
    const files = new Map([...filesIn(join(folder, "nats"), "NATS"), ...filesIn(join(folder, "exports"), "")])
    expect(files.size).toBeGreaterThan(2)
    expect(leaksOf(everything(), withoutConfiguration(files))).toEqual([])
  })

  it("what Redis and Postgres have on theirs, but for names and remittances, which are in the log", async () => {
    const { name, remittance: _, ...sealed } = everything()
    await postgres.primary.stop()
    const files = new Map([...filesIn(redis.folder, "Redis"), ...filesIn(postgres.primary.data, "Postgres")])
    expect(leaksOf({ name }, files)).not.toEqual([])
    expect(leaksOf(sealed, files)).toEqual([])
  })
})

/** Without the file that tells the server which passwords there are. */
const withoutConfiguration = (files: ReadonlyMap<string, string | Buffer>) =>
  new Map([...files].filter(([place]) => !place.endsWith("nats.conf")))
