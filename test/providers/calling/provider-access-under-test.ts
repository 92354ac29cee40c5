/** Access to a provider, played by the sandbox, that wants to know who calls. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { afterAll, beforeAll } from "vitest"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import type { HttpFields, ProviderAuth } from "../../../src/providers/calling/provider-access.ts"
import { providerOf } from "../../../src/providers/calling/provider-access-http.ts"
import { callProvider, type Provider, reading } from "../../../src/providers/calling/provider-http.ts"
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts"
import { settings } from "../../settings.ts"

/** What no error and no log may hold. */
export const canary = "canary-9f1c55d0b7a24e6f8a"
export const macKey = Buffer.from(canary).toString("base64")
export const place = { setting: "PROVIDERS_FILE", path: "banks[0]" }
export const environment = {
  SECRET: canary,
  MAC_KEY: macKey,
  WRONG: `${canary}-not`,
  WRONG_MAC: Buffer.alloc(32).toString("base64"),
}

let folder: string
/** A folder for the secrets of one file's tests. */
export const withFolder = (): void => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "access-"))
  })
  afterAll(() => rm(folder, { recursive: true }))
}

let sandbox: Sandbox | undefined

export const closeSandbox = async () => {
  await sandbox?.close()
  sandbox = undefined
}

export const file = async (name: string, text: string) => {
  const path = join(folder, name)
  await writeFile(path, text)
  return { file: path }
}

export const opened = (url: string, http: Partial<HttpFields> = {}, timeoutMs = 10_000) =>
  providerOf({
    name: "north",
    url,
    ...http,
    policy: policyOf({}, { timeoutMs, concurrency: 1 }),
    place,
  }).pipe(Effect.provide(settings(environment)))

const answers = { 404: reading(Schema.Struct({ code: Schema.String }), ({ code }) => code) }
export const inquire = (provider: Provider) =>
  callProvider(provider, { step: "inquiry", method: "GET", path: "/instant-transfer/NOBODY-1-1" }, answers)

export const openSandbox = (door: unknown) =>
  Effect.promise(async () => {
    sandbox = await startSandbox({ doors: { north: door } })
    return sandbox.urls.banks.north
  })

export const oauth2 = (tokenUrl: string, more: object = {}): ProviderAuth => ({
  kind: "oauth2",
  tokenUrl,
  clientId: "atlas pay",
  clientSecret: { env: "SECRET" },
  ...more,
})
export const oauth2Door = { clientId: "atlas pay", clientSecret: canary }
