import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type BatchId, transferReference } from "../../src/domain/identifiers.ts"
import { uetrOf } from "../../src/domain/uetr.ts"
import { arrayText } from "../../src/platform/postgres-arrays.ts"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import type { ItemSearch } from "../../src/projections/search-filter.ts"
import { fc } from "../property.ts"
import { newBatchId } from "./batch-life.ts"
import { readModelStack, rowsOf } from "./read-model-stack.ts"

interface StoredItem {
  readonly item: number
  readonly reference: string
  readonly account: string
  readonly currency: string
  readonly minor: number
  readonly state: string
  readonly reason: string | null
  readonly transferId: string | null
  readonly attempt: number | null
}

interface StoredBatch {
  readonly id: BatchId
  readonly receivedAt: number
  readonly items: ReadonlyArray<StoredItem>
}

const BEGAN = Date.parse("2026-11-01T00:00:00Z")

const plainItem = (item: number, changes: Partial<StoredItem> = {}): StoredItem => ({
  item,
  reference: `order-${item}`,
  account: "iban …3000",
  currency: "EUR",
  minor: 1234,
  state: "settled",
  reason: null,
  transferId: null,
  attempt: 1,
  ...changes,
})

/** Stores a batch as the projector does; `shown` of its items, if not all of them are there yet. */
const store = Effect.fnUntraced(function* (partner: string, batch: StoredBatch, shown = batch.items.length) {
  const totals: Record<string, Record<string, { count: number; minor: string }>> = {}
  for (const { currency, state, minor } of batch.items) {
    totals[currency] ??= {}
    const { count = 0, minor: sum = "0" } = totals[currency][state] ?? {}
    totals[currency][state] = { count: count + 1, minor: String(Number(sum) + minor) }
  }
  yield* rowsOf(
    (sql) => sql`
      insert into payout_batches
        (id, partner, idempotency_key, state, item_count, version, received_at, updated_at, totals)
      values (${batch.id}, ${partner}, ${batch.id}, 'settling', ${batch.items.length}, 2,
        ${new Date(batch.receivedAt)}, ${new Date(batch.receivedAt)}, ${sql.json(totals)})`,
  )
  const items = batch.items.slice(0, shown)
  const column = (of: (item: StoredItem) => string | number | null) => arrayText(items.map(of))
  const references = column(({ item, attempt }) =>
    attempt === null ? null : transferReference({ batch: batch.id, item, attempt }),
  )
  yield* rowsOf(
    (sql) => sql`
      insert into payout_items (batch, item, reference, beneficiary_name, account_masked, currency, minor, state,
        ledger, transfer_reference, attempt, reason, version, updated_at, transfer_id)
      select ${batch.id}, item, reference, 'Grace Hopper', account, currency, minor, state, 'none', transfer_reference,
        attempt, reason, 2, now(), transfer_id
      from unnest(
        ${column(({ item }) => item)}::int[], ${column(({ reference }) => reference)}::text[],
        ${column(({ account }) => account)}::text[], ${column(({ currency }) => currency)}::text[],
        ${column(({ minor }) => minor)}::numeric[], ${column(({ state }) => state)}::text[], ${references}::text[],
        ${column(({ attempt }) => attempt)}::int[], ${column(({ reason }) => reason)}::text[],
        ${column(({ transferId }) => transferId)}::text[]
      ) as rows (item, reference, account, currency, minor, state, transfer_reference, attempt, reason, transfer_id)`,
  )
})

/** All pages of a search, and something that is done after each. */
const pagesOf = Effect.fnUntraced(function* <E = never, R = never>(
  partner: string,
  search: ItemSearch,
  limit: number,
  between: Effect.Effect<unknown, E, R> = Effect.void as never,
) {
  const queries = yield* BatchQueries
  const found: Array<string> = []
  let cursor: string | undefined
  let pages = 0
  do {
    const page = yield* queries.search(partner, { ...search, limit, cursor })
    assert.isAtMost(page.entries.length, limit)
    found.push(...page.entries.map(({ batch, item }) => `${batch} ${item}`))
    cursor = page.next
    yield* between
    pages += 1
  } while (cursor !== undefined && pages < 500)
  assert.isUndefined(cursor)
  return found
})

/** The order of a search: batches from the newest one on, their items by number. */
const inOrder = (batches: ReadonlyArray<StoredBatch>) =>
  [...batches]
    .sort((one, other) => other.receivedAt - one.receivedAt || (one.id < other.id ? 1 : -1))
    .flatMap((batch) => batch.items.map((item) => ({ ...item, batch })))

const keysOf = (items: ReturnType<typeof inOrder>) => items.map(({ batch, item }) => `${batch.id} ${item}`)

const states = ["settled", "failed", "returned", "pending"] as const
const codes = ["AC04", "MS03"] as const

const anyItem = fc.record({
  reference: fc.constantFrom("order-1", "order-2", "order-3"),
  account: fc.constantFrom("iban …3000", "iban …3001", "aba …3000"),
  currency: fc.constantFrom("EUR", "JPY"),
  minor: fc.integer({ min: 1, max: 4 }),
  state: fc.constantFrom(...states),
  reason: fc.constantFrom(null, ...codes),
  transferId: fc.constantFrom(null, "t-1"),
  attempt: fc.constantFrom(null, 1, 2),
})

const anySearch = fc.record(
  {
    state: fc.uniqueArray(fc.constantFrom(...states), { minLength: 1, maxLength: 2 }),
    currency: fc.constantFrom("EUR", "JPY"),
    amount: fc.record({
      currency: fc.constantFrom("EUR", "JPY"),
      from: fc.constantFrom(undefined, 2n),
      to: fc.constantFrom(undefined, 3n),
    }),
    reference: fc.constantFrom("order-1", "order-9"),
    lastFour: fc.constantFrom("3000", "3001"),
    failureCode: fc.constantFrom(...codes),
    providerReference: fc.constant("t-1"),
    receivedFrom: fc.constantFrom(BEGAN + 1, BEGAN + 2),
    receivedTo: fc.constantFrom(BEGAN + 2, BEGAN + 3),
  },
  { requiredKeys: [] },
)

/** What a search wants, without SQL. */
const wants =
  (search: ItemSearch) =>
  (item: ReturnType<typeof inOrder>[number]): boolean => {
    const { amount, receivedFrom = 0, receivedTo = Number.POSITIVE_INFINITY } = search
    return (
      (search.state === undefined || search.state.some((state) => state === item.state)) &&
      (search.currency === undefined || search.currency === item.currency) &&
      (amount === undefined ||
        (amount.currency === item.currency &&
          item.minor >= (amount.from ?? 0n) &&
          item.minor <= (amount.to ?? 99n))) &&
      (search.reference === undefined || search.reference === item.reference) &&
      (search.lastFour === undefined || item.account.endsWith(`…${search.lastFour}`)) &&
      (search.failureCode === undefined ||
        (search.failureCode === item.reason && ["failed", "returned"].includes(item.state))) &&
      (search.providerReference === undefined || search.providerReference === item.transferId) &&
      item.batch.receivedAt >= receivedFrom &&
      item.batch.receivedAt < receivedTo
    )
  }

let partners = 0

layer(readModelStack(1), { excludeTestServices: true })("a search for items", (it) => {
  const run = Effect.fnUntraced(function* () {
    const context = yield* Effect.context<BatchQueries | Effect.Services<ReturnType<typeof store>>>()
    return Effect.runPromiseWith(context)
  })

  it.effect("finds what the filter wants and nothing else, in its order, whatever the pages' size", () =>
    Effect.gen(function* () {
      const promise = yield* run()
      const batches = fc.array(
        fc.record({
          at: fc.integer({ min: 0, max: 4 }),
          items: fc.array(anyItem, { minLength: 1, maxLength: 6 }),
        }),
        { minLength: 1, maxLength: 6 },
      )
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            batches,
            fc.array(anySearch, { minLength: 4, maxLength: 4 }),
            fc.integer({ min: 1, max: 7 }),
            async (made, searches, limit) => {
              const partner = `p-${++partners}`
              const stored = made.map(
                ({ at, items }): StoredBatch => ({
                  id: newBatchId(),
                  receivedAt: BEGAN + at,
                  items: items.map((item, index) => ({ ...item, item: index + 1 })),
                }),
              )
              for (const batch of stored) await promise(store(partner, batch))
              for (const search of searches) {
                const found = await promise(pagesOf(partner, search, limit))
                assert.deepStrictEqual(found, keysOf(inOrder(stored).filter(wants(search))))
              }
            },
          ),
          { numRuns: 15 },
        ),
      )
    }),
  )

  it.effect("neither skips nor repeats an item while others are written", () =>
    Effect.gen(function* () {
      const promise = yield* run()
      const written = fc.array(
        fc.record({ at: fc.integer({ min: 0, max: 9 }), count: fc.integer({ min: 1, max: 4 }) }),
        {
          minLength: 2,
          maxLength: 8,
        },
      )
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            written,
            written,
            fc.integer({ min: 1, max: 5 }),
            async (before, meanwhile, limit) => {
              const partner = `p-${++partners}`
              const batchOf = ({ at, count }: { at: number; count: number }): StoredBatch => ({
                id: newBatchId(),
                receivedAt: BEGAN + at,
                items: Array.from({ length: count }, (_, index) => plainItem(index + 1)),
              })
              const [first, later] = [before.map(batchOf), meanwhile.map(batchOf)]
              for (const batch of first) await promise(store(partner, batch))
              const waiting = [...later]
              const write = Effect.gen(function* () {
                const batch = waiting.pop()
                if (batch !== undefined) yield* store(partner, batch)
                yield* rowsOf(
                  (sql) => sql`
                update payout_items set version = version + 1, updated_at = now()
                where batch in (select id from payout_batches where partner = ${partner})`,
                )
              })
              const found = await promise(pagesOf(partner, {}, limit, write))
              const wanted = keysOf(inOrder(first))
              assert.deepStrictEqual(
                found.filter((key) => wanted.includes(key)),
                wanted,
              )
              assert.strictEqual(new Set(found).size, found.length)
              const all = keysOf(inOrder([...first, ...later]))
              assert.deepStrictEqual(
                found,
                all.filter((key) => found.includes(key)),
              )
            },
          ),
          { numRuns: 10 },
        ),
      )
    }),
  )

  it.effect("finds a transfer by our reference, its UETR, and the bank's own id", () =>
    Effect.gen(function* () {
      const id = newBatchId()
      const items = [plainItem(1), plainItem(2, { attempt: 2, transferId: "bank-77" }), plainItem(3)]
      yield* store("transfers", { id, receivedAt: BEGAN, items })
      const reference = (attempt: number) => transferReference({ batch: id, item: 2, attempt })
      const names = [reference(1), reference(2), uetrOf(reference(1)), uetrOf(reference(2)), "bank-77"]
      for (const providerReference of names)
        assert.deepStrictEqual(yield* pagesOf("transfers", { providerReference }, 10), [`${id} 2`])
      const upper = uetrOf(reference(2))?.toUpperCase()
      assert.deepStrictEqual(yield* pagesOf("transfers", { providerReference: upper }, 10), [`${id} 2`])
      for (const providerReference of [reference(3), "bank-78"])
        assert.deepStrictEqual(yield* pagesOf("transfers", { providerReference }, 10), [])
      assert.deepStrictEqual(yield* pagesOf("strangers", { providerReference: reference(1) }, 10), [])
    }),
  )

  it.effect("finds nothing of another partner", () =>
    Effect.gen(function* () {
      const id = newBatchId()
      yield* store("owner", { id, receivedAt: BEGAN, items: [plainItem(1, { reference: "secret order" })] })
      const providerReference = transferReference({ batch: id, item: 1, attempt: 1 })
      for (const search of [{ reference: "secret order" }, { providerReference }, {}]) {
        assert.deepStrictEqual(yield* pagesOf("owner", search, 10), [`${id} 1`])
        assert.deepStrictEqual(yield* pagesOf("stranger", search, 10), [])
      }
    }),
  )

  it.effect("finds a reference that more than a thousand items have, page by page", () =>
    Effect.gen(function* () {
      const count = 40
      const batches = Array.from({ length: count }, (_, index) => ({
        id: newBatchId(),
        receivedAt: BEGAN + index,
        items: Array.from({ length: 30 }, (_, item) => plainItem(item + 1, { reference: "salary" })),
      }))
      yield* Effect.forEach(batches, (batch) => store("many", batch))
      const found = yield* pagesOf("many", { reference: "salary" }, 100)
      assert.deepStrictEqual(found, keysOf(inOrder(batches)))
    }),
  )

  it.effect("does not find a batch before all of its items are shown", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const items = [plainItem(1), plainItem(2), plainItem(3)]
      const [part, whole] = [newBatchId(), newBatchId()]
      yield* store("parts", { id: part, receivedAt: BEGAN + 1, items }, 2)
      yield* store("parts", { id: whole, receivedAt: BEGAN, items })
      for (const search of [{}, { reference: "order-1" }])
        for (const key of yield* pagesOf("parts", search, 10)) assert.include(key, whole)
      assert.isUndefined(yield* queries.wholeBatch("parts", part))
      assert.strictEqual(yield* queries.wholeBatch("parts", whole), 3)
      assert.isUndefined(yield* queries.wholeBatch("strangers", whole))
    }),
  )

  it.effect("refuses a cursor of another filter, another partner, or one that was changed", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const items = [plainItem(1), plainItem(2), plainItem(3)]
      const id = newBatchId()
      yield* store("bound", { id, receivedAt: BEGAN, items })
      const { next } = yield* queries.search("bound", { limit: 1, currency: "EUR" })
      assert.isDefined(next)
      const again = yield* queries.search("bound", { limit: 5, currency: "EUR", cursor: next })
      assert.deepStrictEqual(
        again.entries.map(({ item }) => item),
        [2, 3],
      )
      const moved = Buffer.from(Buffer.from(String(next), "base64url").toString().replace(",1,", ",2,"))
      const refused = yield* Effect.forEach(
        [
          queries.search("bound", { limit: 1, cursor: next }),
          queries.search("other", { limit: 1, currency: "EUR", cursor: next }),
          queries.search("bound", { limit: 1, currency: "EUR", cursor: moved.toString("base64url") }),
          queries.items("bound", id, { limit: 1, cursor: next }),
        ],
        (one) => Effect.flip(Effect.asVoid(one as Effect.Effect<unknown, { readonly _tag: string }>)),
      )
      assert.deepStrictEqual(
        refused.map(({ _tag }) => _tag),
        ["InvalidCursor", "InvalidCursor", "InvalidCursor", "InvalidCursor"],
      )
    }),
  )
})
