/** The twin of Adyen, held to Adyen's documents, and the kind `adyen` at it. */
import { createHmac } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, expect, vi } from "vitest"
import { transferReference } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { adyen } from "../../src/providers/banks/adyen/adyen.ts"
import type { BankReport } from "../../src/providers/banks/bank-callbacks.ts"
import type { StatementEntry } from "../../src/providers/books.ts"
import { type Sandbox, sandboxSecretOf, startSandbox } from "../../src/sandbox/sandbox.ts"
import { adyenDocuments, balanceAccount } from "../providers/banks/adyen/published.ts"
import { bankSettings } from "../providers/banks/bank-contract.ts"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"
import { channels, settings } from "../settings.ts"
import { get, iban, post, setWeather } from "./sandbox-client.ts"

const documents = await adyenDocuments()

interface Notified {
  readonly type: string
  readonly data: { readonly reference: string; readonly status: string }
}

const batch = batchIdOf("acme", "adyen")
const reference = (item: number) => transferReference({ batch, item, attempt: 1 })

let sandbox: Sandbox
let url: string
const notified: Array<Notified> = []
const forged: Array<string> = []
const receiver = createServer(async (request, response) => {
  const body = await text(request)
  const key = Buffer.from(sandboxSecretOf("adyen").replace("whsec_", ""), "base64")
  const ours = createHmac("sha256", key).update(body).digest("base64")
  if (request.headers.hmacsignature === ours) notified.push(JSON.parse(body))
  else forged.push(body)
  response.writeHead(200).end("[accepted]")
})

beforeAll(async () => {
  await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening))
  const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/bank-callbacks/adyen`
  sandbox = await startSandbox({
    twins: ["adyen"],
    webhookUrls: { adyen: webhook },
    slowMs: 60_000,
    returnAfterMs: 1,
    ...(isPublishedDataThere ? { documents: publishedFile("openapi") } : {}),
  })
  url = sandbox.urls.twins?.adyen ?? ""
})
afterAll(async () => {
  await sandbox.close()
  await new Promise<void>((closed) => {
    receiver.close(() => closed())
    receiver.closeAllConnections()
  })
})

const entry = (timeoutMs?: number) => bankSettings("adyen", "adyen", { url, balanceAccount }, timeoutMs)
const connected = (timeoutMs?: number) => adyen.connect(entry(timeoutMs)).pipe(Effect.provide(settings()))

const pay = Effect.fnUntraced(function* (name: string, item: number, timeoutMs?: number) {
  return yield* (yield* connected(timeoutMs)).transfer({
    bank: "adyen",
    partner: "acme",
    reference: reference(item),
    beneficiary: { name, account: { scheme: "iban", iban } },
    currency: "EUR",
    minor: 1_234n,
    remittance: `invoice ${item}`,
  })
})
const ask = Effect.fnUntraced(function* (item: number) {
  return yield* (yield* connected()).inquire(reference(item))
})
const statusesOf = (item: number) =>
  notified.filter(({ data }) => data.reference === reference(item)).map(({ data }) => data.status)
const told = (item: number, status: string) =>
  Effect.promise(() => vi.waitFor(() => expect(statusesOf(item)).toContain(status), 10_000))

describe("the twin of Adyen", () => {
  it.live("pays, and says so when it is asked and by itself", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* pay("Ada Lovelace", 1))._tag, "Accepted")
      assert.strictEqual((yield* pay("Ada Lovelace", 1))._tag, "Accepted", "the key is known")
      yield* told(1, "booked")
      assert.deepStrictEqual(yield* ask(1), { _tag: "Settled" })
      assert.includeMembers(statusesOf(1), ["received", "booked"])
    }),
  )

  it.live("refuses, returns, is slow and falls silent as the names say", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* pay("Clara Closed", 2), {
        _tag: "Failed",
        code: "counterpartyAccountClosed",
      })
      assert.deepStrictEqual(yield* ask(2), { _tag: "Failed", code: "counterpartyAccountClosed" })
      assert.deepStrictEqual(yield* pay("Rudi Reroute", 3), { _tag: "Failed", code: "routeNotFound" })
      assert.deepStrictEqual(yield* ask(3), { _tag: "NeverSeen" }, "no transfer was made")
      assert.strictEqual((yield* pay("Ivo Insufficient", 4))._tag, "Accepted")
      yield* told(4, "refused")
      assert.deepStrictEqual(yield* ask(4), { _tag: "Failed", code: "notEnoughBalance" })
      assert.strictEqual((yield* pay("Ralf Returned", 5))._tag, "Accepted")
      yield* told(5, "returned")
      assert.deepStrictEqual(yield* ask(5), { _tag: "Returned", code: "counterpartyAccountClosed" })
      assert.strictEqual((yield* pay("Sally Slow", 6))._tag, "Accepted")
      assert.strictEqual((yield* ask(6))._tag, "Accepted")
      assert.strictEqual((yield* pay("Tim Timeout", 7, 500))._tag, "Ambiguous")
      assert.oneOf((yield* ask(7))._tag, ["Accepted", "Settled"])
      assert.deepStrictEqual(yield* ask(8), { _tag: "NeverSeen" })
    }),
  )

  it.live("takes no other body under a key, and then nothing is known of the first", () =>
    Effect.gen(function* () {
      yield* pay("Ada Lovelace", 1)
      assert.strictEqual((yield* pay("Somebody Else", 1))._tag, "Ambiguous")
    }),
  )

  it.live("signs what it notifies, as documented, and the kind reads it", () =>
    Effect.gen(function* () {
      const callbacks = yield* adyen.callbacks(entry())
      assert(callbacks !== undefined)
      const outcomes = new Map<string, BankReport["outcome"]>()
      for (const body of notified) {
        expect(documents.notification(body)).toEqual([])
        for (const report of yield* callbacks.read("adyen", () => "", Buffer.from(JSON.stringify(body))))
          outcomes.set(report.reference, report.outcome)
      }
      assert.deepStrictEqual(forged, [])
      assert.deepStrictEqual(
        [1, 4, 5].map((item) => outcomes.get(reference(item))?._tag),
        ["Settled", "Failed", "Returned"],
      )
    }),
  )

  it.live("lists what it booked, and the kind reads it as the statement", () =>
    Effect.gen(function* () {
      const entries: Array<StatementEntry> = []
      const today = new Date().toISOString().slice(0, 10)
      const read = adyen.statement?.(entry(), today)
      assert(read !== undefined)
      yield* (yield* read)((row) => entries.push(row))
      const of = (item: number) => entries.filter((row) => row.reference === reference(item))
      const row = { bank: "adyen", reference: reference(1), currency: "EUR", minor: 1_234n, bookedOn: today }
      assert.deepStrictEqual(of(1), [{ ...row, kind: "debit" }])
      assert.sameMembers(
        of(5).map(({ kind }) => kind),
        ["debit", "credit"],
      )
      assert.deepStrictEqual(of(2), [], "what was refused is not booked")
    }).pipe(Effect.provide(Layer.mergeAll(settings(), channels))),
  )

  it.live("shows in its books what was paid, and each once", () =>
    Effect.gen(function* () {
      const { body } = yield* Effect.promise(() => get(`${url}/books`))
      const rows = body.transfers as ReadonlyArray<{
        reference: string
        payments: number
        beneficiary: object
      }>
      assert.strictEqual(body.paidTwice, 0)
      assert.deepInclude(
        rows.find((row) => row.reference === reference(1)),
        {
          payments: 1,
          beneficiary: { name: "Ada Lovelace", accountLast4: "3000" },
        },
      )
      assert.notInclude(JSON.stringify(body), iban)
    }),
  )

  it.live("denies a payment, if its weather says so, and pays it", () =>
    Effect.gen(function* () {
      const lies = { refusesAfterAccepting: 1, denies: 1, paysAfterMs: 300 }
      yield* Effect.promise(() => setWeather(url, { lies }))
      assert.strictEqual((yield* pay("Ada Lovelace", 300))._tag, "Accepted")
      yield* told(300, "failed")
      yield* told(300, "booked")
      assert.deepStrictEqual(yield* ask(300), { _tag: "Settled" })
      yield* Effect.promise(() => setWeather(url, {}))
    }),
  )

  it.skipIf(!isPublishedDataThere)(
    "was asked and has answered nothing but what Adyen documents",
    async () => {
      expect((await get(`${url}/sandbox/breaches`)).body).toEqual({ count: 0, shown: [] })
      const refused = await post(`${url}/transfers`, "key", { amount: { currency: "EUR" } })
      expect(refused).toMatchObject({ status: 422, body: { status: 422, errorCode: "30_011" } })
      expect((await get(`${url}/sandbox/breaches`)).body).toMatchObject({ count: 1 })
    },
  )

  it("notifies at the same address after a restart", async () => {
    const data = await mkdtemp(join(tmpdir(), "adyen-twin-"))
    const order = (item: number) => ({
      amount: { currency: "EUR", value: 100 },
      balanceAccountId: balanceAccount,
      category: "bank",
      counterparty: {
        bankAccount: {
          accountHolder: { fullName: "Ada Lovelace" },
          accountIdentification: { type: "iban", iban },
        },
      },
      reference: reference(item),
    })
    const address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/bank-callbacks/adyen`
    for (const [item, webhookUrls] of [
      [400, { adyen: address }],
      [401, {}],
    ] as const) {
      const again = await startSandbox({ twins: ["adyen"], data, webhookUrls })
      await post(`${again.urls.twins?.adyen}/transfers`, reference(item), order(item))
      await vi.waitFor(() => expect(statusesOf(item)).toContain("booked"), 10_000)
      await again.close()
    }
    await rm(data, { recursive: true })
  })

  it("is told by PUT where to notify", async () => {
    const put = (body: object) =>
      fetch(`${url}/sandbox/webhook`, { method: "PUT", body: JSON.stringify(body) })
    expect((await put({ url: "file:///etc/passwd" })).status).toBe(422)
    expect((await put({ url: "http://127.0.0.1:9/bank-callbacks/adyen" })).status).toBe(204)
  })
})
