/** What every adapter of a bank over HTTP has to do, whatever its protocol: the same cases for all of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll, beforeEach } from "vitest"
import type { AppConfig } from "../../../src/config.ts"
import type { Address, BeneficiaryAccount } from "../../../src/domain/beneficiary.ts"
import type { Bank, BankAnswer, TransferInstruction } from "../../../src/providers/banks/bank.ts"
import type { BankKind } from "../../../src/providers/banks/bank-kind.ts"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import type { BankSettings } from "../../../src/providers/calling/provider-settings.ts"
import { settings } from "../../settings.ts"
import {
  type Asked,
  type Behaviour,
  canary,
  json,
  MisbehavingServer,
  misdeeds,
  PATIENT_MS,
} from "../calling/misbehaving-server.ts"

/** An answer of the bank's server: a status and a body of JSON. */
export type Said = readonly [status: number, body: unknown]

/** The same things in the words of one protocol. */
export interface Wire {
  /** What a request to pay says: its idempotency key, and the transfer. */
  readonly read: (
    asked: Asked,
  ) => { readonly key: unknown } & Readonly<
    Record<"reference" | "currency" | "amount" | "name" | "account" | "remittance", unknown>
  >
  /** An amount of minor units, as it is written in a request. */
  readonly amount: (minor: bigint, currency: string) => unknown
  readonly account: (account: BeneficiaryAccount) => unknown
  /** What the bank's settings need beside its address. */
  readonly settings?: BankSettings["own"]
  /** Where beneficiaries live, for a bank that is not asked to pay without it. */
  readonly address?: Address
  /** Answers to a request to pay: what they are, and how the bank gives them about a reference. */
  readonly transfer: ReadonlyArray<readonly [BankAnswer, (reference: string) => Said]>
  readonly inquiry: ReadonlyArray<readonly [BankAnswer, (reference: string) => Said]>
  /** What is no word about the transfer that was asked for, and so leaves it open. */
  readonly nonsense: {
    readonly transfer: ReadonlyArray<Said>
    readonly inquiry: ReadonlyArray<Said>
  }
}

const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"
const other = "AAAAAAAAAAAAAAAAAAAAAA-2-1"

const instruction = (fields: Partial<TransferInstruction> = {}): TransferInstruction => ({
  bank: "bank",
  partner: "acme",
  reference,
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } },
  currency: "EUR",
  minor: 1_234n,
  ...fields,
})

const accounts: ReadonlyArray<BeneficiaryAccount> = [
  { scheme: "iban", iban: canary, bic: "COBADEFFXXX" },
  { scheme: "sort-code", sortCode: "200000", accountNumber: "55779911" },
  { scheme: "aba", routingNumber: "021000021", accountNumber: "123456789", accountType: "checking" },
  { scheme: "bic", bic: "CHASJPJT", accountNumber: "1234567890" },
]

/** An entry of the settings, as a kind gets it. */
export const bankSettings = (
  name: string,
  kind: string,
  own: BankSettings["own"],
  timeoutMs = PATIENT_MS,
): BankSettings => ({
  name,
  kind,
  policy: policyOf({}, { timeoutMs, concurrency: 1 }),
  own,
  place: { setting: "PROVIDERS_FILE", path: "banks[0]" },
})

export const bankContract = (kind: BankKind<AppConfig>, wire: Wire) => {
  let server: MisbehavingServer
  beforeAll(async () => {
    server = await MisbehavingServer.open()
  })
  beforeEach(() => {
    server.asked.length = 0
  })
  afterAll(() => server.close())

  /** Uses the bank, whose server behaves so. */
  const withBank = <A>(behaviour: Behaviour, use: (bank: Bank) => Effect.Effect<A>, timeoutMs = PATIENT_MS) =>
    Effect.gen(function* () {
      server.behaviour = behaviour
      const own = { url: server.url, ...wire.settings }
      const bank = yield* kind.connect(bankSettings("bank", kind.name, own, timeoutMs))
      return yield* use(bank)
    }).pipe(Effect.provide(settings({ PUBLIC_URL: "https://pay.example/" })))

  const saying = ([status, body]: Said) => json(status, body)
  const pay = (fields?: Partial<TransferInstruction>) => (bank: Bank) => {
    const { beneficiary, ...others } = instruction(fields)
    const resident = wire.address === undefined ? beneficiary : { ...beneficiary, address: wire.address }
    return bank.transfer({ ...others, beneficiary: resident })
  }
  const ask = (bank: Bank) => bank.inquire(reference)

  const staysOpen = (answer: BankAnswer, problem = "") => {
    assert.strictEqual(answer._tag, "Ambiguous")
    assert.include(JSON.stringify(answer), problem)
    assert.notInclude(JSON.stringify(answer), canary)
  }

  describe(`a bank of the kind ${kind.name}`, () => {
    it.live.each([
      ["EUR", 1_234n],
      ["JPY", 1_200n],
      ["KWD", 999_999_999_999_999n],
    ] as const)("is asked to pay under the reference, and exactly so much: %s %s", ([currency, minor]) =>
      Effect.gen(function* () {
        yield* withBank(json(500, {}), pay({ currency, minor, remittance: "invoice 7" }))
        const [asked, ...others] = server.asked
        assert(asked !== undefined && others.length === 0)
        const read = wire.read(asked)
        assert.deepInclude(read, {
          key: reference,
          reference,
          currency,
          name: "Ada Lovelace",
          remittance: "invoice 7",
        })
        assert.deepStrictEqual(read.amount, wire.amount(minor, currency))
      }),
    )

    it.live.each(accounts)("is told the whole account: $scheme", (account) =>
      Effect.gen(function* () {
        yield* withBank(json(500, {}), pay({ beneficiary: { name: "Ada Lovelace", account } }))
        const [asked] = server.asked
        assert(asked !== undefined)
        assert.deepStrictEqual(wire.read(asked).account, wire.account(account))
      }),
    )

    it.live.each(wire.transfer)("is believed when it answers a transfer: %j", ([answer, said]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* withBank(saying(said(reference)), pay()), answer)
      }),
    )

    it.live.each(wire.inquiry)("is believed when it answers an inquiry: %j", ([answer, said]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* withBank(saying(said(reference)), ask), answer)
        assert.strictEqual(server.asked[0]?.method, "GET")
      }),
    )

    it.live("is not believed when it answers of another transfer", () =>
      Effect.gen(function* () {
        for (const [{ _tag }, said] of wire.inquiry)
          if (_tag !== "NeverSeen") staysOpen(yield* withBank(saying(said(other)), ask), "another transfer")
        for (const [{ _tag }, said] of wire.transfer)
          if (_tag !== "Failed") staysOpen(yield* withBank(saying(said(other)), pay()), "another transfer")
      }),
    )

    it.live.each(wire.nonsense.transfer)("leaves a transfer open by the status %s with %j", (said) =>
      Effect.map(withBank(saying(said), pay()), (answer) => staysOpen(answer)),
    )

    it.live.each(wire.nonsense.inquiry)("decides nothing by the status %s with %j", (said) =>
      Effect.map(withBank(saying(said), ask), (answer) => staysOpen(answer)),
    )

    it.live.each(misdeeds)("decides nothing when it $does", ({ behaviour, problem, timeoutMs }) =>
      Effect.gen(function* () {
        const calls = [withBank(behaviour, pay(), timeoutMs), withBank(behaviour, ask, timeoutMs)]
        for (const answer of yield* Effect.all(calls, { concurrency: "unbounded" }))
          staysOpen(answer, problem)
      }),
    )

    it.live("is asked once for each call, whatever it answers", () =>
      Effect.gen(function* () {
        yield* withBank((response) => response.socket?.resetAndDestroy(), pay())
        assert.strictEqual(server.asked.length, 1)
      }),
    )
  })
}
