import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { meaningOf } from "../../../../src/domain/failure-codes.ts"
import { cleanText } from "../../../../src/domain/outside-text.ts"
import type { BankAnswer } from "../../../../src/providers/banks/bank.ts"
import { synchronous } from "../../../../src/providers/banks/synchronous/synchronous.ts"
import { type Sandbox, startSandbox } from "../../../../src/sandbox/sandbox.ts"
import { settings } from "../../../settings.ts"
import { canary } from "../../calling/misbehaving-server.ts"
import { bankContract, bankSettings } from "../bank-contract.ts"

const payment = (state: string, reason?: string | null) => (clientRef: string) =>
  [200, { paymentRef: "w-1", clientRef, state, ...(reason === undefined ? {} : { reason }) }] as const
const listed = (state: string, reason?: string | null) => (clientRef: string) =>
  [200, { payments: [payment(state, reason)(clientRef)[1]] }] as const
const refused = (status: number, reason: unknown) => () =>
  [status, { error: { type: "payment_refused", reason } }] as const
const one = payment("COMPLETED")("AAAAAAAAAAAAAAAAAAAAAA-1-1")[1]

bankContract(synchronous, {
  read: ({ headers, body }) => {
    const { clientRef, currencyCode, amountMinor, creditor, purpose } = JSON.parse(body)
    const { fullName, ...account } = creditor
    return {
      key: headers["x-request-id"],
      reference: clientRef,
      currency: currencyCode,
      amount: amountMinor,
      name: fullName,
      account,
      remittance: purpose,
    }
  },
  amount: (minor) => String(minor),
  account: (account) => {
    switch (account.scheme) {
      case "iban":
        return { accountType: "IBAN", accountId: account.iban, bankId: account.bic }
      case "sort-code":
        return { accountType: "SORT_CODE", accountId: account.accountNumber, bankId: account.sortCode }
      case "aba":
        return { accountType: "ABA", accountId: account.accountNumber, bankId: account.routingNumber }
      case "bic":
        return { accountType: "BIC", accountId: account.accountNumber, bankId: account.bic }
      default:
        throw new Error("the bank has no wallets")
    }
  },
  transfer: [
    [{ _tag: "Settled" }, payment("COMPLETED")],
    [{ _tag: "Accepted", transferId: "w-1" }, payment("PROCESSING")],
    [{ _tag: "Failed", code: "INSUFFICIENT_FUNDS" }, refused(402, "INSUFFICIENT_FUNDS")],
    [{ _tag: "Failed", code: "ACCOUNT_CLOSED" }, refused(422, "ACCOUNT_CLOSED")],
    [{ _tag: "Failed", code: "A_NEW_REASON" }, refused(422, "A_NEW_REASON")],
    [
      { _tag: "Failed", code: "unspecified", detail: cleanText("Bénéficiaire inconnu") },
      refused(422, "Bénéficiaire inconnu".normalize("NFD")),
    ],
    [{ _tag: "Failed", code: "unspecified" }, refused(422, canary)],
  ],
  inquiry: [
    [{ _tag: "Settled" }, listed("COMPLETED")],
    [{ _tag: "Accepted", transferId: "w-1" }, listed("PROCESSING")],
    [{ _tag: "Failed", code: "ACCOUNT_INVALID" }, listed("REJECTED", "ACCOUNT_INVALID")],
    [{ _tag: "Failed", code: "unspecified" }, listed("REJECTED")],
    [{ _tag: "Failed", code: "unspecified" }, listed("REJECTED", canary)],
    [{ _tag: "Returned", code: "unspecified" }, listed("RETURNED", null)],
    [
      { _tag: "Returned", code: "RETURNED_BY_CREDITOR_BANK" },
      listed("RETURNED", "RETURNED_BY_CREDITOR_BANK"),
    ],
    [{ _tag: "Returned", code: "unspecified" }, listed("RETURNED")],
    [{ _tag: "NeverSeen" }, () => [200, { payments: [] }]],
  ],
  nonsense: {
    transfer: [
      [409, { error: { type: "conflict", reason: "DUPLICATE_REQUEST" } }],
      [400, { error: { type: "invalid_request", reason: "MALFORMED" } }],
      [422, { error: { type: "other", reason: "ACCOUNT_CLOSED" } }],
      [422, { error: { type: "payment_refused" } }],
      [200, { ...one, state: "REJECTED" }],
      [200, { ...one, state: "PONDERING" }],
      [200, { ...one, paymentRef: 7 }],
      [200, { state: "COMPLETED", paymentRef: "w-1" }],
      [202, one],
    ],
    inquiry: [
      [200, { payments: [one, one] }],
      [200, { payments: [{ ...one, state: "PONDERING" }] }],
      [200, { payments: null }],
      [200, []],
      [200, {}],
      [404, { payments: [] }],
    ],
  },
})

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ slowMs: 60_000, returnAfterMs: 1, westKeyWindowMs: 60_000 })
})
afterAll(() => sandbox.close())

describe("the bank west", () => {
  const west = (own: Readonly<Record<string, unknown>> = {}) =>
    synchronous
      .connect(bankSettings("west", synchronous.name, { url: sandbox.urls.banks.west, ...own }))
      .pipe(Effect.provide(settings()))

  it.live("remembers a key for a day, unless the operator knows better", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* west()).keyWindowMs, 86_400_000)
      assert.strictEqual((yield* west({ keyWindowMs: 1_000 })).keyWindowMs, 1_000)
      assert.strictEqual((yield* Effect.flip(west({ keyWindowMs: 0 })))._tag, "InvalidProviderSetting")
    }),
  )

  it.live("pays, takes its time, refuses, and knows what it has seen", () =>
    Effect.gen(function* () {
      const { transfer, inquire } = yield* west()
      const account = { scheme: "iban", iban: canary } as const
      const pay = (name: string, reference: string, currency = "EUR") =>
        transfer({
          bank: "west",
          partner: "acme",
          reference,
          beneficiary: { name, account },
          currency,
          minor: 1_234n,
        })
      const codeOf = (answer: BankAnswer) => ("code" in answer ? answer.code : answer._tag)
      assert.deepStrictEqual(yield* pay("Ada Lovelace", "ADA-1-1"), { _tag: "Settled" })
      assert.deepStrictEqual(yield* pay("Ada Lovelace", "ADA-1-1"), { _tag: "Settled" })
      assert.deepStrictEqual(yield* inquire("ADA-1-1"), { _tag: "Settled" })
      assert.strictEqual((yield* pay("Sally Slow", "SALLY-1-1"))._tag, "Accepted")
      assert.strictEqual((yield* inquire("SALLY-1-1"))._tag, "Accepted")
      assert.deepStrictEqual(yield* inquire("NOBODY-1-1"), { _tag: "NeverSeen" })
      assert.strictEqual(
        (yield* pay("Somebody Else", "ADA-1-1"))._tag,
        "Ambiguous",
        "the key came with another body",
      )
      const codes = [
        codeOf(yield* pay("Clara Closed", "CLARA-1-1")),
        codeOf(yield* inquire("CLARA-1-1")),
        codeOf(yield* pay("Ivo Insufficient", "IVO-1-1")),
        codeOf(
          yield* transfer({
            bank: "west",
            partner: "acme",
            reference: "RICH-1-1",
            beneficiary: { name: "Rich", account },
            currency: "EUR",
            minor: 2_000_000_000_000n,
          }),
        ),
      ]
      assert.deepStrictEqual(codes, [
        "ACCOUNT_CLOSED",
        "ACCOUNT_CLOSED",
        "INSUFFICIENT_FUNDS",
        "LIMIT_EXCEEDED",
      ])
      for (const code of codes) assert.isDefined(meaningOf(code), `${code} is in the table of codes`)
    }),
  )
})
