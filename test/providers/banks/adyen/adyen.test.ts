import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import { adyen } from "../../../../src/providers/banks/adyen/adyen.ts"
import { environmentOf } from "../../../../src/providers/banks/adyen/adyen-settings.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { settings } from "../../../settings.ts"
import { json, MisbehavingServer } from "../../calling/misbehaving-server.ts"
import { bankContract, bankSettings, type Wire } from "../bank-contract.ts"
import { adyenDocuments, balanceAccount, history, problem, transfer } from "./published.ts"

const documents = await adyenDocuments()

const answered =
  (status: number, fields: object = {}) =>
  (reference: string) =>
    [status, transfer(reference, fields)] as const
const listed =
  (fields: object = {}, ...others: ReadonlyArray<object>) =>
  (reference: string) =>
    [200, { data: [transfer(reference, fields), ...others], _links: {} }] as const
const refused =
  (fields: object = {}) =>
  () =>
    [422, problem(fields)] as const
const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"
const accepted = { _tag: "Accepted", transferId: "1W1UG35U8A9J5ZLG" } as const

const wire: Wire = {
  settings: { balanceAccount },
  address: { street: "Rue de l'Éléphant", buildingNumber: "7", town: "Genève", country: "CH" },
  read: (asked) => {
    expect(documents.request(asked)).toEqual([])
    const { amount, counterparty, description, ...told } = JSON.parse(asked.body)
    const { accountHolder, accountIdentification } = counterparty.bankAccount
    return {
      key: asked.headers["idempotency-key"],
      reference: told.reference,
      currency: amount.currency,
      amount: amount.value,
      name: accountHolder.fullName,
      account: accountIdentification,
      remittance: description,
    }
  },
  amount: (minor) => Number(minor),
  account: (account) => {
    switch (account.scheme) {
      case "iban":
        return { type: "iban", iban: account.iban, bic: account.bic }
      case "sort-code":
        return { type: "ukLocal", sortCode: account.sortCode, accountNumber: account.accountNumber }
      case "aba":
        return {
          type: "usLocal",
          routingNumber: account.routingNumber,
          accountNumber: account.accountNumber,
          accountType: account.accountType,
        }
      case "bic":
        return { type: "numberAndBic", bic: account.bic, accountNumber: account.accountNumber }
      default:
        throw new Error("Adyen has no wallets")
    }
  },
  transfer: [
    [accepted, answered(202)],
    [accepted, answered(200, { status: "authorised", reason: "approved" })],
    [accepted, answered(202, { status: "pendingApproval", reason: "pendingApproval" })],
    [{ _tag: "Settled" }, answered(200, { status: "booked", reason: "approved" })],
    [
      { _tag: "Failed", code: "notEnoughBalance" },
      answered(202, { status: "refused", reason: "notEnoughBalance" }),
    ],
    [{ _tag: "Failed", code: "30_011" }, refused()],
    [
      { _tag: "Failed", code: "routeNotFound" },
      refused({ routingDetails: [{ priority: "fast", errorCode: "30_603", title: "No route" }] }),
    ],
  ],
  inquiry: [
    [accepted, listed()],
    [accepted, listed({ status: "bookingPending" })],
    [{ _tag: "Settled" }, listed({ status: "booked", reason: "approved" })],
    [{ _tag: "Settled" }, listed({ status: "credited" })],
    [
      { _tag: "Failed", code: "counterpartyAccountClosed" },
      listed({ status: "failed", reason: "counterpartyAccountClosed", ...history("received", "failed") }),
    ],
    [{ _tag: "Failed", code: "unspecified" }, listed({ status: "failed", reason: "unknown" })],
    [{ _tag: "Failed", code: "cancelled" }, listed({ status: "cancelled", reason: "cancelled" })],
    [
      { _tag: "Failed", code: "refusedForRegulatoryReasons" },
      listed({
        status: "refused",
        reason: "declined",
        tracking: { type: "internalReview", status: "failed", reason: "refusedForRegulatoryReasons" },
      }),
    ],
    // What was booked has left the account, also if it is then called failed.
    [
      { _tag: "Returned", code: "refusedByCounterpartyBank" },
      listed({
        status: "failed",
        reason: "refusedByCounterpartyBank",
        ...history("received", "authorised", "booked", "failed"),
      }),
    ],
    [
      { _tag: "Returned", code: "counterpartyAccountBlocked" },
      listed({ status: "returned", reason: "counterpartyAccountBlocked" }),
    ],
    [{ _tag: "NeverSeen" }, () => [200, { data: [] }]],
  ],
  nonsense: {
    transfer: [
      [200, transfer(reference, { status: "error" })],
      [200, transfer(reference, { status: "a new status" })],
      [200, transfer(reference, { amount: { value: 1_235, currency: "EUR" } })],
      [200, transfer(reference, { amount: { value: 1_234, currency: "USD" } })],
      [200, transfer(reference, { category: "internal" })],
      [200, transfer(reference, { direction: "incoming" })],
      [200, transfer(reference, { balanceAccount: { id: "BA00000000000000000000002" } })],
      [200, { ...transfer(reference), id: undefined }],
      [422, problem({ errorCode: "704", detail: "request already processed or in progress" })],
      [422, problem({ type: "https://docs.adyen.com/errors/idempotency" })],
      [422, problem({ title: "Duplicate request" })],
      [422, problem({ errorCode: undefined })],
      [422, problem({ status: 500 })],
      [400, problem({ status: 400 })],
      [403, problem({ status: 403 })],
      [
        401,
        {
          status: 401,
          errorCode: "000",
          message: "HTTP Status Response - Unauthorized",
          errorType: "security",
        },
      ],
    ],
    inquiry: [
      listed({}, transfer(reference, { id: "2" }))(reference),
      listed({ status: "reversed" })(reference),
      listed({ status: "expired" })(reference),
      listed({ type: "fee", status: "booked" })(reference),
      listed({ balanceAccount: { id: "BA00000000000000000000002" }, status: "booked" })(reference),
      [200, { data: [], _links: { next: { href: "https://adyen.example/transfers?cursor=2" } } }],
      [200, {}],
      [200, { data: null }],
      [404, { data: [] }],
      [422, problem()],
    ],
  },
}

bankContract(adyen, wire)

describe.skipIf(!isPublishedDataThere)("Adyen's document of the Transfers API", () => {
  const wrong = (method: "GET" | "POST", [status, body]: readonly [number, unknown]) =>
    documents.answer(method, "/transfers", status, body)

  it.each([
    ...wire.transfer.map((given) => ["POST", given] as const),
    ...wire.inquiry.map((given) => ["GET", given] as const),
  ])("has the answers that the suite gives: %s %j", (method, [, said]) => {
    expect(wrong(method, said(reference))).toEqual([])
  })

  it("describes what is asked about a transfer", () => {
    const path = `/transfers?balanceAccountId=${balanceAccount}&reference=${reference}&createdSince=2026-06-03T00:00:00.000Z`
    const asked = {
      method: "GET",
      headers: {},
      body: "",
      url: `${path}&createdUntil=2026-11-29T00:00:00.000Z&limit=100`,
    }
    expect(documents.request(asked)).toEqual([])
    expect(documents.request({ ...asked, url: path })).not.toEqual([])
  })
})

describe("a bank at Adyen", () => {
  it("is told from the live one by its address, and from others by its settings", () => {
    const of = (url: string) => environmentOf({ url })
    assert.strictEqual(of("https://balanceplatform-api-live.adyen.com/btl/v4"), "live")
    assert.strictEqual(of("https://balanceplatform-api-test.adyen.com/btl/v4"), "test")
    assert.strictEqual(of("https://olive.example"), "test")
    assert.strictEqual(environmentOf({ url: "https://proxy.example", environment: "live" }), "live")
  })

  const connect = (own: Readonly<Record<string, unknown>>) =>
    adyen
      .connect(bankSettings("adyen", "adyen", { url: "http://127.0.0.1:9", ...own }))
      .pipe(Effect.provide(settings()))

  it.live("leaves a transfer open that it lists in another amount than was ordered", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => MisbehavingServer.open()),
        ({ close }) => Effect.promise(close),
      )
      const bank = yield* connect({ url: server.url, balanceAccount })
      server.behaviour = json(...listed({ status: "booked" })(reference))
      const ask = (minor: bigint, currency = "EUR") => bank.inquire(reference, { currency, minor })
      assert.deepStrictEqual(yield* ask(1_234n), { _tag: "Settled" })
      assert.strictEqual((yield* ask(1_235n))._tag, "Ambiguous")
      assert.strictEqual((yield* ask(1_234n, "USD"))._tag, "Ambiguous")
      for (const asked of server.asked) expect(documents.request(asked)).toEqual([])
      const { searchParams } = new URL(server.asked[0]?.url ?? "", server.url)
      const [since = 0, until = 0] = ["createdSince", "createdUntil"].map((name) =>
        Date.parse(searchParams.get(name) ?? ""),
      )
      assert.strictEqual(until - since, 180 * 86_400_000, "Adyen takes six months at most")
    }),
  )

  it.effect(
    "remembers keys for as long as all editions of Adyen's page say, unless the operator knows better",
    () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* connect({ balanceAccount })).keyWindowMs, 7 * 86_400_000)
        assert.strictEqual((yield* connect({ balanceAccount, keyWindowMs: 1_000 })).keyWindowMs, 1_000)
      }),
  )

  it.effect.each([{}, { balanceAccount: "BA/../1" }, { balanceAccount, priorities: { sepa: [] } }])(
    "does not start with the settings %j",
    (own) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(connect(own)))._tag, "InvalidProviderSetting")
      }),
  )
})
