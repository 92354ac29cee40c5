import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { checks, Finding, nameOf } from "../../src/production/finding.ts"
import { checkedSettings, UnfitForProduction } from "../../src/production/production.ts"
import { bankKind, bankKindsLayer } from "../../src/providers/banks/bank-kind.ts"
import { files } from "../../src/providers/banks/files/files.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { roles } from "../../src/service-roles.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { PlatformUnderTest, playMoney } from "../platform-under-test.ts"
import { settings } from "../settings.ts"

const secret = () => `whsec_${randomBytes(32).toString("base64")}`
/** So long that chance cannot make it look like words. */
const key = () => randomBytes(48).toString("base64url")

/** What production has nothing against. */
const fit = {
  NODE_ENV: "production",
  API_KEYS: `acme=${key()},acme=${key()},globex=${key()}`,
  OPERATOR_KEYS: `olga=${key()},otto:approve+resolve=${key()}`,
  MASTER_KEYS: `k1=${randomBytes(32).toString("base64")}`,
  PROOF_SIGNING_KEY: `prsk_${randomBytes(32).toString("base64")}`,
  REDIS_URL: "rediss://:s-3-cret@redis.payouts.io:6379",
  DATABASE_URL: "postgres://atlas:s-3-cret@db.payouts.io/atlas?sslmode=verify-full",
  NATS_URL: "tls://atlas:s-3-cret@nats.payouts.io:4222",
  PUBLIC_URL: "https://callbacks.payouts.io",
  COMPLIANCE_URL: "https://compliance.payouts.io",
  COMPLIANCE_AUTH: "bearer env:COMPLIANCE_TOKEN",
  LEDGER_AUTH: "basic atlas env:LEDGER_PASSWORD",
  BANK_AUTH: "north=bearer file:/run/north,south=bearer file:/run/south",
  LEDGER_URL: "https://ledger.payouts.io",
  BANKS: "north=https://api.north.io,south=https://api.south.io",
  BANK_CALLBACK_SECRET: `north=${secret()},south=${secret()}`,
  COMPLIANCE_CALLBACK_SECRET: secret(),
  LEDGER_CALLBACK_SECRET: secret(),
}

const kinds = bankKindsLayer([instant, files])

interface Checked {
  readonly refused: ReadonlyArray<string>
  readonly message: string
  readonly lines: ReadonlyArray<string>
}

const check = (environment: Readonly<Record<string, string>>, of = roles.slice()): Promise<Checked> => {
  const lines: Array<string> = []
  return Effect.runPromise(
    Effect.exit(checkedSettings(of)).pipe(
      Effect.provide(
        Layer.mergeAll(
          settings({ ...fit, ...environment }),
          kinds,
          loggingLayer((line) => lines.push(line)),
        ),
      ),
      Effect.map((exit) => {
        const error = Exit.isFailure(exit) ? Exit.findErrorOption(exit) : undefined
        const failure = error?._tag === "Some" ? error.value : undefined
        if (Exit.isFailure(exit) && !(failure instanceof UnfitForProduction)) throw new Error(String(exit))
        return { refused: failure?.findings.map(nameOf) ?? [], message: failure?.message ?? "", lines }
      }),
    ),
  )
}

const zeros = Buffer.alloc(32).toString("base64")
const text = Buffer.from("a text of thirty-two characters!").toString("base64")

describe("production", () => {
  it("refuses nothing that its own tests do not vouch for", async () => {
    await using platform = await PlatformUnderTest.open({
      NODE_ENV: "production",
      VOUCH_FOR: playMoney,
      PROOF_SIGNING_KEY: fit.PROOF_SIGNING_KEY,
    })
    assert.deepStrictEqual((await check(platform.environment)).refused, [])
  })

  it("keeps no proof tree without a key of its own", async () => {
    const without = { PROOF_SIGNING_KEY: "" }
    assert.deepStrictEqual((await check(without)).refused, ["no-proofs"])
    assert.deepStrictEqual((await check(without, ["api", "worker"])).refused, [])
    const { refused } = await check({ PROOF_SIGNING_KEY: `prsk_${zeros}` })
    assert.deepStrictEqual(refused, ["weak-secret:proof-signing-key"])
  })

  it("starts with settings that are strong, and says nothing of them", async () => {
    assert.deepStrictEqual(await check({}), { refused: [], message: "", lines: [] })
  })

  it.each<readonly [string, Readonly<Record<string, string>>]>([
    ["known-secret:partner/acme", { API_KEYS: "acme=sandbox-key-for-play-money" }],
    [
      "weak-secret:partner/acme/2",
      { API_KEYS: `acme=${key()},acme=${randomBytes(15).toString("base64url")}` },
    ],
    ["weak-secret:partner/acme", { API_KEYS: "acme=AtlasPayLiveKeyForAcme2026AtlasPayLiveKeyForAcme2026" }],
    ["weak-secret:partner/acme", { API_KEYS: "acme=0123456789abcdef0123456789abcdef0123456789abcdef" }],
    ["weak-secret:partner/acme", { API_KEYS: "acme=correct-horse-battery-staple-of-the-marketplace" }],
    // Without a name in front of it, what comes before "=" may be the key.
    ["weak-secret:partner/entry-1", { API_KEYS: key() }],
    ["weak-secret:partner/entry-2", { API_KEYS: `acme=${key()},${randomBytes(16).toString("base64")}` }],
    ["weak-secret:operator/entry-1", { OPERATOR_KEYS: key() }],
    ["known-secret:callback/banks", { BANK_CALLBACK_SECRET: "whsec_YXRsYXNwYXktc2FuZGJveC1jYWxsYmFja3Mh" }],
    ["weak-secret:callback/north", { BANK_CALLBACK_SECRET: `north=whsec_AAAA,south=${secret()}` }],
    [
      "weak-secret:callback/ledger",
      { LEDGER_CALLBACK_SECRET: `whsec_${randomBytes(23).toString("base64")}` },
    ],
    ["weak-secret:callback/compliance-engine", { COMPLIANCE_CALLBACK_SECRET: `whsec_${zeros}` }],
    ["shared-secret:callback/north+callback/ledger", shared("north", "LEDGER_CALLBACK_SECRET")],
    [
      "shared-secret:callback/ledger+master/k1",
      both("LEDGER_CALLBACK_SECRET", "whsec_", "MASTER_KEYS", "k1="),
    ],
    ["weak-secret:master/k1", { MASTER_KEYS: `k1=${zeros}` }],
    ["weak-secret:master/k1", { MASTER_KEYS: `k1=${text}` }],
    ["weak-secret:master/k1", { MASTER_KEYS: `k1=${Buffer.from([...Array(32).keys()]).toString("base64")}` }],
    [
      "weak-secret:master/k1",
      {
        MASTER_KEYS: `k1=${Buffer.from(randomBytes(8).toString("hex").repeat(2), "latin1").toString("base64")}`,
      },
    ],
    [
      "known-secret:partner/acme",
      { API_KEYS: `acme=${Buffer.from("sandbox-key-for-play-money").toString("base64url")}` },
    ],
    [
      "known-secret:partner/acme",
      { API_KEYS: `acme=${Buffer.from("sandbox-key-for-play-money").toString("hex")}` },
    ],
    ["known-secret:partner/acme", { API_KEYS: "acme=YXRsYXNwYXktc2FuZGJveC1jYWxsYmFja3Mh" }],
    ["known-secret:postgres/password", { DATABASE_URL: "postgres://atlaspay:atlasp%61y@127.0.0.1/atlaspay" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@10.0.0.1" }],
    ["redis-without-tls", { REDIS_URL: "redis+sentinel://:s-3-cret@127.0.0.1,redis.io/primary" }],
    ["redis-without-password", { REDIS_URL: "rediss+cluster://one.io,two.io" }],
    ["postgres-without-tls", { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas" }],
    ["postgres-without-tls", { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas?sslmode=require" }],
    ["postgres-without-tls", { DATABASE_URL: "postgres:///atlas?sslmode=verify-full" }],
    // What a check took for a password, and the driver for the host.
    ["postgres-without-tls", { DATABASE_URL: "postgres://db.io?x#@127.0.0.1/atlas" }],
    ["postgres-without-tls", { DATABASE_URL: "postgres://db.io#@127.0.0.1/atlas" }],
    ["nats-without-tls", { NATS_URL: "nats://nats.io:1#@127.0.0.1" }],
    // What the driver reads counts: the last of two, and no other case of a word.
    [
      "postgres-without-tls",
      { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas?sslmode=verify-full&sslmode=require" },
    ],
    ["postgres-without-tls", { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas?sslmode=prefer" }],
    ["postgres-without-tls", { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas?ssl=allow" }],
    [
      "postgres-without-tls",
      { DATABASE_URL: "postgres://atlas:s-3-cret@db.io/atlas?ssl=true&sslmode=require" },
    ],
    ["postgres-without-tls", { DATABASE_URL: "postgres://atlas:s-3-cret@127.0.0.1,db.io/atlas" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@localhost.evil.io" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@redis.localhost" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@127.0.0.1.evil.io" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@[::ffff:10.0.0.1]" }],
    ["redis-without-tls", { REDIS_URL: "redis://:s-3-cret@0.0.0.0" }],
    ["redis-without-tls", { REDIS_URL: "redis+cluster://:s-3-cret@127.0.0.1,localhost,10.0.0.1" }],
    ["nats-without-tls", { NATS_URL: "nats://atlas:s-3-cret@127.0.0.1,NATS://nats.io" }],
    ["plain-http:ledger", { LEDGER_URL: "HTTP://LEDGER.IO" }],
    ["plain-http:ledger", { LEDGER_URL: "http://localhost.evil.io" }],
    ["plain-http:ledger", { LEDGER_URL: "http://[::ffff:a01:203]" }],
    ["postgres-without-password", { DATABASE_URL: "postgres://atlas@db.io/atlas?sslmode=verify-full" }],
    ["known-secret:postgres/password", { DATABASE_URL: "postgres://atlaspay:atlaspay@127.0.0.1/atlaspay" }],
    ["nats-without-tls", { NATS_URL: "nats://atlas:s-3-cret@nats.io" }],
    ["nats-without-password", { NATS_URL: "tls://127.0.0.1,tls://nats.io" }],
    ["otlp-without-tls", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }],
    ["otlp-without-tls", { OTEL_EXPORTER_OTLP_ENDPOINT: "HTTP://127.0.0.1.evil.io:4318/x" }],
    ["private-webhooks", { WEBHOOKS_ALLOW_PRIVATE: "true" }],
    ["crash-point", { CRASH_AT: "after-intent:1" }],
    ["odd-time:NATS_STREAM_AGE_MS_MAX", { NATS_STREAM_AGE_MS_MAX: "259199999" }],
    ["any-certificate", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
    ["public-url", { PUBLIC_URL: "http://callbacks.io" }],
    ["plain-http:compliance-engine", { COMPLIANCE_URL: "http://compliance.io" }],
    ["plain-http:ledger", { LEDGER_URL: "http://10.1.2.3" }],
    ["plain-http:south", { BANKS: "north=https://api.north.io,south=http://api.south.io" }],
    ["play-host:south", { BANKS: "north=https://api.north.io,south=https://sandbox.south.io" }],
    ["without-auth:ledger", { LEDGER_AUTH: "" }],
    ["without-auth:north", { BANK_AUTH: "south=bearer file:/run/south" }],
    ["weak-secret-of-provider:compliance-engine", { COMPLIANCE_TOKEN: "a-short-one-1" }],
    ["known-secret-of-provider:ledger", { LEDGER_PASSWORD: "sandbox-key-for-play-money" }],
    [
      "shared-secret-of-provider:north+south",
      { BANK_AUTH: "north=bearer env:TOKEN,south=bearer env:TOKEN", TOKEN: key() },
    ],
    ["shared-secret-of-provider:partner/acme+ledger", both("API_KEYS", "acme=", "LEDGER_PASSWORD")],
    [
      "shared-secret-of-provider:callback/ledger+compliance-engine",
      both("LEDGER_CALLBACK_SECRET", "whsec_", "COMPLIANCE_TOKEN"),
    ],
    ["odd-time:PROVIDER_TIMEOUT_MS", { PROVIDER_TIMEOUT_MS: "20" }],
    ["odd-time:CLAIM_MS", { CLAIM_MS: "100" }],
    ["odd-time:INQUIRY_DELAYS_MS", { INQUIRY_DELAYS_MS: "1000,2000" }],
  ])("refuses %s, unless it is vouched for, and then says so", async (name, environment) => {
    const refused = await check(environment)
    assert.include(refused.refused, name)
    assert.notInclude(refused.message, "s-3-cret")
    assert.isUndefined(
      Object.values(environment).find((value) => refused.message.includes(value) && value.length > 9),
    )
    const { refused: none, lines } = await check({ ...environment, VOUCH_FOR: refused.refused.join(", ") })
    assert.deepStrictEqual(none, [])
    assert.strictEqual(lines.length, refused.refused.length)
    assert.isDefined(
      lines.find((line) => line.includes("vouched for in production") && line.includes(`"${name}"`)),
    )
  })

  it.each(["http://127.0.0.1:4318", "http://[::1]:4318", "https://collector.payouts.io"])(
    "sends traces to %s",
    async (OTEL_EXPORTER_OTLP_ENDPOINT) =>
      assert.deepStrictEqual((await check({ OTEL_EXPORTER_OTLP_ENDPOINT })).refused, []),
  )

  it("tells everything at once, each by its setting", async () => {
    const { refused, message } = await check({
      API_KEYS: "acme=acme-key",
      MASTER_KEYS: `k1=${zeros}`,
      LEDGER_URL: "http://ledger.io",
      CRASH_AT: "after-intent:1",
      VOUCH_FOR: "plain-htp:ledger",
    })
    assert.sameMembers(refused.slice(), [
      "known-secret:partner/acme",
      "weak-secret:master/k1",
      "plain-http:ledger",
      "crash-point",
      "unknown-vouch:plain-htp:ledger",
    ])
    for (const setting of ["API_KEYS", "MASTER_KEYS", "CRASH_AT", "VOUCH_FOR"])
      assert.include(message, `: ${setting}: `)
  })

  it("judges a secret in the providers' document by what it is for, and leaves one that is not there to its user", async () => {
    const folder = mkdtempSync(join(tmpdir(), "providers-"))
    const providers = join(folder, "providers.json")
    const url = "https://api.payouts.io"
    const hmac = (name: string) => ({ kind: "hmac", keyId: "atlas", secret: { env: name } })
    const bank = (name: string) => ({ name, kind: "instant", url, auth: hmac(name.toUpperCase()) })
    const document = {
      version: "test",
      compliance: { url, auth: { kind: "header", name: "x-key", value: { file: join(folder, "key") } } },
      ledger: { url, auth: { kind: "bearer", token: { file: join(folder, "absent") } } },
      banks: [bank("north"), bank("south")],
      routes: [{ rule: "all", banks: ["north"] }],
    }
    writeFileSync(providers, JSON.stringify(document))
    writeFileSync(join(folder, "key"), `${"0123456789".repeat(4)}\n`)
    const [short, long] = [23, 24].map((bytes) => randomBytes(bytes).toString("base64"))
    const { refused, message } = await check({
      PROVIDERS_FILE: providers,
      NORTH: short ?? "",
      SOUTH: long ?? "",
    })
    assert.deepStrictEqual(refused, [
      "weak-secret-of-provider:compliance-engine",
      "weak-secret-of-provider:north",
    ])
    assert.include(message, "banks[0].auth.secret: found a secret of 23 bytes")
  })

  it("lets a provider have one secret for both directions, and nobody else with it", async () => {
    const token = `whsec_${randomBytes(48).toString("base64")}`
    const own = {
      BANK_CALLBACK_SECRET: `north=${token},south=${secret()}`,
      BANK_AUTH: "north=bearer env:TOKEN,south=bearer env:SOUTH",
      TOKEN: token,
    }
    assert.deepStrictEqual((await check({ ...own, SOUTH: key() })).refused, [])
    // In pairs: what is vouched for here is all that can be found where one of them is not there.
    assert.deepStrictEqual((await check({ ...own, SOUTH: token })).refused, [
      "shared-secret-of-provider:callback/north+south",
      "shared-secret-of-provider:north+south",
    ])
  })

  it("knows a secret in whatever spelling", async () => {
    const bytes = Buffer.concat([Buffer.from([0xfb, 0xff]), randomBytes(45)])
    const { refused } = await check({
      LEDGER_CALLBACK_SECRET: `whsec_${bytes.toString("base64")}`,
      COMPLIANCE_TOKEN: bytes.toString("base64url"),
    })
    assert.deepStrictEqual(refused, ["shared-secret-of-provider:callback/ledger+compliance-engine"])
  })

  it("judges what the kind of a bank calls, and lets nobody stand for settings that it cannot read", async () => {
    const providers = join(mkdtempSync(join(tmpdir(), "providers-")), "providers.json")
    const auth = { kind: "bearer", token: { file: "/run/absent" } }
    const at = { url: "https://api.payouts.io", auth }
    const open = { url: "http://api.payouts.io", auth }
    const routes = [{ rule: "all", banks: ["north"] }]
    const checkWith = (keyWindowMs: unknown, vouches = "") => {
      const banks = [
        { name: "north", kind: "instant", ...open, keyWindowMs },
        { name: "west", kind: "kind-of-another-release", ...open },
      ]
      writeFileSync(providers, JSON.stringify({ version: "test", compliance: at, ledger: at, banks, routes }))
      return check({ PROVIDERS_FILE: providers, VOUCH_FOR: vouches })
    }
    assert.deepStrictEqual((await checkWith(1_000)).refused, ["plain-http:north"])
    const { refused, message } = await checkWith("long", "providers")
    assert.deepStrictEqual(refused, ["providers", "unknown-vouch:providers"])
    assert.include(message, "banks[0].keyWindowMs")
  })

  it("judges nothing of a kind that says that it calls nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "providers-"))
    const providers = join(folder, "providers.json")
    const at = { url: "https://api.payouts.io", auth: { kind: "bearer", token: { file: "/run/absent" } } }
    const account = { scheme: "iban", iban: "NL91ABNA0417164300" }
    const clearing = {
      name: "clearing",
      kind: "files",
      folder,
      debtor: { name: "Atlas Marketplace", account },
    }
    const routes = [{ rule: "all", banks: ["clearing"] }]
    writeFileSync(
      providers,
      JSON.stringify({ version: "test", compliance: at, ledger: at, banks: [clearing], routes }),
    )
    assert.deepStrictEqual((await check({ PROVIDERS_FILE: providers })).refused, [])
  })

  it("is told by each kind what it calls, or it is no kind", () => {
    const [settings, connect] = [Schema.Struct({}), () => Effect.die(new Error("nobody is paid"))]
    // @ts-expect-error A kind that forgets what it calls would not be judged.
    bankKind({ name: "forgetful", settings, connect })
  })

  it("refuses a vouch for what is no check", async () => {
    const { refused } = await check({ VOUCH_FOR: "everything" })
    assert.deepStrictEqual(refused, ["unknown-vouch:everything"])
  })

  it("lets nobody stand for a document that cannot be read", async () => {
    const environment = { PROVIDERS_FILE: "absent.json", VOUCH_FOR: "providers" }
    const { refused } = await check(environment)
    assert.deepStrictEqual(refused, ["providers", "unknown-vouch:providers"])
    assert.deepStrictEqual((await check({ ...environment, VOUCH_FOR: "" }, ["api"])).refused, [])
  })

  it("tells of a vouch that nothing needs, where it would have been needed", async () => {
    const vouches = { VOUCH_FOR: "crash-point,plain-http:north" }
    const worker = await check(vouches)
    assert.deepStrictEqual(
      worker.lines.map((line) => JSON.parse(line).details[0].vouch),
      ["crash-point", "plain-http:north"],
    )
    const api = await check(vouches, ["api"])
    assert.strictEqual(api.lines.length, 1)
    assert.include(api.lines[0], "crash-point")
  })

  it("calls no vouch needless that is about a secret which this process has not", async () => {
    const vouches = {
      BANK_AUTH: "north=bearer env:NORTH,south=bearer env:SOUTH",
      VOUCH_FOR:
        "weak-secret-of-provider:north,known-secret-of-provider:north,shared-secret-of-provider:north+south",
    }
    const files = await check({ ...vouches, SOUTH: key() }, ["bank-files"])
    assert.deepStrictEqual([files.refused, files.lines], [[], []])
    const worker = await check({ ...vouches, SOUTH: key(), NORTH: key() }, ["worker"])
    assert.strictEqual(worker.lines.length, 3)
  })

  it("wants to be told where providers call back, of workers", async () => {
    const { PUBLIC_URL: _, ...silent } = fit
    const without = (of: (typeof roles)[number]) =>
      Effect.runPromise(Effect.exit(checkedSettings([of]).pipe(Effect.provide([settings(silent), kinds]))))
    assert.isTrue(Exit.isFailure(await without("worker")))
    assert.isTrue(Exit.isSuccess(await without("projector")))
  })

  it("finds nothing under the name of no check, so that everything found can be vouched for", () => {
    const finding = { setting: "API_KEYS", found: "a key of some 20 bits", wanted: "a longer one" }
    assert.isTrue(Schema.is(Finding)({ ...finding, check: "weak-secret" }))
    // @ts-expect-error The compiler knows the checks, too.
    const misnamed: Finding = { ...finding, check: "weak-secrets" }
    assert.isFalse(Schema.is(Finding)(misnamed))
  })

  it("has the checks that docs/CONFIGURATION.md lists", () => {
    const page = readFileSync(new URL("../../docs/CONFIGURATION.md", import.meta.url), "utf8")
    const [, section = ""] = /^#### What production refuses\n([\s\S]*?)^###/m.exec(page) ?? []
    const rows = [...section.matchAll(/^\| (`.*?`) \|/gm)].map(([, names = ""]) => names)
    const listed = rows.flatMap((row) => [...row.matchAll(/`([a-z-]+)[:`]/g)].map(([, name = ""]) => name))
    assert.sameMembers(listed, checks.slice())
  })
})

describe("elsewhere", () => {
  it("nothing is refused, and only who calls beyond this machine is told", async () => {
    const weak = { NODE_ENV: "", API_KEYS: "acme=acme-key" }
    const { refused, lines } = await check(weak)
    assert.deepStrictEqual(refused, [])
    assert.strictEqual(lines.length, 1)
    assert.include(lines[0], "known-secret:partner/acme")
    const local = "http://127.0.0.1:9"
    const banks = { COMPLIANCE_URL: local, LEDGER_URL: local, BANKS: `north=${local},south=${local}` }
    assert.deepStrictEqual((await check({ ...weak, ...banks })).lines, [])
  })
})

/** The same secret in two places. */
function shared(bank: string, setting: string) {
  const one = secret()
  return { BANK_CALLBACK_SECRET: `${bank}=${one},south=${secret()}`, [setting]: one }
}

/** The same random bytes in two variables, as each has them. */
function both(one: string, before: string, other: string, beforeOther = "") {
  const bytes = randomBytes(32).toString("base64")
  return { [one]: before + bytes, [other]: beforeOther + bytes }
}
