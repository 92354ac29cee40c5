/**
 * All roles run apart, at the most talkative level of the log, with marked accounts, names, remittances and secrets of every kind, while
 * callers, banks and stores do wrong. Then everything that was written is searched for the marks: logs, metrics, traces, events, webhooks,
 * answers, the output of commands, and the files of Redis, Postgres and NATS.
 */
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort } from "../../src/dev/embedded-start.ts"
import { newApiKey } from "../../src/identity/api-key.ts"
import { type Role, roles } from "../../src/service-roles.ts"
import { readStream } from "../checker/notification-evidence.ts"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { RedisServer } from "../cluster/redis-server.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { type Behaviour, json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { filesIn, leaksOf } from "../safety/canaries.ts"
import { CollectorUnderTest } from "../traces/collector-under-test.ts"
import { NatsServer } from "./nats-servers.ts"
import { ReplicatedPostgres } from "./replicated-postgres.ts"

/** All roles start at once, on a machine that starts servers as well. */
const START_MS_MAX = 180_000

const base64 = (bytes: number) => randomBytes(bytes).toString("base64")
const word = (name: string) => `canary-${name}-${randomBytes(9).toString("hex").replaceAll(/\d/g, "q")}`
const signing = () => `whsec_${base64(32)}`

/** Whom partners pay. */
const people = {
  account: "DE89370400440532013000",
  "account at the bank that echoes": "GB33BUKB20201555555555",
  "account number": "20201555555555",
  "e-mail address": "kanaria.vogelsang@vogel.example",
  "telephone number": "+4915173219876",
  "PayPal id": "KVANARH7EVQ24",
  name: "Kanaria Vogelsang",
  remittance: "Kanarienfutter Q7 für März",
} as const

const masterKey = base64(32)
/** What opens something. */
const secrets = {
  "partner's key": newApiKey().text,
  "other partner's key": word("globex"),
  "operator's key": newApiKey("operator").text,
  "stranger's key": word("stranger"),
  "stranger's token": `eyJhbGciOiJSUzI1NiJ9.${Buffer.from('{"sub":"kanarie"}').toString("base64url")}.${word("signature")}`,
  "master key": masterKey,
  "secret of north": signing(),
  "secret of south": signing(),
  "secret of compliance": signing(),
  "secret of the ledger": signing(),
  "token for north": word("north-token"),
  "token for the collector": word("collector-token"),
  "password of Redis": word("redis"),
  "password of Postgres": word("postgres"),
  "password of NATS": word("nats"),
  "key that signs roots": `prsk_${base64(32)}`,
} as const

/** Those with a prefix that is no secret are looked for without it. */
const hidden = (secret: string): string => secret.replace(/^(whsec_|prsk_|apo?_[a-z]{16}_|eyJ[^.]*\.)/, "")

const folder = mkdtempSync(join(tmpdir(), "canary-"))
const stack = new AsyncDisposableStack()
stack.defer(() => rmSync(folder, { recursive: true, force: true }))

let redis: RedisServer
let nats: NatsServer
let postgres: ReplicatedPostgres
let collector: CollectorUnderTest
let echo: MisbehavingServer
let receiver: MisbehavingServer
let platform: PlatformUnderTest
const services = new Map<Role, Service>()
const written = new Map<string, string | Buffer>()
/** Known once the service has made it. */
let webhookSecret = ""

/** A bank that says in each of its answers what it was asked. */
const echoes: ReadonlyArray<(asked: Parameters<Behaviour>[1]) => Behaviour> = [
  ({ body }) => json(500, `cannot pay: ${body}`),
  ({ body }) => json(200, { status: body, beneficiary: JSON.parse(body || "{}") }),
  ({ body }) => json(400, { error: body, authorization: secrets["token for north"] }),
  ({ body, headers }) => json(503, body, { "x-echo": encodeURIComponent(JSON.stringify(headers)) }),
  ({ body }) => json(422, { status: "rejected", code: `no account ${body}` }),
]

const openProviders = async () => {
  let asked = 0
  echo = await MisbehavingServer.open()
  stack.defer(() => echo.close())
  let order = ""
  echo.behaviour = (response, question) => {
    const answer = echoes[asked % echoes.length]
    asked += 1
    order = question.body || order
    answer?.({ ...question, body: order })(response, question)
  }
  receiver = await MisbehavingServer.open()
  stack.defer(() => receiver.close())
  receiver.behaviour = (response, question) =>
    json(receiver.asked.length % 3 === 0 ? 500 : 200, question.body)(response, question)
  collector = stack.use(await CollectorUnderTest.open())
}

const openStores = async () => {
  const aclfile = join(folder, "users.acl")
  const users = ["default on nopass", `canary on >${secrets["password of Redis"]}`]
  writeFileSync(aclfile, users.map((user) => `user ${user} ~* &* +@all\n`).join(""))
  redis = stack.use(await RedisServer.start({ folder, settings: { aclfile } }))
  const natsFolder = join(folder, "nats")
  mkdirSync(natsFolder)
  const natsUsers = [
    `{ user: canary, password: "${secrets["password of NATS"]}" }`,
    '{ user: test, password: "test" }',
  ]
  nats = stack.use(
    new NatsServer(
      natsFolder,
      "n1",
      await Effect.runPromise(freePort),
      `authorization { users: [${natsUsers.join(", ")}] }\nno_auth_user: test`,
    ),
  )
  await nats.start()
  postgres = stack.use(await ReplicatedPostgres.open("asynchronous"))
  await postgres.primary.ask((sql) =>
    sql.unsafe(`create role canary superuser login password '${secrets["password of Postgres"]}'`),
  )
}

const storeUrls = () => ({
  REDIS_URL: redis.url.replace("//", `//canary:${secrets["password of Redis"]}@`),
  DATABASE_URL: postgres.primary.url.replace(/\/\/.*@/, `//canary:${secrets["password of Postgres"]}@`),
  NATS_URL: `nats://canary:${secrets["password of NATS"]}@127.0.0.1:${nats.port}`,
})

/** The sandbox's providers, the bank that echoes, and one that takes files. */
const providersFile = ({ COMPLIANCE_URL, LEDGER_URL, BANKS = "" }: Readonly<Record<string, string>>) => {
  const north = /north=([^,]+)/.exec(BANKS)?.[1]
  const auth = { kind: "bearer", token: { env: "NORTH_TOKEN" } }
  const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
  const files = { kind: "files", folder: join(folder, "clearing"), everyMs: 300, pollMs: 50 }
  const path = join(folder, "providers.json")
  const document = {
    version: "canary",
    compliance: { url: COMPLIANCE_URL },
    ledger: { url: LEDGER_URL },
    banks: [
      { name: "north", kind: "instant", url: north, auth },
      { name: "south", kind: "instant", url: echo.url, auth },
      { name: "clearing", debtor, ...files },
    ],
    routes: [
      { rule: "pounds", when: { currency: ["GBP"] }, banks: ["south"] },
      { rule: "large", when: { currency: ["EUR"], minor: { atLeast: "100000" } }, banks: ["clearing"] },
      { rule: "rest", banks: ["north"] },
    ],
  }
  writeFileSync(path, JSON.stringify(document))
  return path
}

beforeAll(async () => {
  await Promise.all([openProviders(), openStores()])
  for (const one of ["clearing", "exports"]) mkdirSync(join(folder, one))
  platform = stack.use(
    await PlatformUnderTest.open(
      {
        ...storeUrls(),
        LOG_LEVEL: "trace",
        API_KEYS: `acme/clerk=${secrets["partner's key"]},globex=${secrets["other partner's key"]}`,
        OPERATOR_KEYS: `olga=${secrets["operator's key"]}`,
        MASTER_KEYS: `canary=${masterKey}`,
        NORTH_TOKEN: secrets["token for north"],
        BANK_CALLBACK_SECRET: `north=${secrets["secret of north"]},south=${secrets["secret of south"]}`,
        COMPLIANCE_CALLBACK_SECRET: secrets["secret of compliance"],
        LEDGER_CALLBACK_SECRET: secrets["secret of the ledger"],
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secrets["token for the collector"]}`,
        TRACE_SAMPLE_PERCENT: "100",
        PROOF_SIGNING_KEY: secrets["key that signs roots"],
        PROOF_EVERY_MS: "500",
        ARCHIVE_AFTER_MS: "500",
      },
      {
        clearingFolder: join(folder, "clearing"),
        secrets: {
          north: secrets["secret of north"],
          compliance: secrets["secret of compliance"],
          ledger: secrets["secret of the ledger"],
        },
        doors: { north: { bearer: secrets["token for north"] } },
      },
    ),
  )
  const PROVIDERS_FILE = providersFile(platform.environment)
  Object.assign(platform.environment, { PROVIDERS_FILE })
  for (const role of roles) services.set(role, platform.launch({ ROLES: role }))
  await ready()
}, 2 * START_MS_MAX)

afterAll(() => stack[Symbol.asyncDispose]())

const ready = async () => {
  const answer = eventually(
    "all roles are ready",
    async () => {
      const answers = [...services.values()].map(({ operationsUrl }) => fetch(`${operationsUrl}/readyz`))
      return (await Promise.all(answers)).every(({ ok }) => ok)
    },
    START_MS_MAX,
  )
  const ended = [...services].map(async ([role, { ended, lines }]) => {
    const how = await ended
    throw new Error(`${role} ended (${how}):\n${lines.slice(-5).join("\n")}`)
  })
  await Promise.race([answer, ...ended])
  for (const end of ended) end.catch(() => {})
}

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
