import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { afterAll, beforeAll, beforeEach, vi } from "vitest"
import { Banks, type TransferInstruction } from "../../src/connectors/bank.ts"
import { instantBank } from "../../src/connectors/bank-instant-http.ts"
import { banksLayer } from "../../src/connectors/banks.ts"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { payoutItem } from "../domain/batch-story.ts"
import { providerSettings } from "../settings.ts"
import { canary, json, MisbehavingServer, misdeeds, PATIENT_MS } from "./misbehaving-server.ts"

let server: MisbehavingServer
let sandbox: Sandbox

beforeAll(async () => {
  server = await MisbehavingServer.open()
  sandbox = await startSandbox()
})
beforeEach(() => {
  server.asked.length = 0
})
afterAll(async () => {
  await server.close()
  await sandbox.close()
})

const banksWith = (environment: Readonly<Record<string, string>> = {}) =>
  banksLayer({ instant: instantBank }).pipe(
    Layer.provide(
      providerSettings({
        BANKS: `north=${server.url},south=${sandbox.urls.banks.south}`,
        PUBLIC_URL: "https://pay.example/",
        PROVIDER_TIMEOUT_MS: String(PATIENT_MS),
        ...environment,
      }),
    ),
  )

const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"
const instruction = (fields: Partial<TransferInstruction> = {}): TransferInstruction => ({
  bank: "north",
  reference,
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } },
  currency: "EUR",
  minor: 1_234n,
  ...fields,
})

const transfer = (fields?: Partial<TransferInstruction>, timeoutMs = PATIENT_MS) =>
  Effect.gen(function* () {
    return yield* (yield* Banks).transfer(instruction(fields))
  }).pipe(Effect.provide(banksWith({ PROVIDER_TIMEOUT_MS: String(timeoutMs) })))

const inquire = Effect.gen(function* () {
  return yield* (yield* Banks).inquire("north", reference)
})

describe("a transfer", () => {
  it.live("is sent under its reference, in decimals of its currency, with the address for callbacks", () =>
    Effect.gen(function* () {
      server.behaviour = json(202, { status: "accepted", transferId: "t-1", reference })
      yield* transfer({ currency: "KWD", minor: 1_500n, remittance: "invoice 7" })
      const [asked] = server.asked
      assert.strictEqual(asked?.headers["idempotency-key"], reference)
      assert.deepStrictEqual(JSON.parse(asked?.body ?? ""), {
        reference,
        amount: { currency: "KWD", value: "1.500" },
        beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } },
        remittance: "invoice 7",
        callbackUrl: "https://pay.example/bank-callbacks/north",
      })
    }),
  )

  it.live.each([
    [202, { status: "accepted", transferId: "t-1" }, { _tag: "Accepted", transferId: "t-1" }],
    [200, { status: "settled", transferId: "t-1" }, { _tag: "Settled" }],
    [422, { status: "rejected", code: "AC04" }, { _tag: "Failed", code: "AC04" }],
  ] as const)("is decided by the status %s with %j", ([status, body, answer]) =>
    Effect.gen(function* () {
      server.behaviour = json(status, body)
      const said: unknown = yield* transfer()
      assert.deepStrictEqual(said, answer)
    }),
  )

  it.live.each([
    [202, { status: "accepted" }],
    [202, { status: "settled", transferId: "t-1" }],
    [202, { status: "accepted", transferId: "t-1", reference: "AAAAAAAAAAAAAAAAAAAAAA-2-1" }],
    [422, { code: "AC04" }],
    [422, { status: "rejected" }],
    [422, { status: "rejected", code: canary }],
    [422, { status: "rejected", code: { canary } }],
    [404, { code: "never-seen" }],
    [400, { code: "malformed" }],
  ] as const)("stays open after the status %s with %j", ([status, body]) =>
    Effect.gen(function* () {
      server.behaviour = json(status, body)
      const answer = yield* transfer()
      assert.strictEqual(answer._tag, "Ambiguous")
      assert.notInclude(JSON.stringify(answer), canary)
    }),
  )

  it.live.each(misdeeds)("stays open when the bank $does", ({ behaviour, problem, timeoutMs }) =>
    Effect.gen(function* () {
      server.behaviour = behaviour
      const answer = yield* transfer({}, timeoutMs)
      assert.strictEqual(answer._tag, "Ambiguous")
      assert.include(JSON.stringify(answer), problem)
      assert.notInclude(JSON.stringify(answer), canary)
    }),
  )

  it.live("stays open at a bank that the settings do not name any more", () =>
    Effect.gen(function* () {
      const answer = yield* transfer({ bank: "west" })
      assert.strictEqual(answer._tag, "Ambiguous")
    }),
  )

  it.live("is one of a bounded number at its bank, however many callers there are", () =>
    Effect.gen(function* () {
      let open = 0
      let openMax = 0
      server.behaviour = (response, asked) => {
        openMax = Math.max(openMax, ++open)
        setTimeout(() => {
          open -= 1
          json(202, { status: "accepted", transferId: "t" })(response, asked)
        }, 20)
      }
      const banks = yield* Banks
      const calls = Array.from({ length: 7 }, () => banks.transfer(instruction()))
      yield* Effect.all(calls, { concurrency: "unbounded" })
      assert.strictEqual(openMax, 2)
    }).pipe(Effect.provide(banksWith({ BANK_CONCURRENCY: "2" }))),
  )

  it.live("asks whether it may be sent when its turn has come, and is not sent without", () =>
    Effect.gen(function* () {
      let answerFirst = () => {}
      server.behaviour = (response, asked) => {
        answerFirst = () => json(202, { status: "accepted", transferId: "t" })(response, asked)
      }
      let owner = true
      const banks = yield* Banks
      const first = yield* Effect.forkChild(banks.transfer(instruction()))
      yield* Effect.promise(() => vi.waitUntil(() => server.asked.length === 1))
      const second = yield* Effect.forkChild(
        banks.transfer(
          instruction(),
          Effect.sync(() => owner),
        ),
      )
      yield* Effect.yieldNow
      owner = false
      answerFirst()
      assert.strictEqual((yield* Fiber.join(first))._tag, "Accepted")
      assert.strictEqual((yield* Fiber.join(second))._tag, "NotSent")
      assert.strictEqual(server.asked.length, 1)
    }).pipe(Effect.provide(banksWith({ BANK_CONCURRENCY: "1" }))),
  )
})

describe("an inquiry", () => {
  it.live.each([
    [200, { status: "accepted", transferId: "t-1" }, { _tag: "Accepted", transferId: "t-1" }],
    [200, { status: "settled", transferId: "t-1" }, { _tag: "Settled" }],
    [200, { status: "rejected", transferId: "t-1", code: "AM04" }, { _tag: "Failed", code: "AM04" }],
    [200, { status: "returned", transferId: "t-1", code: "MS03" }, { _tag: "Returned", code: "MS03" }],
    [404, { code: "never-seen" }, { _tag: "NeverSeen" }],
  ] as const)("is decided by the status %s with %j", ([status, body, answer]) =>
    Effect.gen(function* () {
      server.behaviour = json(status, body)
      const said: unknown = yield* inquire
      assert.deepStrictEqual(said, answer)
      assert.deepInclude(server.asked[0], { method: "GET", url: `/instant-transfer/${reference}`, body: "" })
    }).pipe(Effect.provide(banksWith())),
  )

  it.live.each([
    [404, { code: "no-such-resource" }],
    [404, { code: "never-seen", of: canary }],
    [404, {}],
    [200, { status: "pondering", transferId: "t-1" }],
    [200, { status: "rejected", transferId: "t-1" }],
    [200, { status: "settled" }],
    [200, { status: "settled", transferId: "t-1", reference: "AAAAAAAAAAAAAAAAAAAAAA-1-2" }],
    [422, { status: "rejected", code: "AC04" }],
    [202, { status: "accepted", transferId: "t-1" }],
  ] as const)("decides nothing by the status %s with %j", ([status, body]) =>
    Effect.gen(function* () {
      server.behaviour = json(status, body)
      const answer = yield* inquire
      assert.strictEqual(answer._tag, "Ambiguous")
      assert.notInclude(JSON.stringify(answer), canary)
    }).pipe(Effect.provide(banksWith())),
  )

  it.live("takes a page that is not there for no word, although its status is 404", () =>
    Effect.gen(function* () {
      server.behaviour = json(404, `{"code":"never-seen"}`, { "content-type": "text/html" })
      assert.strictEqual((yield* inquire)._tag, "Ambiguous")
    }).pipe(Effect.provide(banksWith())),
  )
})

describe("the sandbox's bank", () => {
  it.live("accepts, refuses, forgets to answer, and knows what it has seen", () =>
    Effect.gen(function* () {
      const banks = yield* Banks
      const pay = (name: string, ref: string) =>
        banks.transfer(
          instruction({
            bank: "south",
            reference: ref,
            beneficiary: { name, account: { scheme: "iban", iban: canary } },
          }),
        )
      const ask = (ref: string) => banks.inquire("south", ref)
      assert.strictEqual((yield* pay("Ada Lovelace", "ADA-1-1"))._tag, "Accepted")
      assert.deepStrictEqual(yield* pay("Clara Closed", "CLARA-1-1"), { _tag: "Failed", code: "AC04" })
      assert.deepStrictEqual(yield* pay("Tim Timeout", "TIM-1-1"), {
        _tag: "Ambiguous",
        reason: "transfer: timed out",
      })
      assert.strictEqual((yield* ask("TIM-1-1"))._tag, "Settled")
      assert.deepStrictEqual(yield* ask("CLARA-1-1"), { _tag: "Failed", code: "AC04" })
      assert.deepStrictEqual(yield* ask("NOBODY-1-1"), { _tag: "NeverSeen" })
    }).pipe(Effect.provide(banksWith({ PROVIDER_TIMEOUT_MS: "2000" }))),
  )
})

describe("the banks' settings", () => {
  it.live("route a currency to its bank, and any other to the bank of *", () =>
    Effect.gen(function* () {
      const { version, route } = (yield* Banks).routes
      const asked = { partner: "acme", at: 0, after: undefined }
      const led = ["EUR", "JPY", "USD"].map((currency) => route(payoutItem(1, { currency }), asked))
      assert.strictEqual(version, "settings")
      assert.deepStrictEqual(
        led.map((destination) => [destination?.bank, destination?.route.rule]),
        [
          ["north", "EUR"],
          ["south", "*"],
          ["south", "*"],
        ],
      )
    }).pipe(Effect.provide(banksWith({ BANK_ROUTES: "EUR=north,*=south" }))),
  )

  it.live.each([
    ["BANK_ROUTES", "EUR=north"],
    ["BANK_ROUTES", "EUR=west,*=north"],
    ["BANKS", "north=http://127.0.0.1:9,north=http://127.0.0.1:8"],
    ["BANKS", "No Name=http://127.0.0.1:9"],
    ["BANKS", "north=127.0.0.1"],
    ["BANKS", "north"],
  ] as const)("are refused at the start when %s is %s", ([setting, value]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(Banks, banksWith({ BANK_ROUTES: "*=north", [setting]: value })),
      )
      assert.strictEqual(error._tag, "InvalidProviderSetting")
      assert.strictEqual(error.setting, setting)
    }),
  )
})
