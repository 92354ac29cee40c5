/** Adds a bank as docs/adding-a-bank.md says: its file, its line of wiring, its rule, and the cases that all banks pass. */
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import { formatAmount } from "../../../src/domain/money.ts"
import { Banks } from "../../../src/providers/banks/bank.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instantBank } from "../../../src/providers/banks/instant/bank-instant-http.ts"
import { synchronousBank } from "../../../src/providers/banks/synchronous/bank-synchronous-http.ts"
import { payoutItem } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { canary, json, MisbehavingServer } from "../calling/misbehaving-server.ts"
import { bankContract } from "./bank-contract.ts"
import { courierBank } from "./courier/bank-courier-http.ts"

const page = readFileSync(new URL("../../../docs/adding-a-bank.md", import.meta.url), "utf8")
const blocks = [...page.matchAll(/^```(ts|json)\n([\s\S]*?)^```/gm)].map(([, , text = ""]) => text)
const [adapter = "", wiring = "", document = ""] = blocks

const order = (state: string, why?: string) => (ref: string) => [200, { ref, state, why }] as const

bankContract("courier", courierBank, {
  read: ({ headers, body }) => {
    const { ref, to, currency, amount, text } = JSON.parse(body)
    return {
      key: headers["idempotency-key"],
      reference: ref,
      currency,
      amount,
      name: to.holder,
      account: to.account,
      remittance: text,
    }
  },
  amount: formatAmount,
  account: (account) => account,
  transfer: [
    [{ _tag: "Settled" }, order("paid")],
    [{ _tag: "Failed", code: "AC04" }, order("refused", "AC04")],
  ],
  inquiry: [
    [{ _tag: "Settled" }, order("paid")],
    [{ _tag: "Failed", code: "AC04" }, order("refused", "AC04")],
    [{ _tag: "NeverSeen" }, (ref) => [410, { missing: ref }]],
  ],
  nonsense: {
    transfer: [
      [200, { state: "paid" }],
      [200, { ref: "AAAAAAAAAAAAAAAAAAAAAA-1-1", state: "refused", why: canary }],
      [409, { state: "paid" }],
    ],
    inquiry: [
      [404, { missing: "AAAAAAAAAAAAAAAAAAAAAA-1-1" }],
      [410, { missing: "AAAAAAAAAAAAAAAAAAAAAA-2-1" }],
      [410, {}],
    ],
  },
})

describe("the page on adding a bank", () => {
  let server: MisbehavingServer
  let folder: string
  beforeAll(async () => {
    server = await MisbehavingServer.open()
    folder = await mkdtemp(join(tmpdir(), "adding-a-bank-"))
    await writeFile(join(folder, "providers.json"), document.replace("https://courier.example", server.url))
  })
  afterAll(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  it("shows the adapter that these tests run", () => {
    const source = readFileSync(new URL("./courier/bank-courier-http.ts", import.meta.url), "utf8")
    assert.strictEqual(
      adapter,
      source
        .replaceAll('"../../../../src/providers/banks/', '"../')
        .replaceAll('"../../../../src/providers/', '"../../')
        .replaceAll('"../../../../src/', '"../../../'),
    )
  })

  it("shows the line of the wiring, with the new kind in it", () => {
    const app = readFileSync(new URL("../../../src/app.ts", import.meta.url), "utf8")
    const [line = ""] = wiring.split("{")
    assert.include(app, line)
    assert.include(wiring, "courier: courierBank")
  })

  it.live("shows a rule by which the new bank is paid through, and another one for the rest", () =>
    Effect.gen(function* () {
      const { routes, transfer } = yield* Banks
      const routed = (minor: bigint) =>
        routes
          .wayOf(payoutItem(1, { minor }), { partner: "acme", after: undefined })
          .destination({ at: 0, isHealthy: () => true })
      const small = routed(50_000n)
      assert.deepStrictEqual(small, {
        bank: "carl",
        route: { rule: "small-euros", version: "2026-11-27", others: ["north"] },
      })
      assert.strictEqual(routed(50_001n)?.bank, "north")
      server.behaviour = json(200, { ref: "ADA-1-1", state: "paid" })
      const beneficiary = { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } } as const
      const instruction = {
        bank: "carl",
        partner: "acme",
        reference: "ADA-1-1",
        beneficiary,
        currency: "EUR",
        minor: 50_000n,
      }
      assert.deepStrictEqual<unknown>(yield* transfer(instruction), { _tag: "Settled" })
    }).pipe(
      Effect.provide(
        Layer.suspend(() =>
          banksLayer({ instant: instantBank, synchronous: synchronousBank, courier: courierBank }).pipe(
            Layer.provide(providerSettings({ PROVIDERS_FILE: join(folder, "providers.json") })),
          ),
        ),
      ),
    ),
  )
})
