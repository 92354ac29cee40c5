import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { afterAll, beforeAll, beforeEach, vi } from "vitest"
import { formatAmount } from "../../../../src/domain/money.ts"
import { cleanText } from "../../../../src/domain/outside-text.ts"
import { Banks, type TransferInstruction } from "../../../../src/providers/banks/bank.ts"
import { banksLayer } from "../../../../src/providers/banks/banks.ts"
import { instant } from "../../../../src/providers/banks/instant/instant.ts"
import { type Sandbox, startSandbox } from "../../../../src/sandbox/sandbox.ts"
import { payoutItem } from "../../../domain/batch-story.ts"
import { PATIENCE_MS } from "../../../patience.ts"
import { providerSettings } from "../../../settings.ts"
import { canary, json, MisbehavingServer, PATIENT_MS } from "../../calling/misbehaving-server.ts"
import { bankContract } from "../bank-contract.ts"

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
  banksLayer([instant]).pipe(
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
  partner: "acme",
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

const standing = (status: string, code?: string) => (reference: string) =>
  [200, { transferId: "t-1", reference, status, ...(code === undefined ? {} : { code }) }] as const
const accepted = { status: "accepted", transferId: "t-1" }

bankContract(instant, {
  read: ({ headers, body }) => {
    const { beneficiary, amount, ...told } = JSON.parse(body)
    return {
      key: headers["idempotency-key"],
      reference: told.reference,
      currency: amount.currency,
      amount: amount.value,
      name: beneficiary.name,
      account: beneficiary.account,
      remittance: told.remittance,
    }
  },
  amount: formatAmount,
  account: (account) => account,
  transfer: [
    [{ _tag: "Accepted", transferId: "t-1" }, (reference) => [202, { ...accepted, reference }]],
    [{ _tag: "Settled" }, standing("settled")],
    [{ _tag: "Failed", code: "AC04" }, () => [422, { status: "rejected", code: "AC04" }]],
    [{ _tag: "Failed", code: "AC04" }, () => [422, { status: "rejected", code: " AC04\n" }]],
    [
      { _tag: "Failed", code: "unspecified", detail: cleanText("Konto ungültig") },
      () => [422, { status: "rejected", code: "Konto ungültig".normalize("NFD") }],
    ],
    [{ _tag: "Failed", code: "unspecified" }, () => [422, { status: "rejected", code: canary }]],
    [{ _tag: "Failed", code: "unspecified" }, () => [422, { status: "rejected", code: "" }]],
  ],
  inquiry: [
    [{ _tag: "Accepted", transferId: "t-1" }, standing("accepted")],
    [{ _tag: "Settled" }, standing("settled")],
    [{ _tag: "Failed", code: "AM04" }, standing("rejected", "AM04")],
    [{ _tag: "Returned", code: "MS03" }, standing("returned", "MS03")],
    [
      { _tag: "Returned", code: "unspecified", detail: cleanText("Konto erloschen") },
      standing("returned", "Konto\u200b erloschen"),
    ],
    [{ _tag: "NeverSeen" }, () => [404, { code: "never-seen" }]],
  ],
  nonsense: {
    transfer: [
      [202, { status: "accepted" }],
      [202, { status: "settled", transferId: "t-1" }],
      [422, { code: "AC04" }],
      [422, { status: "rejected" }],
      [422, { status: "rejected", code: { canary } }],
      [404, { code: "never-seen" }],
      [400, { code: "malformed" }],
    ],
    inquiry: [
      [404, { code: "no-such-resource" }],
      [404, { code: "never-seen", of: canary }],
      [404, {}],
      [200, { status: "pondering", transferId: "t-1" }],
      [200, { status: "rejected", transferId: "t-1" }],
      [200, { status: "settled" }],
      [422, { status: "rejected", code: "AC04" }],
      [202, accepted],
    ],
  },
})

describe("a transfer", () => {
  it.live("tells the bank where to call back", () =>
    Effect.gen(function* () {
      server.behaviour = json(202, { status: "accepted", transferId: "t-1", reference })
      yield* transfer()
      const { callbackUrl } = JSON.parse(server.asked[0]?.body ?? "")
      assert.strictEqual(callbackUrl, "https://pay.example/bank-callbacks/north")
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
      yield* Effect.promise(() => vi.waitUntil(() => server.asked.length === 1, PATIENCE_MS))
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
      const { version, wayOf } = (yield* Banks).routes
      const led = ["EUR", "JPY", "USD"].map((currency) =>
        wayOf(payoutItem(1, { currency }), { partner: "acme", after: undefined }).destination({
          at: 0,
          isHealthy: () => true,
        }),
      )
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
