import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { cleanText } from "../../src/domain/outside-text.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { type Outside, openOutside, Payouts, passed, perform, pipelinesOn } from "./pipelines-under-test.ts"

let outside: Outside

beforeAll(async () => {
  outside = await openOutside()
})
afterAll(() => outside.close())

const screened = () => {
  const payouts = new Payouts("Ada Lovelace", "Grace Hopper")
  payouts.answered(payouts.numbers, "approved")
  payouts.tell({ _tag: "StartExecution" })
  payouts.tell({ _tag: "RequestPosting", kind: "hold", items: payouts.numbers })
  return payouts
}

const delays = { POSTING_RETRY_DELAYS_MS: "1000,5000" }

const refusals = Effect.flatMap(Effect.service(Metrics), ({ postingsRefused }) =>
  Effect.promise(async () =>
    (await postingsRefused.get()).values.map(({ labels, value }) => ({ labels, value })),
  ),
)

const itemOne = ({ batch }: Payouts) => {
  const item = batch.items.get(1)
  if (item === undefined) throw new Error("a batch has an item 1")
  return item
}

const book = (payouts: Payouts, kind: "hold" | "reverse" = "hold") =>
  perform(payouts, { _tag: "Book", posting: 1, kind, items: payouts.numbers })

it.live("books a posting once, however often it is tried", () =>
  Effect.gen(function* () {
    passed.length = 0
    const payouts = screened()
    const [first] = yield* book(payouts)
    const [again] = yield* book(payouts)
    assert(first?._tag === "RecordPosting" && again?._tag === "RecordPosting")
    assert.strictEqual(first.posting, 1)
    assert.strictEqual(again.ledgerPostingId, first.ledgerPostingId)
    assert.deepStrictEqual(passed, ["after-ledger-call", "after-ledger-call"])
    const books = yield* Effect.promise(async () => (await fetch(`${outside.urls.ledger}/books`)).json())
    assert.deepNestedInclude(books, { "counts.postings": 1, "accounts[0].held": "20.03" })
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("hears from the ledger why it refused, and says when to ask again", () =>
  Effect.gen(function* () {
    const payouts = screened()
    const [refused] = yield* book(payouts, "reverse")
    assert(refused?._tag === "RecordPostingRefusal")
    assert.deepInclude(refused, { posting: 1, code: cleanText("illegal-transition") })
    assert.strictEqual(refused.retryAt, refused.at + 1_000)
    assert.deepStrictEqual(yield* refusals, [{ labels: { kind: "reverse", reason: "other" }, value: 1 }])
  }).pipe(Effect.provide(pipelinesOn(outside, delays)), Effect.provide(freshMetrics)),
)

it.live("asks later with each refusal in a row, and goes on so at the longest of its delays", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace")
    payouts.batch.items.set(1, { ...itemOne(payouts), minor: 10n ** 15n })
    payouts.answered([1], "approved")
    payouts.tell({ _tag: "StartExecution" })
    const delaysMs: Array<number> = []
    for (let posting = 1; posting <= 3; posting += 1) {
      payouts.tell({ _tag: "RequestPosting", kind: "hold", items: payouts.numbers })
      const [refused] = yield* perform(payouts, {
        _tag: "Book",
        posting,
        kind: "hold",
        items: payouts.numbers,
      })
      assert(refused?._tag === "RecordPostingRefusal")
      assert.strictEqual(refused.code, "insufficient-funds")
      delaysMs.push(refused.retryAt - refused.at)
      payouts.tell({ ...refused, retryAt: payouts.now })
    }
    assert.deepStrictEqual(delaysMs, [1_000, 5_000, 5_000])
    assert.deepStrictEqual(yield* refusals, [{ labels: { kind: "hold", reason: "funds" }, value: 3 }])
  }).pipe(Effect.provide(pipelinesOn(outside, delays)), Effect.provide(freshMetrics)),
)

it.live("leaves a posting due while the ledger is away", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(book(screened()))
    assert.deepInclude(error, { _tag: "ProviderUnavailable", provider: "ledger" })
  }).pipe(Effect.provide(pipelinesOn(outside, { LEDGER_URL: "http://127.0.0.1:9" }))),
)

it.live("keeps out of the log a code of the ledger that quotes an account", () =>
  Effect.gen(function* () {
    const ledger = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (ledger) => Effect.promise(() => ledger.close()),
    )
    ledger.behaviour = json(422, { code: "GB29NWBKABCDEFGHIJKLMN" })
    const [refused] = yield* book(screened()).pipe(
      Effect.provide(pipelinesOn(outside, { ...delays, LEDGER_URL: ledger.url })),
    )
    assert.deepInclude(refused, { _tag: "RecordPostingRefusal", code: cleanText("[redacted]") })
  }),
)
