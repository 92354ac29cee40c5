import { ConfigProvider, Effect, Exit, Layer, Redacted } from "effect"
import { expect, it } from "vitest"
import { AppConfig } from "../src/config.ts"
import { masterKeys } from "../src/settings/keys.ts"

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64")
const read = (text: string) => masterKeys.parse(ConfigProvider.fromEnvRecord({ MASTER_KEYS: text }))

const good = `whsec_${Buffer.alloc(24, 1).toString("base64")}`
const rest = {
  API_KEYS: "acme=key",
  REDIS_URL: "redis://127.0.0.1",
  DATABASE_URL: "postgres://127.0.0.1",
  NATS_URL: "nats://127.0.0.1",
  MASTER_KEYS: `k1=${key(1)}`,
  PROVIDERS_FILE: "providers.json",
}

it("master keys come in their order, and show nothing of themselves", async () => {
  const keys = await Effect.runPromise(read(`k2=${key(2)}, k1=${key(1)}`))
  expect(keys.map(([id, secret]) => [id, Redacted.value(secret)])).toEqual([
    ["k2", key(2)],
    ["k1", key(1)],
  ])
  expect(JSON.stringify(keys)).not.toContain(key(1))
})

it.each([
  "",
  "k1",
  key(1),
  `k1=${key(1).slice(4)}`,
  `k1=${key(1)},`,
  `k1=${key(1)},k1=${key(2)}`,
  `k.1=${key(1)}`,
  `k1=${Buffer.alloc(31, 1).toString("base64")}`,
])("master keys that are malformed are named, and not quoted (%#)", async (text) => {
  const error = await Effect.runPromise(Effect.flip(read(text)))
  expect(error.message).toMatch(/MASTER_KEYS/)
  expect(error.message + JSON.stringify(error)).not.toContain(key(1).slice(4, 20))
})

const callbackSecrets = ["BANK_CALLBACK_SECRET", "COMPLIANCE_CALLBACK_SECRET", "LEDGER_CALLBACK_SECRET"]

it.each(
  callbackSecrets.flatMap((setting) =>
    // What does not decode would make every callback an error of ours.
    ["whsec_AA", "whsec_", "whsec_AAA", "whsec_AAAAA", "whsec_A===", "whsec_AAAA-A==", "AAAA"].map(
      (secret) => [setting, secret] as const,
    ),
  ),
)("%s does not start with %s, in any mode, and is not quoted", async (setting, secret) => {
  const environment = { ...rest, ...Object.fromEntries(callbackSecrets.map((name) => [name, good])) }
  const read = (given: Readonly<Record<string, string>>) =>
    Effect.runPromise(
      Effect.exit(Effect.scoped(Layer.build(AppConfig.layer))).pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...given }))),
        Effect.map((exit) => (Exit.isFailure(exit) ? String(exit.cause) : "")),
      ),
    )
  expect(await read(environment)).toBe("")
  for (const given of setting === "BANK_CALLBACK_SECRET"
    ? [secret, `north=${good},south=${secret}`]
    : [secret]) {
    const problem = await read({ ...environment, [setting]: given })
    expect(problem).toContain(setting)
    expect(problem).not.toContain(` ${secret}\n`)
  }
})

it("everything that is missing or malformed is told at once, each by its name, and not quoted", async () => {
  const environment = {
    NODE_ENV: "production",
    PORT: "canary-port",
    MASTER_KEYS: "canary-master",
    CLAIM_MS: "canary-claim",
    BANKS: "north=https://north.io",
    BANK_CALLBACK_SECRET: "canary-secret",
    CRASH_AT: "canary-crash",
  }
  const exit = await Effect.runPromise(
    Effect.exit(Effect.scoped(Layer.build(AppConfig.layer))).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment))),
    ),
  )
  const problems = Exit.isFailure(exit) ? String(exit.cause) : ""
  const wrong = ["PORT", "API_KEYS", "REDIS_URL", "MASTER_KEYS", "DATABASE_URL", "NATS_URL", "CLAIM_MS"]
  for (const name of [
    ...wrong,
    "COMPLIANCE_URL",
    "LEDGER_URL",
    "BANK_ROUTES",
    "BANK_CALLBACK_SECRET",
    "CRASH_AT",
  ])
    expect(problems).toContain(`  ${name}: `)
  expect(problems).not.toContain("BANKS:")
  expect(problems).not.toContain("canary")
})

it("a policy on duplicates that cannot be read stops the start, with what is expected", async () => {
  const providers = {
    COMPLIANCE_URL: "http://c",
    LEDGER_URL: "http://l",
    BANKS: "north=http://n",
    BANK_ROUTES: "*=north",
  }
  const exit = await Effect.runPromise(
    Effect.exit(Effect.scoped(Layer.build(AppConfig.layer))).pipe(
      Effect.provide(
        ConfigProvider.layer(
          ConfigProvider.fromEnvRecord({
            ...rest,
            ...providers,
            DUPLICATE_PAYOUTS: "acme=refuse:30,*=warn:365",
          }),
        ),
      ),
    ),
  )
  const problem = Exit.isFailure(exit) ? String(exit.cause) : ""
  expect(problem).toContain("entry 2: expected off, or refuse or warn with 1 to 90 days")
  expect(problem).toContain("DUPLICATE_PAYOUTS: ")
})
