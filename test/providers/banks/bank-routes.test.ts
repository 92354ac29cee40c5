/** Rules that ask how a bank is doing, over banks that are really called. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import { capacityOf } from "../../../src/domain/bank-capacity.ts"
import { Banks } from "../../../src/providers/banks/bank.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { payoutItem } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { canary, json, MisbehavingServer } from "../calling/misbehaving-server.ts"

const OPEN_MS = 500

let server: MisbehavingServer
let folder: string
beforeAll(async () => {
  server = await MisbehavingServer.open()
  folder = await mkdtemp(join(tmpdir(), "bank-routes-"))
  const bank = (name: string, openMs: number) => ({
    name,
    kind: "instant",
    url: server.url,
    policy: { breaker: { calls: 2, callsMin: 2, openMs } },
  })
  const document = {
    version: "v1",
    compliance: { url: "http://127.0.0.1:9" },
    ledger: { url: "http://127.0.0.1:9" },
    banks: [bank("ill", OPEN_MS), bank("well", OPEN_MS)],
    routes: [
      { rule: "choosy", when: { partner: ["acme"], health: "closed" }, banks: ["ill", "well"] },
      { rule: "loyal", banks: ["ill", "well"] },
    ],
  }
  await writeFile(join(folder, "providers.json"), JSON.stringify(document))
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

it.live("lead past a bank whose breaker is open, and back to try it when its time is over", () =>
  Effect.gen(function* () {
    const { routes, transfer, capacities } = yield* Banks
    const beneficiary = { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } } as const
    const pay = (reference: string) =>
      transfer({ bank: "ill", partner: "acme", reference, beneficiary, currency: "EUR", minor: 1_234n })
    const now = () => {
      const at = Date.now()
      const banks = capacities(at)
      return { at, isHealthy: (bank: string) => capacityOf(banks, bank).isHealthy }
    }
    const led = (partner: string) =>
      routes.wayOf(payoutItem(1), { partner, after: undefined }).destination(now())?.bank
    const after = { rule: "choosy", version: "v1", others: ["ill", "well"] }
    const sentOn = () => routes.wayOf(payoutItem(1), { partner: "acme", after }).destination(now())?.bank
    assert.deepStrictEqual([led("acme"), led("globex"), sentOn()], ["ill", "ill", "ill"])
    server.behaviour = json(500, {})
    yield* pay("REF-1-1")
    yield* pay("REF-2-1")
    assert.deepStrictEqual([led("acme"), led("globex"), sentOn()], ["well", "ill", "well"])
    server.behaviour = json(200, { status: "settled", transferId: "t-1" })
    while (led("acme") !== "ill") yield* Effect.sleep(20)
    yield* pay("REF-3-1")
    assert.strictEqual(led("acme"), "ill")
  }).pipe(
    Effect.provide(
      Layer.suspend(() =>
        banksLayer([instant]).pipe(
          Layer.provide(providerSettings({ PROVIDERS_FILE: join(folder, "providers.json") })),
        ),
      ),
    ),
  ),
)
