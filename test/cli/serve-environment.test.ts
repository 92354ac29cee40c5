import { createServer } from "node:net"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { serveEnvironment } from "../../src/cli/serve-environment.ts"
import { sandboxBankSecrets } from "../../src/sandbox/sandbox.ts"

const complete = {
  REDIS_URL: "redis://redis",
  DATABASE_URL: "postgres://postgres",
  NATS_URL: "nats://nats",
  COMPLIANCE_URL: "http://compliance",
  LEDGER_URL: "http://ledger",
  BANKS: "north=http://north",
  BANK_ROUTES: "*=north",
  BANK_CALLBACK_SECRET: "whsec_c2VjcmV0",
  MASTER_KEYS: "k1=key",
  API_KEYS: "acme=key=1,globex=key-2",
}

/** The data folder is never touched, for nothing has to be started. */
const completed = (given: Readonly<Record<string, string>>) =>
  Effect.scoped(serveEnvironment("/nonexistent", given, () => undefined))

const refusal = async (given: Readonly<Record<string, string>>) =>
  (await Effect.runPromise(Effect.flip(completed(given)))).reason

describe("the settings that a service starts with", () => {
  it("are those of the environment where they are complete, and no key is shown", async () => {
    const { environment, sandbox } = await Effect.runPromise(completed({ ...complete, PORT: "1234" }))
    expect(environment).toEqual({ ...complete, PORT: "1234" })
    expect(sandbox).toBeUndefined()
  })

  it("may name the providers in a file instead", async () => {
    const { COMPLIANCE_URL: _, LEDGER_URL: __, BANKS: ___, BANK_ROUTES: ____, ...others } = complete
    const given = { ...others, PROVIDERS_FILE: "/etc/providers.json", PORT: "1234" }
    expect((await Effect.runPromise(completed(given))).environment).toEqual(given)
    const callsNobodyBack = { ...given, BANK_CALLBACK_SECRET: "" }
    expect((await Effect.runPromise(completed(callsNobodyBack))).environment).toEqual(callsNobodyBack)
    expect(await refusal({ ...given, MASTER_KEYS: "" })).toMatch(/^Not set: MASTER_KEYS\./)
  })

  it("tell the first partner's key when the money is play money", async () => {
    const { sandbox } = await Effect.runPromise(
      completed({ ...complete, BANK_CALLBACK_SECRET: sandboxBankSecrets }),
    )
    expect(sandbox).toEqual({
      partner: "acme",
      apiKey: "key=1",
      compliance: complete.COMPLIANCE_URL,
      ledger: complete.LEDGER_URL,
      banks: { north: "http://north" },
    })
  })

  it("tell where the document of play money's providers is", async () => {
    const { sandbox } = await Effect.runPromise(
      completed({
        ...complete,
        PROVIDERS_FILE: "/data/providers.json",
        BANK_CALLBACK_SECRET: sandboxBankSecrets,
      }),
    )
    expect(sandbox).toMatchObject({ providersFile: "/data/providers.json", banks: { north: "http://north" } })
  })

  it("name a free port where none was asked for", async () => {
    const { environment } = await Effect.runPromise(completed(complete))
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(Number(environment.PORT), "127.0.0.1", resolve)
    })
    server.close()
  })

  it("are refused when some providers are named and others are not", async () => {
    const { LEDGER_URL: _, API_KEYS: __, MASTER_KEYS: ___, ...incomplete } = complete
    expect(await refusal(incomplete)).toMatch(/^Not set: LEDGER_URL, API_KEYS, MASTER_KEYS\. Set all of them/)
  })

  it("are never made up in production, where all mistakes are told at once when the settings are read", async () => {
    const given = { NODE_ENV: "production", PORT: "1234" }
    expect(await Effect.runPromise(completed(given))).toEqual({ environment: given, sandbox: undefined })
  })

  it("count secrets that are named by their files", async () => {
    const { MASTER_KEYS: _, API_KEYS: __, ...others } = complete
    const given = { ...others, MASTER_KEYS_FILE: "/run/master", API_KEYS_FILE: "/run/keys", PORT: "1234" }
    expect((await Effect.runPromise(completed(given))).environment).toEqual(given)
  })
})
