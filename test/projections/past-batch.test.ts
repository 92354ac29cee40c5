/** A past state is shown as the read models show the present one: the same views, items and filters. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { uetrOf } from "../../src/domain/uetr.ts"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import { emptyPast, foldPast, pastBatch, pastItem, pastItems } from "../../src/projections/past-batch.ts"
import type { ItemFilter } from "../../src/projections/search-filter.ts"
import { foldLog } from "../../src/streams/batch-fold.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { appendRest, lifeOf, newBatchId, open } from "./batch-life.ts"
import { anotherProjector, caughtUp, readModelStack } from "./read-model-stack.ts"

const PARTNER = "past"
const all = { after: 0, countMax: 500 }

const foldOf = Effect.fnUntraced(function* (id: BatchId) {
  const fold = emptyPast(id)
  yield* foldLog(yield* EventStore, id, fold, foldPast)
  return fold
})

layer(readModelStack(2), { excludeTestServices: true })("a past state", (it) => {
  it.effect("is shown as the read models show the present one, at every step of a life", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const id = newBatchId()
      const story = lifeOf(PARTNER, 12)
      const owned = yield* open(id, story)
      const compared = Effect.gen(function* () {
        yield* caughtUp
        const fold = yield* foldOf(id)
        assert.deepStrictEqual(pastBatch(id, fold), yield* queries.batch(PARTNER, id))
        const shown = yield* queries.items(PARTNER, id, { limit: 500 })
        assert.deepStrictEqual(pastItems(id, fold, {}, all), shown?.entries ?? [])
      })
      yield* Effect.gen(function* () {
        yield* compared
        yield* appendRest(owned, story, 5)
        yield* compared
      }).pipe(Effect.provide(anotherProjector()))
    }),
  )

  it.effect("is narrowed as the read models are", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const id = newBatchId()
      const story = lifeOf(PARTNER, 12)
      yield* appendRest(yield* open(id, story), story, 50)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const fold = yield* foldOf(id)
      const transferId = fold.batch.items.get(9)?.attempt?.transferId
      const filters: ReadonlyArray<ItemFilter> = [
        { state: ["settled"] },
        { state: ["held", "failed"], currency: "JPY" },
        { currency: "KWD" },
        { amount: { currency: "EUR", from: 123_456n, to: undefined } },
        { amount: { currency: "EUR", from: 123_457n, to: undefined } },
        { amount: { currency: "JPY", from: undefined, to: 1_199n } },
        { amount: { currency: "JPY", from: 1_200n, to: 1_200n } },
        { reference: "invoice-4" },
        { reference: "invoice" },
        { lastFour: "5432" },
        { lastFour: "432" },
        { failureCode: "AC04" },
        { failureCode: "AC04", state: ["settled"] },
        { failureCode: "AC99" },
        ...(transferId === undefined ? [] : [{ providerReference: transferId }]),
        { providerReference: "nobody knows it" },
      ]
      for (const filter of filters) {
        const page = yield* queries.items(PARTNER, id, { limit: 500, ...filter })
        const numbers = pastItems(id, fold, filter, all).map(({ item }) => item)
        assert.deepStrictEqual(numbers, page?.entries.map(({ item }) => item) ?? [], filterName(filter))
      }
      assert.isAbove(pastItems(id, fold, { failureCode: "AC04" }, all).length, 0)
    }),
  )

  it.effect("is found by our reference of any attempt, and by its UETR", () =>
    Effect.gen(function* () {
      const id = newBatchId()
      const story = lifeOf(PARTNER, 8)
      yield* appendRest(yield* open(id, story), story, 50)
      const fold = yield* foldOf(id)
      const attempt = fold.batch.items.get(8)?.attempt
      if (attempt === undefined) throw new Error("item 8 was sent")
      const reference = `${id.slice(3).toUpperCase()}-8-1`
      Object.assign(attempt, { reference })
      const found = (providerReference: string) =>
        pastItems(id, fold, { providerReference }, all).map(({ item }) => item)
      assert.deepStrictEqual(found(reference), [8])
      assert.deepStrictEqual(found(uetrOf(reference)?.toUpperCase() ?? ""), [8])
      assert.deepStrictEqual(found(`${reference}1`), [])
      assert.strictEqual(pastItem(id, fold, 8)?.item, 8)
      assert.isUndefined(pastItem(id, fold, 9))
    }),
  )
})

const filterName = (filter: ItemFilter): string =>
  JSON.stringify(filter, (_, value) => (typeof value === "bigint" ? `${value}` : value))
