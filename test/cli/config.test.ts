/** `atlaspay config`: what is in force without a secret, or all that is wrong at once. */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { settings } from "../../src/config.ts"
import { REQUIRED, settingsIn } from "../../src/settings/setting.ts"
import { shownCredentials, withoutPasswords } from "../../src/settings/shown-settings.ts"
import { misspeltNames } from "../../src/settings/similar-names.ts"
import { standIns } from "../../src/settings/stand-ins.ts"
import { allSettings } from "../../src/settings/tables.ts"
import { configHere, doctorHere } from "./command-here.ts"

const folder = mkdtempSync(join(tmpdir(), "config-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The tests' own servers are no settings of the service under test. */
const given = new Map(["REDIS_URL", "DATABASE_URL", "NATS_URL"].map((name) => [name, process.env[name]]))
beforeAll(() => {
  for (const name of given.keys()) delete process.env[name]
})
afterAll(() => {
  for (const [name, value] of given) if (value !== undefined) process.env[name] = value
})

const keyFile = join(folder, "api-keys")
writeFileSync(keyFile, `acme=canary-${randomBytes(48).toString("base64url")}\n`, { mode: 0o400 })
const canary = "canary-7d41"

const complete = {
  API_KEYS_FILE: keyFile,
  MASTER_KEYS: `k1=${randomBytes(32).toString("base64")}`,
  REDIS_URL: `rediss://atlas:${canary}@redis.payouts.io`,
  DATABASE_URL: `postgres://atlas:${canary}@db.payouts.io/atlas?sslmode=verify-full`,
  NATS_URL: `tls://${canary}@nats.payouts.io`,
  COMPLIANCE_URL: "https://compliance.payouts.io",
  LEDGER_URL: "https://ledger.payouts.io",
  BANKS: "north=https://api.north.io",
  BANK_AUTH: "north=bearer env:NORTH_TOKEN",
  NORTH_TOKEN: `${canary}-token`,
  BANK_ROUTES: "*=north",
  BANK_CALLBACK_SECRET: `whsec_${randomBytes(32).toString("base64")}`,
  CLAIM_MS: "9000",
}

describe("atlaspay config", () => {
  it("shows each setting with where it comes from, and no secret", async () => {
    const { status, output } = await configHere(complete, "--json")
    expect(output).not.toMatch(/canary|whsec_/)
    expect(status).toBe(0)
    const lines = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    const shown = new Map(lines.map((line) => [line.setting, line]))
    expect(shown.get("API_KEYS")).toEqual({ setting: "API_KEYS", value: "set", from: "file", file: keyFile })
    expect(shown.get("MASTER_KEYS")).toEqual({ setting: "MASTER_KEYS", value: "set", from: "environment" })
    expect(shown.get("CLAIM_MS")).toEqual({ setting: "CLAIM_MS", value: "9000", from: "environment" })
    expect(shown.get("SWEEP_MS")).toEqual({ setting: "SWEEP_MS", value: "60000 (1 minute)", from: "default" })
    expect(shown.get("REDIS_URL").value).toBe("rediss://***@redis.payouts.io")
    expect(shown.get("DATABASE_URL").value).toBe("postgres://***@db.payouts.io/atlas?sslmode=verify-full")
    expect(allSettings.every(({ name }) => shown.has(name))).toBe(true)
    const providers = lines.flatMap(({ provider }) => (provider?.name === undefined ? [] : [provider.name]))
    expect(providers).toEqual(["compliance-engine", "ledger", "north"])
  })

  it("shows no secret that was written where its reference belongs, to roles that do not read it, or that is not used", async () => {
    const raw = { BANK_AUTH: `north=bearer ${canary}`, COMPLIANCE_AUTH: `basic atlas ${canary}` }
    const projector = await configHere({ ...complete, ...raw }, "--roles", "projector")
    expect(projector.output).not.toContain(canary)
    expect(projector.output).toContain("BANK_AUTH=north=***  [environment]")
    expect(projector.status).toBe(0)
    const providers = join(folder, "providers.json")
    const url = "https://api.payouts.io"
    writeFileSync(
      providers,
      JSON.stringify({
        version: "1",
        compliance: { url },
        ledger: { url },
        banks: [{ name: "north", kind: "synchronous", url }],
        routes: [{ rule: "all", banks: ["north"] }],
      }),
    )
    const unused = await configHere({
      ...complete,
      ...raw,
      BANK_CALLBACK_SECRET: "",
      PROVIDERS_FILE: providers,
    })
    expect(unused.output).not.toContain(canary)
    expect(unused.output).toContain("BANK_AUTH=not used: PROVIDERS_FILE is set  [environment]")
    expect(unused.status).toBe(0)
  })

  it.each(["Production", "PRODUCTION", "prod", " production", "live"])(
    "does not take %s for development",
    async (NODE_ENV) => {
      const { status, output } = await configHere({ ...complete, NODE_ENV })
      expect(status).toBe(1)
      expect(output).toContain("NODE_ENV: expected production, in this spelling")
    },
  )

  it.each([
    [{ DATABASE_URL: `postgres://u:${canary}@h:99999/db` }, "DATABASE_URL: expected postgres://"],
    [{ DATABASE_URL: `postgres://u:${canary}@${"h,".repeat(8)}h/db` }, "it has more than 8 servers"],
    [{ DATABASE_URL: `postgres://u:${canary}@[::1]/db` }, "a server of it is an IPv6 address"],
    [{ DATABASE_URL: `postgres://u:%ZZ${canary}@h/db` }, "a % that encodes nothing"],
    [{ NATS_URL: `nats://u:%ZZ${canary}@h` }, "NATS_URL: expected nats://"],
    [{ NATS_URL: `wss://u:${canary}@h` }, "NATS_URL: expected nats://"],
  ])("refuses an address that the driver could not use: %s", async (address, problem) => {
    const { status, output } = await configHere({ ...complete, ...address })
    expect(status).toBe(1)
    expect(output).toContain(problem)
    expect(output).not.toContain(canary)
  })

  it("shows what the local platform would set, without starting it", async () => {
    const { status, output } = await configHere({}, "--json")
    expect(status).toBe(0)
    expect(output).toContain('{"setting":"REDIS_URL","value":"set at the start","from":"local platform"}')
  })

  it("tells all mistakes at once: of the environment, files, contradictions, providers and production", async () => {
    const { status, output } = await configHere({
      ...complete,
      NODE_ENV: "production",
      CLAIM_MS: canary,
      MASTER_KEYS: "",
      NATS_URL: "",
      NATS_URL_FILE: "/nowhere/nats",
      OPERATOR_KEYS: `olga=${canary} ${canary},otto`,
      OIDC_AUDIENCE: "payouts",
      REDIS_CERT_FILE: "/nowhere/cert",
      DATABASE_URL: `postgres://atlas:${canary}@db.payouts.io/atlas?sslcrl=x`,
      BANK_AUTH: "north=bearer env:NOT_THERE",
      CRASH_AT: "after-intent:1",
      ROLES: canary,
      REDIS_REPLICAS: " ",
      DATABASE_STANDBYS: "1e0",
      TRACE_SAMPLE_PERCENT: "\t",
      DUPLICATE_PAYOUTS: `*=warn:7,${canary}`,
      DATABSE_URL: "x",
    })
    expect(status).toBe(1)
    expect(output).not.toContain(canary)
    for (const problem of [
      "CLAIM_MS: expected 1 ms to 10,000 seconds",
      "MASTER_KEYS: is not set",
      "ROLES: expected some of api,worker",
      "REDIS_REPLICAS: expected 0 to 10",
      "DATABASE_STANDBYS: expected 0 to 10",
      "TRACE_SAMPLE_PERCENT: expected 0 to 100",
      "DUPLICATE_PAYOUTS: entry 2: expected off",
      "NATS_URL_FILE: the file /nowhere/nats does not exist",
      "OPERATOR_KEYS: entries 1, 2 are not of the form",
      "OIDC_ISSUER: is missing",
      "REDIS_KEY_FILE: is not set, and REDIS_CERT_FILE is",
      "DATABASE_URL: sslcrl is not supported",
      "BANKS: banks[0].auth.token: the variable NOT_THERE is empty or missing",
      "CRASH_AT: production refuses the process kills itself at after-intent (crash-point)",
      "DATABSE_URL is no setting. Is DATABASE_URL meant?",
    ])
      expect(output).toContain(problem)
  })
})

describe("the kinds of the providers", () => {
  const bank = { name: "north", kind: "files", url: "https://api.north.io" }
  const calledBy = (providers: object) => {
    const file = join(folder, "kinds.json")
    const document = {
      version: "1",
      compliance: { url: "https://compliance.payouts.io" },
      ledger: { url: "https://ledger.payouts.io" },
      banks: [{ ...bank, kind: "instant" }],
      routes: [{ rule: "all", banks: ["north"] }],
      ...providers,
    }
    writeFileSync(file, JSON.stringify(document))
    const { BANKS: _, BANK_AUTH: __, BANK_ROUTES: ___, COMPLIANCE_URL, LEDGER_URL, ...others } = complete
    return { ...others, PROVIDERS_FILE: file }
  }
  const url = "https://ledger.payouts.io"

  it.each<readonly [what: string, providers: object, problem: string]>([
    [
      "an unknown ledger",
      { ledger: { url, kind: canary } },
      "ledger.kind: expected one of postings, formance",
    ],
    [
      "an unknown engine",
      { compliance: { url, kind: canary } },
      "compliance.kind: expected one of clearance",
    ],
    ["an unknown bank", { banks: [{ ...bank, kind: canary }] }, "banks[0].kind: expected one of instant, "],
    ["a missing field", { ledger: { url, kind: "formance" } }, "ledger.ledger: "],
    ["a field of no kind", { ledger: { url, kind: "postings", thing: canary } }, "ledger.thing: "],
    ["a field of another kind", { compliance: { url, ledger: canary } }, "compliance.ledger: "],
    ["a name that is none", { ledger: { url, kind: "formance", ledger: `a/${canary}` } }, "ledger.ledger: "],
  ])("are checked: %s is a mistake with a place", async (_, providers, problem) => {
    const { status, output } = await configHere(calledBy(providers))
    expect(output).toContain(`PROVIDERS_FILE: ${problem}`)
    expect(output).not.toContain(canary)
    expect(status).toBe(1)
  })

  it("are shown, with the names of their fields", async () => {
    const { status, output } = await configHere(
      calledBy({ ledger: { url, kind: "formance", ledger: "payouts" } }),
      "--json",
    )
    expect(status).toBe(0)
    expect(output).toContain('"name":"ledger","kind":"formance"')
    expect(output).toContain('"fields":["ledger"]')
    expect(output).toContain('"name":"compliance-engine","kind":"clearance"')
  })

  it("are no matter of a process that does not call them", async () => {
    const { output } = await configHere(calledBy({ ledger: { url, kind: canary } }), "--roles", "api")
    expect(output).not.toContain("ledger.kind")
  })
})

it("the doctor connects to the stores with the files of certificates, as the service does", async () => {
  const { status, output } = await doctorHere(
    {
      REDIS_URL: `rediss://:${canary}@127.0.0.1:1`,
      DATABASE_URL: `postgres://atlas:${canary}@127.0.0.1:1/atlas?sslmode=verify-full`,
      NATS_URL: `tls://atlas:${canary}@127.0.0.1:1`,
      REDIS_CA_FILE: "/nowhere/redis",
      DATABASE_CA_FILE: "/nowhere/postgres",
      NATS_CA_FILE: "/nowhere/nats",
    },
    "--data-dir",
    folder,
    "--json",
  )
  expect(output).not.toContain(canary)
  expect(status).toBe(1)
  const seen = output.split("\n").filter((line) => line.startsWith("{") && !line.includes('"settings"'))
  for (const problem of [
    "REDIS_CA_FILE: the file /nowhere/redis does not exist",
    "DATABASE_CA_FILE: the file /nowhere/postgres does not exist",
    "NATS_CA_FILE: the file /nowhere/nats does not exist",
  ])
    expect(seen.some((line) => line.includes(problem))).toBe(true)
})

it.each([
  ["redis://u:p@h:1/0", "redis://***@h:1/0"],
  ["redis+sentinel://:p@a,b/name", "redis+sentinel://***@a,b/name"],
  ["postgres://u:p/w@h/db", "postgres://***@h/db"],
  ["postgres://u:p@w@h/db", "postgres://***@h/db"],
  ["nats://token@h", "nats://***@h"],
  ["https://h/path?token=x&sslmode=require", "https://h/path?token=***&sslmode=require"],
  ["north=https://u:p@n.io", "north=https://***@n.io"],
  ["redis://u:my p@h:1/0", "redis://***@h:1/0"],
  ["nats://u:p@a:1, nats://u:my,p@b", "nats://***@a:1, nats://***@b"],
  ["nats://a:1,nats://[::1]:2", "nats://a:1,nats://[::1]:2"],
  ["nats://u:p,nats://u:q@b", "nats://***@,nats://***@b"],
  [
    "postgres://a:1,b/db?password=p,q r&sslmode=disable#p",
    "postgres://a:1,b/db?password=***&sslmode=disable#***",
  ],
])("a password is not shown: %s", (text, shown) => expect(withoutPasswords(text)).toBe(shown))

it.each([
  ["bearer env:NAME", "bearer env:NAME"],
  ["basic user file:/run/secrets/x", "basic user file:/run/secrets/x"],
  ["bearer canary", "***"],
  ["basic user canary", "***"],
  ["env:NAME canary", "***"],
])("a secret in the place of a reference is not shown: %s", (text, shown) =>
  expect(shownCredentials(text)).toBe(shown),
)

it.each([
  ["DATABSE_URL", "DATABASE_URL"],
  ["REDIS_REPLICA", "REDIS_REPLICAS"],
  ["NATS_STREAM_AGE_MSMAX", "NATS_STREAM_AGE_MS_MAX"],
  ["MASTER_KEYS_FLIE", "MASTER_KEYS_FILE"],
  ["claim_ms", "CLAIM_MS"],
])("%s looks like %s", (name, like) => {
  expect(misspeltNames([name], [...allSettings.map(({ name }) => name), "MASTER_KEYS_FILE"])).toEqual([
    { given: name, like },
  ])
})

it.each([
  "HOSTNAME",
  "HOME",
  "PATH",
  "REDIS_PORT",
  "NATS_SERVICE_HOST",
  "NODE_OPTIONS",
  "CLAIM_MS",
  "POSTGRES_URL",
])("%s looks like none", (name) =>
  expect(
    misspeltNames(
      [name],
      allSettings.map(({ name }) => name),
    ),
  ).toEqual([]),
)

it("every setting that is required has a stand-in, and no other; every setting is in a table of the page", () => {
  const declared = settingsIn(settings)
  const required = declared.filter(({ fallback }) => fallback === REQUIRED).map(({ name }) => name)
  expect([...standIns.keys()].sort()).toEqual(required.sort())
  expect(allSettings.map(({ name }) => name).sort()).toEqual(declared.map(({ name }) => name).sort())
})
