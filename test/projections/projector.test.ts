import { assert, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Schedule } from "effect"
import { batchState } from "../../src/domain/batch.ts"
import { maskedAccount } from "../../src/domain/beneficiary.ts"
import { fold } from "../../src/domain/evolve.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { PROJECTION, ReadModels } from "../../src/projections/read-models.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import type { Story } from "../domain/batch-story.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { appendRest, CANARY_IBAN, lifeOf, live, newBatchId, open } from "./batch-life.ts"
import { anotherProjector, caughtUp, readModelStack, rowsOf, tables } from "./read-model-stack.ts"

/** What the read models must say of a batch, by a fold of its log that shares no code with the projector. */
const expectedOf = Effect.fnUntraced(function* (id: BatchId) {
  const events = yield* (yield* wholeLog).read(id, 0, 10_000)
  const batch = fold(events.map(({ event }) => event))
  const totals: Record<string, Record<string, { count: number; minor: string }>> = {}
  for (const { currency, state, minor } of batch.items.values()) {
    totals[currency] ??= {}
    const before = totals[currency][state] ?? { count: 0, minor: "0" }
    totals[currency][state] = { count: before.count + 1, minor: String(BigInt(before.minor) + minor) }
  }
  return {
    batch: { id, partner: batch.partner, state: batchState(batch), version: batch.version, totals },
    items: [...batch.items.values()].map((item) => ({
      batch: id,
      item: item.item,
      account: maskedAccount(item.beneficiary.account),
      currency: item.currency,
      minor: item.minor.toString(),
      state: item.state,
      ledger: item.ledger,
      bank: item.attempt?.bank ?? null,
      transfer_reference: item.attempt?.reference ?? null,
      attempt: item.attempt?.attempt ?? null,
    })),
  }
})

/** A row that was read, as it is written: times are texts. */
const asWritten = (row: object) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  )

/** The same facts as they are stored. */
const storedOf = Effect.fnUntraced(function* (id: BatchId) {
  const [batch] = yield* rowsOf(
    (sql) => sql`select id, partner, state, version, totals from payout_batches where id = ${id}`,
  )
  const items = yield* rowsOf(
    (sql) => sql`
      select batch, item, account_masked as account, currency, minor, state, ledger, bank, transfer_reference, attempt
      from payout_items where batch = ${id} order by item`,
  )
  return { batch: { ...batch }, items: items.map((item) => ({ ...item })) }
})

const assertEqualToFold = Effect.fnUntraced(function* (ids: ReadonlyArray<BatchId>) {
  for (const id of ids) assert.deepStrictEqual(yield* storedOf(id), yield* expectedOf(id))
})

const restartFrom = (position: string) =>
  rowsOf(
    (sql) => sql`update projection_checkpoints set position = ${position} where projection = ${PROJECTION}`,
  )

const livesOf = (partner: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, index) => live(lifeOf(partner, 8 + index * 5)))

/** Opens all batches, then appends to them side by side, so that the feed is a weave of them. */
const woven = Effect.fnUntraced(function* (stories: ReadonlyArray<Story>, size: number) {
  const begun = yield* Effect.forEach(stories, (story) =>
    Effect.map(open(newBatchId(), story), (owned) => ({ owned, story })),
  )
  yield* Effect.forEach(begun, ({ owned, story }) => appendRest(owned, story, size), { concurrency: 8 })
  return begun.map(({ owned }) => owned.batch)
})

layer(readModelStack(2), { excludeTestServices: true })("the projector", (it) => {
  it.effect("shows every item and total as the fold of the log does", () =>
    Effect.gen(function* () {
      const before = yield* livesOf("acme", 3)
      yield* Effect.gen(function* () {
        const meanwhile = yield* woven([lifeOf("acme", 30), lifeOf("globex", 8), lifeOf("acme", 700)], 20)
        yield* caughtUp
        yield* assertEqualToFold([...before, ...meanwhile])
      }).pipe(Effect.provide(anotherProjector()))
    }),
  )

  it.effect("changes nothing when the whole feed is replayed", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 2)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      yield* restartFrom("0-0")
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const after = yield* tables
      assert.isNotEmpty(before.items)
      assert.deepStrictEqual(after, before)
    }),
  )

  it.effect("rebuilds the same from nothing", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 2)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      yield* rowsOf((sql) => sql`truncate payout_batches, payout_items, payout_batch_days, payout_acts`)
      yield* restartFrom("0-0")
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      assert.deepStrictEqual(yield* tables, before)
    }),
  )

  it.effect("shows again what a store that was set back has lost, without anything new", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 2)
      yield* Effect.gen(function* () {
        yield* caughtUp
        const before = yield* tables
        assert.isNotEmpty(before.items)
        // Longer than the longest pause between two looks at the feed: the followers are idle.
        yield* Effect.sleep(200)
        yield* rowsOf((sql) => sql`truncate payout_batches, payout_items, payout_batch_days, payout_acts`)
        yield* restartFrom("0-0")
        yield* caughtUp
        assert.deepStrictEqual(yield* tables, before)
      }).pipe(Effect.provide(anotherProjector()))
    }),
  )

  it.effect("begins anew when its checkpoint is put back while it runs", () =>
    Effect.gen(function* () {
      const ids = yield* livesOf("acme", 4)
      yield* Effect.gen(function* () {
        yield* caughtUp
        yield* rowsOf((sql) => sql`truncate payout_batches, payout_items, payout_batch_days, payout_acts`)
        yield* restartFrom("0-0")
        // Something new, and so much that each of the two partitions has some: both try to go on from where they were.
        const more = yield* woven(
          Array.from({ length: 24 }, () => lifeOf("acme", 8)),
          50,
        )
        yield* caughtUp
        yield* assertEqualToFold([...ids, ...more])
      }).pipe(Effect.provide(anotherProjector()))
    }),
  )

  it.effect("may run three times at once", () =>
    Effect.gen(function* () {
      const projectors = Layer.mergeAll(anotherProjector(), anotherProjector(), anotherProjector())
      const ids = yield* Effect.gen(function* () {
        const batches = yield* woven([lifeOf("acme", 40), lifeOf("acme", 60), lifeOf("globex", 20)], 2)
        yield* caughtUp
        return batches
      }).pipe(Effect.provide(projectors))
      yield* assertEqualToFold(ids)
    }),
  )

  it.effect("goes on where it was when the answer to a statement is lost", () =>
    Effect.gen(function* () {
      let stored = 0
      const forgetful = Layer.effect(
        ReadModels,
        Effect.map(ReadModels, (readModels) => ({
          ...readModels,
          store: (changes) =>
            readModels.store(changes).pipe(
              Effect.tap(() =>
                ++stored % 2 === 1
                  ? Effect.fail(
                      new StoreUnavailable({
                        store: "postgres",
                        step: "store",
                        reason: "CONNECTION_CLOSED",
                      }),
                    )
                  : Effect.void,
              ),
            ),
        })),
      )
      const ids = yield* livesOf("acme", 4)
      yield* Effect.gen(function* () {
        yield* caughtUp
        // It does not know that all of that is stored, and goes on with more.
        ids.push(...(yield* livesOf("acme", 4)))
        yield* caughtUp
      }).pipe(Effect.provide(anotherProjector().pipe(Layer.provide(forgetful))))
      assert.isAbove(stored, 1)
      yield* assertEqualToFold(ids)
    }),
  )

  it.effect("folds what comes next while rows are stored, and nothing of it stays if they are not", () =>
    Effect.gen(function* () {
      const isStoring = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<never, StoreUnavailable>()
      let [statements, readMeanwhile] = [0, 0]
      const slow = Layer.effectContext(
        Effect.gen(function* () {
          const [readModels, store] = [yield* ReadModels, yield* EventStore]
          const noted = <A, E, R>(read: Effect.Effect<A, E, R>) =>
            Effect.tap(read, () => Effect.sync(() => (readMeanwhile += statements)))
          return Context.make(ReadModels, {
            ...readModels,
            store: (changes) =>
              statements++ > 0
                ? readModels.store(changes)
                : Effect.andThen(Deferred.succeed(isStoring, undefined), Deferred.await(answer)),
          }).pipe(
            Context.add(EventStore, {
              ...store,
              read: (...of) => noted(store.read(...of)),
              readRanges: (ranges) => noted(store.readRanges(ranges)),
            }),
          )
        }),
      )
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      yield* Effect.gen(function* () {
        const ids = [yield* live(lifeOf("acme", 8), 2)]
        yield* Deferred.await(isStoring)
        ids.push(yield* live(lifeOf("acme", 8), 2))
        yield* Effect.sync(() => readMeanwhile > 0).pipe(
          Effect.repeat({ until: (wasRead) => wasRead, schedule: Schedule.spaced(10) }),
          Effect.timeout("20 seconds"),
        )
        assert.strictEqual(statements, 1, "one statement at a time")
        yield* Deferred.fail(
          answer,
          new StoreUnavailable({ store: "postgres", step: "store", reason: "CONNECTION_CLOSED" }),
        )
        yield* caughtUp
        yield* assertEqualToFold(ids)
      }).pipe(Effect.provide(anotherProjector().pipe(Layer.provide(slow))))
    }),
  )

  it.effect("writes nothing at all from a checkpoint that has moved", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 1)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      const [batch] = before.batches
      const [item] = before.items
      const change = { partition: 0, from: "1-1", to: { position: "2-2", head: undefined } }
      const late = { ...batch, version: 1_000, state: "failed" } as never
      const lateItem = { ...asWritten(item ?? {}), version: 1_000, state: "failed" } as never
      assert.deepStrictEqual(
        yield* (yield* ReadModels).store([
          {
            ...change,
            batches: [late],
            items: [lateItem],
            days: before.days.map((day) => ({ ...asWritten(day), version: 1_000, count: 99 })) as never,
            acts: before.acts.map((act) => ({ ...asWritten(act), version: 1_000 })) as never,
          },
        ]),
        ["elsewhere"],
      )
      assert.deepStrictEqual(yield* tables, before)
    }),
  )

  it.effect("never goes back to an older version, whoever stores it", () =>
    Effect.gen(function* () {
      const [id] = yield* livesOf("acme", 1)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      const [checkpoint] = yield* rowsOf<{ partition: number; position: string }>(
        (sql) => sql`select partition, position from projection_checkpoints where projection = ${PROJECTION}
                     and position <> '0-0'`,
      )
      assert(checkpoint, "something was projected")
      const older = <A extends object>(rows: ReadonlyArray<A>) =>
        rows.map((row) => ({ ...asWritten(row), version: 1, state: "received" })) as never
      const outcome = yield* (yield* ReadModels).store([
        {
          partition: checkpoint.partition,
          from: checkpoint.position,
          to: { position: checkpoint.position, head: undefined },
          batches: older(before.batches.filter((batch) => batch.id === id)),
          items: older(before.items.filter((item) => item.batch === id)),
          days: before.days
            .filter((day) => day.batch === id)
            .map((day) => ({ ...asWritten(day), version: 1, count: 99 })) as never,
          acts: before.acts
            .filter((act) => act.batch === id)
            .map((act) => ({ ...asWritten(act), name: "somebody else" })) as never,
        },
      ])
      assert.deepStrictEqual(outcome, ["moved"])
      assert.deepStrictEqual(yield* tables, before)
    }),
  )

  it.effect("stores no account number, not even one that somebody quotes", () =>
    Effect.gen(function* () {
      const [id] = yield* livesOf("acme", 1)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const dump = yield* (yield* Postgres).query("dump", async (sql) => {
        const names = await sql<Array<{ name: string }>>`
          select table_name as name from information_schema.tables where table_schema = 'public'`
        const texts = await Promise.all(
          names.map(({ name }) => sql`select t::text as row from ${sql(name)} t`),
        )
        return texts.flatMap((rows) => rows.map(({ row }) => String(row)))
      })
      const ownRows = dump.filter((row) => row.includes(id ?? "no batch"))
      assert.isAbove(ownRows.length, 8)
      assert.isTrue(ownRows.some((row) => row.includes("close match with [redacted]")))
      for (const row of dump) assert.notInclude(row, CANARY_IBAN.slice(4, -4))
    }),
  )

  it.effect("replaces what Postgres cannot store as text", () =>
    Effect.gen(function* () {
      const [id = ""] = yield* livesOf("acme", 1)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const [parked] = yield* rowsOf(
        (sql) =>
          sql`select clearance ->> 'listVersion' as lists from payout_items where batch = ${id} and item = 6`,
      )
      assert.deepStrictEqual({ ...parked }, { lists: "lists\uFFFD\uFFFD-6" })
    }),
  )
})
