import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { afterAll, beforeAll } from "vitest"
import { ownSettings, ProviderSettings } from "../../../src/providers/calling/provider-settings.ts"
import { providerSettings } from "../../settings.ts"

let folder: string
let files = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "providers-"))
})
afterAll(() => rm(folder, { recursive: true }))

const document = {
  version: "2026-11-26",
  compliance: { url: "https://compliance.example" },
  ledger: { url: "https://ledger.example/v1", policy: { timeoutMs: 2_000, retries: { attemptsMax: 1 } } },
  banks: [
    { name: "north", kind: "instant", url: "https://north.example", policy: { concurrency: 4 } },
    { name: "clearing", kind: "files", folder: "/var/clearing" },
  ],
  routes: [
    { rule: "euros", when: { currency: ["EUR"] }, banks: ["north", "clearing"] },
    { rule: "rest", banks: ["clearing"] },
  ],
}

/** The settings of a document, given as text or as what becomes JSON. */
const settingsOf = Effect.fnUntraced(function* (content: unknown, environment = {}) {
  const path = join(folder, `${++files}.json`)
  const text = typeof content === "string" ? content : JSON.stringify(content)
  yield* Effect.promise(() => writeFile(path, text))
  return yield* Effect.provide(
    ProviderSettings,
    providerSettings({ PROVIDERS_FILE: path, PROVIDER_TIMEOUT_MS: "7000", ...environment }),
  )
})

describe("the providers' file", () => {
  it.live("names all providers; what it does not say of a call comes from the environment", () =>
    Effect.gen(function* () {
      const { version, compliance, ledger, banks, routes } = yield* settingsOf(document, {
        BANK_CONCURRENCY: "9",
      })
      assert.strictEqual(version, "2026-11-26")
      assert.deepInclude(compliance.policy, { timeoutMs: 7_000, concurrency: 256 })
      assert.strictEqual(ledger.url, "https://ledger.example/v1")
      assert.deepInclude(ledger.policy, { timeoutMs: 2_000, concurrency: 256 })
      assert.deepInclude(ledger.policy.retries, { attemptsMax: 1, capMs: 2_000 })
      assert.deepStrictEqual(
        banks.map(({ name, kind, policy, own }) => ({ name, kind, concurrency: policy.concurrency, own })),
        [
          { name: "north", kind: "instant", concurrency: 4, own: { url: "https://north.example" } },
          { name: "clearing", kind: "files", concurrency: 9, own: { folder: "/var/clearing" } },
        ],
      )
      assert.deepStrictEqual<unknown>(routes, document.routes)
    }),
  )

  it.live("is read alone: the variables that it replaces need not be there", () =>
    Effect.gen(function* () {
      const { version } = yield* settingsOf(document, { BANKS: "", COMPLIANCE_URL: "" })
      assert.strictEqual(version, document.version)
    }),
  )

  it.live.each([
    ["{", "the file is not JSON"],
    [
      JSON.stringify(document).replace('"routes":[{', '"routes":[{"rule":"other",'),
      "routes[0].rule: expected each member once",
    ],
    [{ ...document, compliance: {} }, "compliance.url: required"],
    [{ ...document, retries: 3 }, "retries: not a known field"],
    [{ ...document, routes: [{ ...document.routes[1], banks: [] }] }, "routes[0].banks"],
    [{ ...document, routes: [{ ...document.routes[1], when: { amount: 1 } }] }, "routes[0].when"],
    [{ ...document, routes: [{ rule: "rest", banks: ["south"] }] }, "routes: rest leads to no bank"],
    [{ ...document, routes: document.routes.toReversed() }, "routes: rest takes all"],
    [{ ...document, banks: [document.banks[0], document.banks[0]] }, "banks[1]: north occurs twice"],
    [
      { ...document, banks: [...document.banks, { ...document.banks[0], name: "ledger" }] },
      "banks[2]: ledger is reserved and cannot be the name of a bank",
    ],
    [{ ...document, banks: [{ ...document.banks[0], name: "No Name" }] }, "banks[0].name: expected a name"],
    [
      { ...document, ledger: { ...document.ledger, policy: { timeoutMs: "1s" } } },
      "ledger.policy.timeoutMs: expected",
    ],
  ])("is refused by its place (%#)", ([content, problem]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(settingsOf(content))
      assert.strictEqual(error._tag, "InvalidProviderSetting")
      assert.include(error.message, `PROVIDERS_FILE: ${problem}`)
    }),
  )

  it.live("is refused when it is not there", () =>
    Effect.gen(function* () {
      const absent = providerSettings({ PROVIDERS_FILE: join(folder, "absent.json") })
      const error = yield* Effect.flip(Effect.provide(ProviderSettings, absent))
      assert.strictEqual(error.message, "PROVIDERS_FILE: the file cannot be read")
    }),
  )

  it.live("gives each bank what only its adapter understands, and refuses what it does not", () =>
    Effect.gen(function* () {
      const { banks } = yield* settingsOf(document)
      const [, clearing] = banks
      if (clearing === undefined) throw new Error("there are two banks")
      const Folder = Schema.Struct({ folder: Schema.String })
      assert.deepStrictEqual(yield* ownSettings(clearing, Folder), { folder: "/var/clearing" })
      const error = yield* Effect.flip(ownSettings(clearing, Schema.Struct({ debtor: Schema.String })))
      assert.strictEqual(
        error.message,
        "PROVIDERS_FILE: banks[1].folder: not a known field; banks[1].debtor: required",
      )
    }),
  )
})

describe("the URL of a provider", () => {
  const at = (url: string) => Effect.provide(ProviderSettings, providerSettings({ LEDGER_URL: url }))

  it.effect("may have a path", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* at("https://ledger.example/v1/")).ledger.url, "https://ledger.example/v1/")
    }),
  )

  it.effect.each([
    "l.example",
    "ftp://l.example",
    "https://u:p@l.example",
    "https://l.example?a=1",
    "https://l.example#a",
  ])("is refused as %j, and not quoted", (url) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(at(url))
      assert.strictEqual(error._tag, "InvalidProviderSetting")
      assert.match(error.message, /^LEDGER_URL: ledger.url: expected an http/)
      assert.notInclude(error.message, url)
    }),
  )
})
