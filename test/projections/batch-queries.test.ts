import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { transferReference } from "../../src/domain/identifiers.ts"
import { BatchQueries, type Page, REMARKS_MAX } from "../../src/projections/batch-queries.ts"
import { InboxFiles } from "../../src/providers/banks/files/inbox-files.ts"
import { layer as inboxInPostgres } from "../../src/providers/banks/files/inbox-files-postgres.ts"
import { DUPLICATES, lifeOf, live, newBatchId } from "./batch-life.ts"
import { anotherProjector, caughtUp, readModelStack, rowsOf } from "./read-model-stack.ts"

/** Writes lives to the log and waits until the read models show them. */
const shown = Effect.fnUntraced(function* (partner: string, count: number, itemCount = 8) {
  const ids = yield* Effect.forEach(Array.from({ length: count }), () => live(lifeOf(partner, itemCount), 50))
  yield* caughtUp.pipe(Effect.provide(anotherProjector()))
  return ids
})

/** All pages of a list, one after the other. */
const allPages = Effect.fnUntraced(function* <A, E, R>(
  list: (cursor: string | undefined) => Effect.Effect<Page<A>, E, R>,
) {
  const pages: Array<ReadonlyArray<A>> = []
  let cursor: string | undefined
  do {
    const page = yield* list(cursor)
    pages.push(page.entries)
    cursor = page.next
  } while (cursor !== undefined && pages.length < 100)
  return pages
})

layer(readModelStack(2), { excludeTestServices: true })("batch queries", (it) => {
  it.effect("print amounts with the decimals of their currency", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("decimals", 1, 12)
      const items = yield* queries.items("decimals", id, { limit: 500 })
      assert.deepStrictEqual(
        items?.entries.slice(0, 3).map(({ currency, amount }) => `${amount} ${currency}`),
        ["1234.56 EUR", "1200 JPY", "0.005 KWD"],
      )
      const batch = yield* queries.batch("decimals", id)
      assert.deepStrictEqual(batch?.totals.JPY, {
        held: { count: 1, amount: "1200" },
        unknown: { count: 1, amount: "1200" },
        settled: { count: 2, amount: "2400" },
      })
      assert.deepStrictEqual(batch?.totals.KWD?.settled, { count: 2, amount: "0.010" })
    }),
  )

  it.effect("show a batch and its items as of one version", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("whole", 1)
      const { batch: expected } = lifeOf("whole", 8)
      const batch = yield* queries.batch("whole", id)
      assert.strictEqual(batch?.version, expected.version)
      assert.strictEqual(batch?.receivedAt, expected.receivedAt)
      assert.strictEqual(batch?.updatedAt, expected.updatedAt)
      assert.strictEqual(batch?.state, "settling")
      assert.strictEqual(batch?.closedAt, undefined)
      assert.strictEqual(batch?.executeAt, expected.executeAt)
      assert.isDefined(batch?.executeAt)
      assert.strictEqual(batch?.reference, "march")
      assert.deepStrictEqual(batch?.duplicates, DUPLICATES)
      assert.strictEqual(batch?.rejectedRows, 2)
      const items = yield* queries.items("whole", id, { limit: 500 })
      assert.strictEqual(items?.version, expected.version)
      const { version, updatedAt, attempts, ...rest } = items?.entries[3] ?? {}
      assert.deepStrictEqual(
        attempts?.map(({ requestedAt: _, concludedAt: __, ...attempt }) => attempt),
        [
          {
            attempt: 1,
            bank: "north",
            reference: "ref-4",
            transferId: "t",
            state: "returned",
            code: "MS03",
          },
        ],
      )
      assert.isBelow(version ?? Number.NaN, expected.version + 1)
      assert.isAtMost(updatedAt ?? Number.NaN, expected.updatedAt)
      assert.deepStrictEqual(rest, {
        item: 4,
        reference: "invoice-4",
        beneficiaryName: "Grace Hopper",
        account: "iban …5432",
        currency: "EUR",
        amount: "1234.56",
        state: "returned",
        ledger: "reversed",
        bank: "north",
        transferId: "t",
        transferReference: "ref-4",
        attempt: 1,
        reason: "MS03",
        clearance: { decision: "approved", listVersion: "1", payee: "match" },
      })
    }),
  )

  it.effect("show an item with what banks reported of all its attempts, also when they are rebuilt", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId(), other = newBatchId()] = yield* shown("remarked", 2)
      const reference = (attempt: number, item = 4, batch = id) => transferReference({ batch, item, attempt })
      const remarks = [
        { reference: reference(1), kind: "reason", remark: "AC04: Konto erloschen" },
        { reference: reference(1), kind: "charge", remark: "0.35 EUR (10.35 EUR for 10.00 EUR)" },
        { reference: reference(2), kind: "rate", remark: "7.50 EUR for 1200 JPY at 160.0" },
        { reference: reference(1, 5), kind: "charge", remark: "9.00 EUR" },
        { reference: reference(1, 4, other), kind: "charge", remark: "8.00 EUR" },
      ] as const
      const inbox = yield* InboxFiles
      const finish = (bank: string, digest: string) =>
        inbox.finish({ bank, digest, name: "x" }, { oddities: [], remarks, servicerReferences: [] })
      yield* finish("north", "1")
      yield* finish("north", "2")
      const at = Date.parse("2026-11-27T10:00:00Z")
      yield* rowsOf(
        (sql) => sql`update bank_remarks set seen_at = ${new Date(at)}::timestamptz + interval '1 hour' * (
          case kind when 'charge' then 1 when 'rate' then 2 else 0 end)`,
      )
      const expected = [
        ["north", 1, "reason", "AC04: Konto erloschen", undefined, at],
        ["north", 1, "charge", "0.35 EUR (10.35 EUR for 10.00 EUR)", "0.35", at + 3_600_000],
        ["north", 2, "rate", "7.50 EUR for 1200 JPY at 160.0", undefined, at + 7_200_000],
      ]
      const look = Effect.gen(function* () {
        const detail = yield* queries.item("remarked", id, 4)
        if (detail === undefined || detail === "no such item") return yield* Effect.die("item 4 is shown")
        assert.strictEqual(detail.item.reference, "invoice-4")
        return detail.remarks.map(({ bank, attempt, kind, text, amount, seenAt }) => [
          bank,
          attempt,
          kind,
          text,
          amount?.value,
          seenAt,
        ])
      })
      assert.deepStrictEqual(yield* look, expected)
      yield* rowsOf((sql) => sql`truncate payout_items, payout_batches, projection_checkpoints`)
      assert.isUndefined(yield* queries.item("remarked", id, 4))
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      assert.deepStrictEqual(yield* look, expected)
      assert.isUndefined(yield* queries.item("other", id, 4))
      const [{ count = 0 } = {}] = yield* rowsOf(
        (sql) =>
          sql<Array<{ count: number }>>`select item_count as count from payout_batches where id = ${id}`,
      )
      assert.strictEqual(yield* queries.item("remarked", id, count + 1), "no such item")
      yield* rowsOf((sql) => sql`delete from payout_items where batch = ${id} and item = 4`)
      assert.isUndefined(yield* queries.item("remarked", id, 4), "a part that is not there yet")
    }).pipe(Effect.provide(inboxInPostgres)),
  )

  it.effect("show so many remarks of an item, the earliest", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("talkative", 1)
      const reference = transferReference({ batch: id, item: 1, attempt: 1 })
      const remarks = Array.from({ length: REMARKS_MAX + 20 }, (_, index) => ({
        reference,
        kind: "reason" as const,
        remark: `reason ${String(index).padStart(3, "0")}`,
      }))
      const file = { bank: "north", digest: "many", name: "x" }
      yield* (yield* InboxFiles).finish(file, { oddities: [], remarks, servicerReferences: [] })
      const detail = yield* queries.item("talkative", id, 1)
      if (detail === undefined || detail === "no such item") return yield* Effect.die("item 1 is shown")
      assert.lengthOf(detail.remarks, REMARKS_MAX)
      assert.strictEqual(detail.remarks[0]?.text, "reason 000")
    }).pipe(Effect.provide(inboxInPostgres)),
  )

  it.effect("know nothing of another partner's batches", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("one", 2)
      yield* shown("other", 1)
      assert.isUndefined(yield* queries.batch("other", id))
      assert.isUndefined(yield* queries.items("other", id, { limit: 10 }))
      const listed = yield* queries.batches("other", { limit: 200 })
      assert.deepStrictEqual(
        listed.entries.map(({ idempotencyKey }) => idempotencyKey),
        ["key of other"],
      )
      const { next } = yield* queries.batches("one", { limit: 1 })
      assert.isDefined(next)
      const refused = yield* Effect.flip(queries.batches("other", { limit: 200, cursor: next }))
      assert.strictEqual(refused._tag, "InvalidCursor")
      // A cursor of an earlier release names no list; what it leads to is still the partner's own.
      const unbound = Buffer.from(`["batches",${4e12},"${id}"]`).toString("base64url")
      const continued = yield* queries.batches("other", { limit: 200, cursor: unbound })
      assert.deepStrictEqual(continued.entries, listed.entries)
    }),
  )

  it.effect("list batches newest first, each once over all pages", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const ids = yield* shown("pages", 11)
      // Three moments for eleven batches: the id decides between those of the same moment.
      yield* Effect.forEach(ids, (id, index) =>
        rowsOf(
          (sql) =>
            sql`update payout_batches set received_at = ${new Date(1_000_000 + (index % 3) * 7)} where id = ${id}`,
        ),
      )
      const pages = yield* allPages((cursor) => queries.batches("pages", { limit: 4, cursor }))
      const listed = pages.flat()
      assert.deepStrictEqual(
        pages.map(({ length }) => length),
        [4, 4, 3],
      )
      assert.deepStrictEqual(new Set(listed.map(({ id }) => id)), new Set(ids))
      const times = listed.map(({ receivedAt }) => receivedAt)
      assert.deepStrictEqual(
        times,
        [...times].sort((one, other) => other - one),
      )
      const settling = yield* allPages((cursor) =>
        queries.batches("pages", { limit: 4, cursor, state: ["settling"] }),
      )
      assert.deepStrictEqual(settling.flat(), listed)
      assert.isEmpty((yield* queries.batches("pages", { limit: 4, state: ["failed"] })).entries)
    }),
  )

  it.effect("list items in their order, each once over all pages, and by state", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("items", 1, 25)
      const none: Page<never> = { entries: [], next: undefined }
      const pages = yield* allPages((cursor) =>
        Effect.map(queries.items("items", id, { limit: 10, cursor }), (page) => page ?? none),
      )
      assert.deepStrictEqual(
        pages.map((page) => page.map(({ item }) => item)),
        [range(1, 10), range(11, 20), range(21, 25)],
      )
      const settled = yield* queries.items("items", id, { limit: 500, state: ["settled"] })
      assert.deepStrictEqual(
        settled?.entries.map(({ item }) => item),
        range(8, 25),
      )
      const parked = yield* queries.items("items", id, { limit: 500, state: ["cleared"] })
      assert.deepStrictEqual(parked?.entries, [])
    }),
  )

  it.effect("refuse a cursor that no page of the list gave", () =>
    Effect.gen(function* () {
      const queries = yield* BatchQueries
      const [id = newBatchId()] = yield* shown("cursors", 2)
      const { next } = yield* queries.batches("cursors", { limit: 1 })
      const farFuture = Buffer.from(`["batches",${9e15},"${id}"]`).toString("base64url")
      for (const cursor of ["", "nonsense", farFuture, `${next}x`.slice(3)]) {
        const error = yield* Effect.flip(queries.batches("cursors", { limit: 1, cursor }))
        assert.strictEqual(error._tag, "InvalidCursor")
      }
      const error = yield* Effect.flip(queries.items("cursors", id, { limit: 1, cursor: next }))
      assert.strictEqual(error._tag, "InvalidCursor")
    }),
  )
})

const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
