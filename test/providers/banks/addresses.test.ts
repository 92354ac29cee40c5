/** Banks that are called are sent a beneficiary's address where there is one, and no trace of one where there is none. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { Beneficiary } from "../../../src/domain/beneficiary.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { synchronous } from "../../../src/providers/banks/synchronous/synchronous.ts"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import { settings } from "../../settings.ts"
import { canary, json, MisbehavingServer } from "../calling/misbehaving-server.ts"

let server: MisbehavingServer
beforeAll(async () => {
  server = await MisbehavingServer.open()
  server.behaviour = json(500, {})
})
beforeEach(() => {
  server.asked.length = 0
})
afterAll(() => server.close())

const address = { street: "Unter den Linden", buildingNumber: "7", town: "Köln", country: "DE" }
const person = { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } } as const

it.each([
  ["instant", instant, "beneficiary"],
  ["synchronous", synchronous, "creditor"],
] as const)("the kind %s", async (name, kind, field) => {
  const sent = async (beneficiary: Beneficiary) => {
    const entry = {
      name: "bank",
      kind: name,
      policy: policyOf({}, { timeoutMs: 1_000, concurrency: 1 }),
      own: { url: server.url },
      place: { setting: "PROVIDERS_FILE", path: "banks[0]" },
    }
    const order = {
      bank: "bank",
      partner: "acme",
      reference: "REF-1-1",
      currency: "EUR",
      minor: 1n,
      beneficiary,
    }
    await Effect.runPromise(
      Effect.flatMap(kind.connect(entry), (bank) => bank.transfer(order)).pipe(Effect.provide(services)),
    )
    return JSON.parse(server.asked.at(-1)?.body ?? "{}")[field]
  }
  expect(await sent({ ...person, address })).toMatchObject({ address })
  expect(await sent(person)).not.toHaveProperty("address")
})

const services = Layer.suspend(() => settings())
