import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { CallbackSecrets, callbackSecretsLayer } from "../../src/identity/callback-secrets.ts"
import { bankKindsLayer } from "../../src/providers/banks/bank-kind.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { paypal } from "../../src/providers/banks/paypal/paypal.ts"
import { synchronous } from "../../src/providers/banks/synchronous/synchronous.ts"
import { providerSettings } from "../settings.ts"

const [one, two, three] = ["one", "two", "three"].map(
  (name) => `whsec_${Buffer.from(`the secret of ${name}, for tests`).toString("base64")}`,
) as [string, string, string]

/** The secrets that each bank may sign with, or why the service does not start. */
const secrets = (environment: Readonly<Record<string, string>>) =>
  Effect.runPromise(
    CallbackSecrets.pipe(
      Effect.map(({ ofBank }) =>
        Object.fromEntries(
          ["north", "south", "west", "nobody"].map((bank) => [
            bank,
            ofBank(bank)?.secrets.map(Redacted.value),
          ]),
        ),
      ),
      Effect.provide(
        callbackSecretsLayer.pipe(Layer.provide(bankKindsLayer([instant, synchronous, paypal]))),
      ),
      Effect.provide(providerSettings(environment)),
      Effect.scoped,
      Effect.catch((error) => Effect.succeed(error.message)),
    ),
  )

/** A providers' file with one bank that calls back, one that calls nobody, and one of a kind that there is not. */
const oneCaller = (kindOfWest = "synchronous"): string => {
  const nowhere = { url: "http://127.0.0.1:9" }
  const document = {
    version: "test",
    compliance: nowhere,
    ledger: nowhere,
    banks: [
      { name: "north", kind: "instant", ...nowhere },
      { name: "west", kind: kindOfWest, ...nowhere },
      { name: "nobody", kind: "constructor", ...nowhere },
    ],
    routes: [{ rule: "all", banks: ["north"] }],
  }
  const path = join(mkdtempSync(join(tmpdir(), "callers-")), "providers.json")
  writeFileSync(path, JSON.stringify(document))
  return path
}

describe("banks that call back", () => {
  it("each sign with a secret of their own, and nobody else does", async () => {
    expect(await secrets({ BANK_CALLBACK_SECRET: `north=${one},south=${two}` })).toEqual({
      north: [one],
      south: [two],
      west: undefined,
      nobody: undefined,
    })
  })

  it("may go over to another secret while the old one is good", async () => {
    const given = `north=${one},north=${two},south=${three}`
    expect(await secrets({ BANK_CALLBACK_SECRET: given })).toMatchObject({ north: [one, two] })
  })

  it("may be told of one secret without a name where there is one of them", async () => {
    const PROVIDERS_FILE = oneCaller()
    expect(await secrets({ PROVIDERS_FILE, BANK_CALLBACK_SECRET: one })).toMatchObject({
      north: [one],
      west: undefined,
    })
  })

  it("may do without a secret where their kind may do without callbacks, and are then not heard", async () => {
    const PROVIDERS_FILE = oneCaller("paypal")
    expect(await secrets({ PROVIDERS_FILE, BANK_CALLBACK_SECRET: `north=${one}` })).toMatchObject({
      north: [one],
      west: undefined,
    })
    expect(await secrets({ PROVIDERS_FILE, BANK_CALLBACK_SECRET: `north=${one},west=${two}` })).toMatchObject(
      {
        west: [two],
      },
    )
  })

  it("keep no secret of a bank that calls nobody back, or of a kind that there is not", async () => {
    const PROVIDERS_FILE = oneCaller()
    const BANK_CALLBACK_SECRET = `north=${one},west=${two},nobody=${three}`
    expect(await secrets({ PROVIDERS_FILE, BANK_CALLBACK_SECRET })).toEqual({
      north: [one],
      south: undefined,
      west: undefined,
      nobody: undefined,
    })
  })
})

describe("the service does not start", () => {
  const spelt = (secret: string) => `${secret.slice(0, -1)}${secret.endsWith("=") ? "" : secret.at(-1)}`
  it.each([
    ["with one secret for two banks", one, /north and south call back: each needs a secret of its own/],
    ["with the same secret for two", `north=${one},south=${one}`, /north and south have the same secret/],
    ["without a secret of one of them", `north=${one}`, /south calls back, and has no secret/],
    [
      "with three secrets of one",
      `north=${one},north=${two},north=${three},south=whsec_c291dGgh`,
      /more than 2/,
    ],
  ])("%s", async (_, BANK_CALLBACK_SECRET, reason) => {
    const refusal = await secrets({ BANK_CALLBACK_SECRET })
    expect(refusal).toMatch(reason)
    expect(JSON.stringify(refusal), "and says no secret").not.toContain(spelt(one).slice(6))
  })

  it.each(["COMPLIANCE_CALLBACK_SECRET", "LEDGER_CALLBACK_SECRET"])("where %s is a bank's", async (name) => {
    const environment = { BANK_CALLBACK_SECRET: `north=${one},south=${two}`, [name]: two }
    expect(await secrets(environment)).toMatch(new RegExp(`south and ${name} have the same secret`))
  })

  it("where the ledger signs as the compliance engine does", async () => {
    expect(await secrets({ COMPLIANCE_CALLBACK_SECRET: three, LEDGER_CALLBACK_SECRET: three })).toMatch(
      /COMPLIANCE_CALLBACK_SECRET and LEDGER_CALLBACK_SECRET have the same secret/,
    )
  })
})
