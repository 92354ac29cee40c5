import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { type Outside, openOutside, Payouts, passed, perform, pipelinesOn } from "./pipelines-under-test.ts"

let outside: Outside

beforeAll(async () => {
  outside = await openOutside()
})
afterAll(() => outside.close())

const cleared = () => {
  const payouts = new Payouts("Ada Lovelace", "Grace Hopper")
  payouts.screened(payouts.numbers, "approved")
  payouts.tell({ _tag: "StartExecution" })
  payouts.tell({ _tag: "RequestPosting", kind: "hold", items: payouts.numbers })
  return payouts
}

const book = (payouts: Payouts, kind: "hold" | "reverse" = "hold") =>
  perform(payouts, { _tag: "Book", posting: 1, kind, items: payouts.numbers })

it.live("books a posting once, however often it is tried", () =>
  Effect.gen(function* () {
    passed.length = 0
    const payouts = cleared()
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

it.live("says what the ledger refused", () =>
  Effect.gen(function* () {
    const payouts = cleared()
    const error = yield* Effect.flip(book(payouts, "reverse"))
    assert(error._tag === "PostingRefused")
    assert.match(error.key, new RegExp(`^${payouts.id}-L1-[0-9a-f]{12}$`), "the key says what is posted")
    assert.deepInclude(error, {
      _tag: "PostingRefused",
      code: "illegal-transition",
    })
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("leaves a posting due while the ledger is away", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(book(cleared()))
    assert.deepInclude(error, { _tag: "ProviderUnavailable", provider: "ledger" })
  }).pipe(Effect.provide(pipelinesOn(outside, { LEDGER_URL: "http://127.0.0.1:9" }))),
)
