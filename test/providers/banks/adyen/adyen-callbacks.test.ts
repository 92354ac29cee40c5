import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { expect } from "vitest"
import { adyen } from "../../../../src/providers/banks/adyen/adyen.ts"
import type { BankCallbacks } from "../../../../src/providers/banks/bank-callbacks.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { canary } from "../../calling/misbehaving-server.ts"
import { bankSettings } from "../bank-contract.ts"
import { adyenDocuments, balanceAccount, history, notificationExamples, transfer } from "./published.ts"

const documents = await adyenDocuments()

const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"
/** As Adyen's Customer Area shows a key, and as the settings have it. */
const hex = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
const secret = Redacted.make(`whsec_${Buffer.from(hex, "hex").toString("base64")}`)
const signed = (body: Buffer, key = hex) =>
  createHmac("sha256", Buffer.from(key, "hex")).update(body).digest("base64")

const callbacksOf = Effect.fnUntraced(function* (own: Readonly<Record<string, unknown>> = {}) {
  const callbacks = yield* adyen.callbacks(
    bankSettings("adyen", "adyen", { url: "https://adyen.example", balanceAccount, ...own }),
  )
  assert(callbacks !== undefined)
  return callbacks
})

const notification = (fields: object = {}, others: object = {}) => ({
  data: {
    ...transfer(reference),
    balancePlatform: "P",
    sequenceNumber: 3,
    status: "booked",
    reason: "approved",
    ...fields,
  },
  environment: "test",
  timestamp: "2026-11-28T13:27:05+02:00",
  type: "balancePlatform.transfer.updated",
  ...others,
})

const read = Effect.fnUntraced(function* (body: unknown, own?: Readonly<Record<string, unknown>>) {
  const callbacks = yield* callbacksOf(own)
  return yield* callbacks.read("adyen", () => "", Buffer.from(JSON.stringify(body)))
})

describe("a notification of Adyen", () => {
  const headers = (value: string) => (name: string) => (name === "hmacsignature" ? value : "")
  const body = Buffer.from(JSON.stringify(notification()))
  const verifies = ({ isPlausible, verify }: BankCallbacks, value: string, of = body) =>
    isPlausible(headers(value), Date.now()) && verify([secret], headers(value), of)

  it.effect("is believed by the HMAC of its very bytes", () =>
    Effect.gen(function* () {
      const callbacks = yield* callbacksOf()
      assert.isTrue(verifies(callbacks, signed(body)))
      assert.isFalse(verifies(callbacks, signed(body, hex.replace("4", "5"))))
      assert.isFalse(verifies(callbacks, signed(body), Buffer.concat([body, Buffer.from(" ")])))
      for (const value of ["", "AAAA", `${signed(body)},`, signed(body).replace("=", "")])
        assert.isFalse(verifies(callbacks, value), value)
      const another = Redacted.make(`whsec_${Buffer.alloc(32, 7).toString("base64")}`)
      assert.isTrue(
        callbacks.verify([another, secret], headers(signed(body)), body),
        "while a key is replaced",
      )
    }),
  )

  it.effect.each([
    [{ _tag: "Settled" }, {}],
    [
      { _tag: "Failed", code: "counterpartyAccountClosed" },
      { status: "failed", reason: "counterpartyAccountClosed" },
    ],
    [
      { _tag: "Failed", code: "notEnoughBalance" },
      { status: "refused", reason: "notEnoughBalance" },
    ],
    [
      { _tag: "Returned", code: "refusedByCounterpartyBank" },
      { status: "failed", reason: "refusedByCounterpartyBank", ...history("received", "booked", "failed") },
    ],
    [
      { _tag: "Returned", code: "unspecified" },
      { status: "returned", reason: "approved" },
    ],
  ] as const)("reports %j", ([outcome, fields]) =>
    Effect.gen(function* () {
      const told = notification(fields)
      expect(documents.notification(told)).toEqual([])
      const reports = yield* read(told)
      const amount = { currency: "EUR", minor: 1_234n }
      assert.deepStrictEqual<unknown>(reports, [
        { reference, id: "1W1UG35U8A9J5ZLG", message: "1W1UG35U8A9J5ZLG.3", amount, outcome },
      ])
    }),
  )

  it.effect("is one message however often it comes, and another one with each number", () =>
    Effect.gen(function* () {
      const of = (fields: object) => Effect.map(read(notification(fields)), ([report]) => report?.message)
      assert.strictEqual(yield* of({}), yield* of({}))
      assert.notStrictEqual(yield* of({}), yield* of({ sequenceNumber: 4 }))
      assert.notStrictEqual(
        yield* of({ sequenceNumber: undefined }),
        yield* of({ sequenceNumber: undefined, status: "returned" }),
      )
    }),
  )

  it.effect.each([
    ["a transfer that is on its way", notification({ status: "authorised" })],
    ["a status that says nothing", notification({ status: "reversed" })],
    ["another balance account", notification({ balanceAccount: { id: "BA00000000000000000000002" } })],
    ["money that comes in", notification({ direction: "incoming" })],
    ["a transfer within the platform", notification({ category: "internal" })],
    ["a fee", notification({ type: "fee" })],
    ["what others pay", notification({ reference: "Payout of Monday" })],
    ["a transfer without a reference", notification({ reference: undefined })],
    ["a type of another kind", notification({}, { type: "balancePlatform.accountHolder.updated" })],
    [
      "a type of another kind about no transfer",
      { environment: "test", type: "balancePlatform.accountHolder.updated", data: { accountHolder: {} } },
    ],
    ["another kind of thing", { environment: "test", data: { category: "card", amount: canary } }],
  ] as const)("reports nothing of %s", ([, body]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(body), [])
    }),
  )

  it.effect.each([
    ["the other environment", notification({}, { environment: "live" }), {}],
    ["a test, at a live bank", notification(), { environment: "live" }],
    ["a part of a minor unit", notification({ amount: { currency: "ISK", value: 150 } }), {}],
    ["a payment of ours without a category", notification({ category: undefined }), {}],
    ["no amount", notification({ amount: undefined }), {}],
    ["an account in place of an id", notification({ id: { canary } }), {}],
    ["no environment", notification({}, { environment: undefined }), {}],
  ] as const)("is refused if it is of %s", ([, body, own]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read(body, own))
      assert(error._tag === "UnreadableCallback")
      assert.notInclude(String(error.problem), canary)
    }),
  )

  it.effect.skipIf(!isPublishedDataThere)("is read in each of the examples that Adyen publishes", () =>
    Effect.gen(function* () {
      const examples = notificationExamples()
      assert.isAbove(examples.length, 10)
      for (const [name, body] of examples) assert.deepStrictEqual(yield* read(body), [], name)
    }),
  )
})
