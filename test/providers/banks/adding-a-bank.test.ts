/**
 * Adds a bank as docs/adding-a-bank.md says: its folder, its line of wiring, its rule, and the cases that all banks pass. It is
 * paid through, called back by and reconciled with on the paths that all banks take.
 */
import { createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import { transferReference } from "../../../src/domain/identifiers.ts"
import { formatAmount } from "../../../src/domain/money.ts"
import { cleanText } from "../../../src/domain/outside-text.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { Banks } from "../../../src/providers/banks/bank.ts"
import { bankKindsLayer } from "../../../src/providers/banks/bank-kind.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { synchronous } from "../../../src/providers/banks/synchronous/synchronous.ts"
import { BookedOrders } from "../../../src/providers/booked-orders.ts"
import { keyOf } from "../../../src/providers/calling/signed-callback.ts"
import { bankStatements } from "../../../src/reconciliation/bank-statements.ts"
import { readBooks } from "../../../src/reconciliation/records.ts"
import { payoutItem } from "../../domain/batch-story.ts"
import { type Answer, ApiUnderTest } from "../../http/api-under-test.ts"
import { payout } from "../../http/payout-batches/payout-batch-body.ts"
import { providerSettings } from "../../settings.ts"
import { violations } from "../../tidy-rules.ts"
import { canary, json, MisbehavingServer } from "../calling/misbehaving-server.ts"
import { bankContract } from "./bank-contract.ts"
import { courier } from "./courier/courier.ts"

const page = readFileSync(new URL("../../../docs/adding-a-bank.md", import.meta.url), "utf8")
const blocks = [...page.matchAll(/^```(ts|json)\n([\s\S]*?)^```/gm)].map(([, , text = ""]) => text)
const [kind = "", wiring = "", document = ""] = blocks

const secrets = {
  north: `whsec_${Buffer.from("the secret of north, for tests").toString("base64")}`,
  carl: `whsec_${Buffer.from("the secret of carl, for tests").toString("base64")}`,
}

const taken = (ref: string) => [200, { ref, state: "taken", id: "c-1" }] as const
const order = (state: string, why?: string) => (ref: string) => [200, { ref, state, why }] as const

bankContract(courier, {
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
    [{ _tag: "Accepted", transferId: "c-1" }, taken],
    [{ _tag: "Settled" }, order("paid")],
    [{ _tag: "Failed", code: "AC04" }, order("refused", "AC04")],
  ],
  inquiry: [
    [{ _tag: "Accepted", transferId: "c-1" }, taken],
    [{ _tag: "Settled" }, order("paid")],
    [{ _tag: "Failed", code: "AC04" }, order("refused", "AC04")],
    [{ _tag: "NeverSeen" }, (ref) => [410, { missing: ref }]],
  ],
  nonsense: {
    transfer: [
      [200, { state: "paid" }],
      [200, { ref: "AAAAAAAAAAAAAAAAAAAAAA-1-1", state: "refused", why: { canary } }],
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
  let providersFile: string
  beforeAll(async () => {
    server = await MisbehavingServer.open()
    folder = await mkdtemp(join(tmpdir(), "adding-a-bank-"))
    providersFile = join(folder, "providers.json")
    await writeFile(providersFile, document.replace(/https:\/\/(courier|north)\.example/g, server.url))
  })
  afterAll(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  const source = readFileSync(new URL("./courier/courier.ts", import.meta.url), "utf8")
    .replaceAll('"../../../../src/providers/banks/', '"../')
    .replaceAll('"../../../../src/providers/', '"../../')
    .replaceAll('"../../../../src/', '"../../../')

  it("shows the kind that these tests run, and it imports only what a kind may", () => {
    assert.strictEqual(kind, source)
    assert.deepStrictEqual(violations("providers/banks/courier/courier.ts", kind), [])
  })

  it("shows the line of the wiring, with the new kind in it", () => {
    const app = readFileSync(new URL("../../../src/app.ts", import.meta.url), "utf8")
    assert.include(wiring, ", courier]")
    assert.include(app, wiring.replace(", courier]", "]"))
  })

  const kinds = [instant, synchronous, courier]
  const environment = () => ({
    PROVIDERS_FILE: providersFile,
    BANK_CALLBACK_SECRET: `north=${secrets.north},carl=${secrets.carl}`,
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
        Layer.suspend(() => banksLayer(kinds).pipe(Layer.provide(providerSettings(environment())))),
      ),
    ),
  )

  describe("shows callbacks, which the API", () => {
    const batch = batchIdOf("acme", "called-back")
    const referenceOf = (item: number) => transferReference({ batch, item, attempt: 1 })
    let api: ApiUnderTest
    beforeAll(async () => {
      api = await ApiUnderTest.open({ environment: environment(), kinds })
      await api.post("called-back", { items: [payout("a"), payout("b")] })
    })
    afterAll(() => api[Symbol.asyncDispose]())

    const call = (
      body: unknown,
      { bank = "carl", secret = secrets.carl, at = Date.now(), tamper = "" } = {},
    ): Promise<Answer> => {
      const text = JSON.stringify(body)
      const seconds = Math.floor(at / 1_000)
      const mac = createHmac("sha256", keyOf(Redacted.make(secret)))
        .update(`${seconds}.${text}`)
        .digest("hex")
      const headers = { "content-type": "application/json", "courier-signature": `${seconds},${mac}` }
      return api.call(`/bank-callbacks/${bank}`, { method: "POST", headers, body: text + tamper })
    }
    const mail = () => Effect.runPromise(api.log.mail(batch, 10))
    const news = {
      news: [
        { id: "n-1", ref: referenceOf(1), state: "paid" },
        { id: "n-2", ref: referenceOf(2), state: "refused", why: "AC04" },
      ],
    }

    it("hears, each thing that is said once", async () => {
      for (let sent = 0; sent < 2; sent += 1) assert.strictEqual((await call(news)).status, 202)
      const told = (await mail()).map(({ command }) => command)
      assert.strictEqual(told.length, 2)
      assert.deepInclude(told[0], { _tag: "RecordTransfer", item: 1, attempt: 1, bank: "carl" })
      assert.deepNestedInclude(told[0], { "outcome._tag": "Settled", "outcome.evidence": "callback" })
      assert.deepNestedInclude(told[1], { item: 2, "outcome._tag": "Failed", "outcome.code": "AC04" })
    })

    it.each([
      ["is signed by another bank", { secret: secrets.north }],
      ["was changed on its way", { tamper: " " }],
      ["is replayed after ten minutes", { at: Date.now() - 600_000 }],
      ["is signed as another kind of bank does not sign", { bank: "north", secret: secrets.north }],
    ])("refuses, where one %s", async (_, changes) => {
      const before = (await mail()).length
      assert.strictEqual((await call(news, changes)).status, 401)
      assert.strictEqual((await mail()).length, before)
    })

    it("names the field of, where it is not as agreed", async () => {
      const answer = await call({ news: [{ ...news.news[0], state: "perhaps" }] })
      assert.strictEqual(answer.status, 400)
      assert.deepNestedInclude(answer.json, { "errors[0].pointer": "/news/0/state" })
    })

    it("keeps what is of no transfer of ours in, and hears the rest", async () => {
      const before = (await mail()).length
      const [first] = news.news
      const answer = await call({
        news: [
          { id: "n-3", ref: "RF18539007547034", state: "paid" },
          { ...first, id: "n-4", state: "back" },
        ],
      })
      assert.strictEqual(answer.status, 404)
      assert.strictEqual((await mail()).length, before + 1)
      const [stray] = await Effect.runPromise(api.strays.list(1))
      assert.deepInclude(stray, { provider: cleanText("carl"), said: "settled", id: cleanText("n-3") })
    })
  })

  describe("shows a statement, which reconciliation", () => {
    const day = "2026-11-26"
    const reference = transferReference({ batch: batchIdOf("acme", "booked"), item: 1, attempt: 1 })
    const amount = { currency: "EUR", value: "12.34" }
    const pages: Readonly<Record<string, unknown>> = {
      [`/days/${day}?from=0`]: { moves: [{ ref: reference, amount, back: false }], next: 1 },
      [`/days/${day}?from=1`]: { moves: [{ ref: reference, amount, back: true }], next: null },
      "/books?offset=0&limit=1000": { payments: [], transfers: [], next: null },
    }
    const reading = Effect.gen(function* () {
      server.behaviour = (response, asked) =>
        (asked.url !== undefined && asked.url in pages ? json(200, pages[asked.url]) : json(404, {}))(
          response,
          asked,
        )
      return yield* readBooks(day, yield* bankStatements(day, Option.none()), () => Effect.void)
    })
    const bookedOrders = Layer.succeed(BookedOrders, { under: () => Effect.succeed([]) })
    const provided = Layer.suspend(() =>
      Layer.mergeAll(providerSettings(environment()), bankKindsLayer(kinds), bookedOrders),
    )

    it.live("reads to its end, beside the books of the others", () =>
      Effect.gen(function* () {
        const { batches, entryCount } = yield* reading
        assert.strictEqual(entryCount, 2)
        const entry = { bank: "carl", reference, currency: "EUR", minor: 1_234n, bookedOn: day }
        assert.deepStrictEqual<unknown>(batches.get(batchIdOf("acme", "booked"))?.entries, [
          { ...entry, kind: "debit" },
          { ...entry, kind: "credit" },
        ])
      }).pipe(Effect.provide(provided)),
    )

    it.live("does not take for an empty one while it is not there", () =>
      Effect.gen(function* () {
        server.behaviour = json(404, {})
        const sources = yield* bankStatements("2026-11-25", Option.none())
        const error = yield* Effect.flip(sources(() => {}))
        assert.strictEqual(error._tag, "SourceUnreadable")
      }).pipe(Effect.provide(provided)),
    )
  })
})
