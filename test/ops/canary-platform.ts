/**
 * A platform whose settings, secrets and providers carry the marks of canary-marks.ts: stores with passwords, all roles as processes of
 * their own at the most talkative level of the log, a collector of traces, a receiver of webhooks, and a bank that repeats what it is asked.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort } from "../../src/dev/embedded-start.ts"
import { type Role, roles } from "../../src/service-roles.ts"
import { RedisServer } from "../cluster/redis-server.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { type Behaviour, json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { CollectorUnderTest } from "../traces/collector-under-test.ts"
import { masterKey, secrets } from "./canary-marks.ts"
import { NatsServer } from "./nats-servers.ts"
import { ReplicatedPostgres } from "./replicated-postgres.ts"

/** All roles start at once, on a machine that starts servers as well. */
export const START_MS_MAX = 180_000

/** A bank that says in each of its answers what it was asked. */
export const echoes: ReadonlyArray<(asked: Parameters<Behaviour>[1]) => Behaviour> = [
  ({ body }) => json(500, `cannot pay: ${body}`),
  ({ body }) => json(200, { status: body, beneficiary: JSON.parse(body || "{}") }),
  ({ body }) => json(400, { error: body, authorization: secrets["token for north"] }),
  ({ body, headers }) => json(503, body, { "x-echo": encodeURIComponent(JSON.stringify(headers)) }),
  ({ body }) => json(422, { status: "rejected", code: `no account ${body}` }),
]

/** What the platform works with; `stack` stops all of it. */
interface Outside {
  readonly folder: string
  readonly stack: AsyncDisposableStack
  readonly redis: RedisServer
  readonly nats: NatsServer
  readonly postgres: ReplicatedPostgres
  readonly collector: CollectorUnderTest
  readonly echo: MisbehavingServer
  readonly receiver: MisbehavingServer
}

const openEcho = async (): Promise<MisbehavingServer> => {
  let asked = 0
  const echo = await MisbehavingServer.open()
  let order = ""
  echo.behaviour = (response, question) => {
    const answer = echoes[asked % echoes.length]
    asked += 1
    order = question.body || order
    answer?.({ ...question, body: order })(response, question)
  }
  return echo
}

const openReceiver = async (): Promise<MisbehavingServer> => {
  const receiver = await MisbehavingServer.open()
  receiver.behaviour = (response, question) =>
    json(receiver.asked.length % 3 === 0 ? 500 : 200, question.body)(response, question)
  return receiver
}

const openRedis = (folder: string): Promise<RedisServer> => {
  const aclfile = join(folder, "users.acl")
  const users = ["default on nopass", `canary on >${secrets["password of Redis"]}`]
  writeFileSync(aclfile, users.map((user) => `user ${user} ~* &* +@all\n`).join(""))
  return RedisServer.start({ folder, settings: { aclfile } })
}

const newNats = async (folder: string): Promise<NatsServer> => {
  const natsFolder = join(folder, "nats")
  mkdirSync(natsFolder)
  const natsUsers = [
    `{ user: canary, password: "${secrets["password of NATS"]}" }`,
    '{ user: test, password: "test" }',
  ]
  const authorization = `authorization { users: [${natsUsers.join(", ")}] }\nno_auth_user: test`
  return new NatsServer(natsFolder, "n1", await Effect.runPromise(freePort), authorization)
}

const openOutside = async (stack: AsyncDisposableStack): Promise<Outside> => {
  const folder = mkdtempSync(join(tmpdir(), "canary-"))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  for (const one of ["clearing", "exports"]) mkdirSync(join(folder, one))
  const echo = await openEcho()
  stack.defer(() => echo.close())
  const receiver = await openReceiver()
  stack.defer(() => receiver.close())
  const collector = stack.use(await CollectorUnderTest.open())
  const redis = stack.use(await openRedis(folder))
  const nats = stack.use(await newNats(folder))
  await nats.start()
  const postgres = stack.use(await ReplicatedPostgres.open("asynchronous"))
  await postgres.primary.ask((sql) =>
    sql.unsafe(`create role canary superuser login password '${secrets["password of Postgres"]}'`),
  )
  return { folder, stack, redis, nats, postgres, collector, echo, receiver }
}

const storeUrls = ({ redis, postgres, nats }: Outside) => ({
  REDIS_URL: redis.url.replace("//", `//canary:${secrets["password of Redis"]}@`),
  DATABASE_URL: postgres.primary.url.replace(/\/\/.*@/, `//canary:${secrets["password of Postgres"]}@`),
  NATS_URL: `nats://canary:${secrets["password of NATS"]}@127.0.0.1:${nats.port}`,
})

/** The sandbox's providers, the bank that echoes, and one that takes files. */
const providersFile = (
  { folder, echo }: Outside,
  { COMPLIANCE_URL, LEDGER_URL, BANKS = "" }: Readonly<Record<string, string>>,
) => {
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

const openPlatform = async (outside: Outside): Promise<PlatformUnderTest> => {
  const platform = outside.stack.use(
    await PlatformUnderTest.open(
      {
        ...storeUrls(outside),
        LOG_LEVEL: "trace",
        API_KEYS: `acme/clerk=${secrets["partner's key"]},globex=${secrets["other partner's key"]}`,
        OPERATOR_KEYS: `olga=${secrets["operator's key"]}`,
        MASTER_KEYS: `canary=${masterKey}`,
        NORTH_TOKEN: secrets["token for north"],
        BANK_CALLBACK_SECRET: `north=${secrets["secret of north"]},south=${secrets["secret of south"]}`,
        COMPLIANCE_CALLBACK_SECRET: secrets["secret of compliance"],
        LEDGER_CALLBACK_SECRET: secrets["secret of the ledger"],
        OTEL_EXPORTER_OTLP_ENDPOINT: outside.collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secrets["token for the collector"]}`,
        TRACE_SAMPLE_PERCENT: "100",
        PROOF_SIGNING_KEY: secrets["key that signs roots"],
        PROOF_EVERY_MS: "500",
        ARCHIVE_AFTER_MS: "500",
      },
      {
        clearingFolder: join(outside.folder, "clearing"),
        secrets: {
          north: secrets["secret of north"],
          compliance: secrets["secret of compliance"],
          ledger: secrets["secret of the ledger"],
        },
        doors: { north: { bearer: secrets["token for north"] } },
      },
    ),
  )
  const PROVIDERS_FILE = providersFile(outside, platform.environment)
  Object.assign(platform.environment, { PROVIDERS_FILE })
  return platform
}

/** The platform, what is around it, and the process of each role. */
export interface CanaryPlatform extends Outside {
  readonly platform: PlatformUnderTest
  readonly services: ReadonlyMap<Role, Service>
}

/** Starts everything, and waits until all roles are ready. `stack` stops it, also what was started before a failure. */
export const openCanaryPlatform = async (stack: AsyncDisposableStack): Promise<CanaryPlatform> => {
  const outside = await openOutside(stack)
  const platform = await openPlatform(outside)
  const services = new Map(roles.map((role) => [role, platform.launch({ ROLES: role })]))
  await ready(services)
  return { ...outside, platform, services }
}

const ready = async (services: ReadonlyMap<Role, Service>) => {
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
